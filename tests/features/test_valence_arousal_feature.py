"""The label feature of valence and arousal: a row a frame of the video, from discovery on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.discover import discover_corpus
from affectssm.features.extract import Shard, extract_shard
from affectssm.features.valence_arousal import Labels
from affectssm.settings.corpora import AffWild2Settings
from affectssm.store.faults import read_faults
from affectssm.store.shards import ShardReader
from tests.features.helpers import row, run


def test_a_row_lies_in_the_middle_of_its_frame(tmp_path: Path) -> None:
    path = tmp_path / "video1.txt"
    path.write_text("valence,arousal\n0.5,-0.25\n-5,-5\n1,1\n")
    extractor = Labels("valence_arousal", {})
    track, source = run(extractor, path, kind="annotation", rate=12.5, dim=2)
    assert track.value.tolist() == [[0.5, -0.25], [0, 0], [1, 1]] and track.value.dtype == np.float32
    assert track.valid.tolist() == [True, False, True]
    assert np.allclose(track.time, [0.04, 0.12, 0.2]) and track.rate == 12.5
    assert not source.notes  # discovery has told


def test_it_is_of_labels_with_two_columns_outside_of_test_parts() -> None:
    extractor = Labels("valence_arousal", {})
    assert extractor.wants(row(kind="annotation", dim=2))
    assert not extractor.wants(row(kind="annotation", dim=1))
    assert not extractor.wants(row(kind="annotation", dim=2, split="test"))


def test_two_people_of_a_video_have_a_track_each(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name, value in (("video59", 0.1), ("video59_right", 0.2)):
        (root / "cropped_aligned" / name).mkdir(parents=True)
        (root / "cropped_aligned" / name / "00001.jpg").write_bytes(b"a picture")
        text = root / "VA_Set" / "Validation_Set" / f"{name}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(f"valence,arousal\n{value},{-value}\n0,0\n")
    settings = AffWild2Settings(lacks=("train", "test", "videos"))
    discover_corpus("affwild2", root, None, settings, tmp_path)
    out, faults = tmp_path / "labels.h5", tmp_path / "faults.parquet"
    extract_shard("valence_arousal", Shard(tmp_path / "manifest.parquet", "s00", root), {}, out, faults)
    with ShardReader(out) as reader:
        assert reader.keys() == [("video59", "video59"), ("video59", "video59_right")]
        for name, value in (("video59", 0.1), ("video59_right", 0.2)):
            assert np.allclose(reader.track("video59", name).value, [[value, -value], [0, 0]])
    assert not read_faults(faults)
    out, faults = tmp_path / "engagement.h5", tmp_path / "other.parquet"
    extract_shard("engagement", Shard(tmp_path / "manifest.parquet", "s00", root), {}, out, faults)
    with ShardReader(out) as reader:
        assert not reader.keys()  # it is another label
