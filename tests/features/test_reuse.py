"""Features of the same files are taken over when an edition is named, moves, or is spread over other shards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora.checksums import fingerprint
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.features.extract import Shard, extract_shard
from affectssm.features.faces import FaceTrack
from affectssm.features.optical_flow import OpticalFlow
from affectssm.store import layout
from affectssm.store.card import make_card
from affectssm.store.faults import read_faults
from affectssm.store.shards import ShardReader
from tests.features.helpers import FLOW_SETTINGS
from tests.features.test_extract import corpus
from tests.features.test_flow import moving_video
from tests.media.synthetic import write_media

SETTINGS = {"face_track": {"min_confidence": 0.5, "zoom": 1}, "optical_flow": FLOW_SETTINGS}


def extract(
    results: Path, root: Path, edition: str, rows: list[StreamRow], feature: str, named: bool
) -> list[Path]:
    """Extract a feature of every shard."""
    folder = results / "features" / f"noxi-{edition}"
    manifest = results / "corpora" / folder.name / "manifest.parquet"
    write_manifest(manifest, rows, make_card("test", ["affectssm.errors"], {}))
    made = []
    for shard in sorted({row.shard for row in rows}):
        out = layout.track(folder, feature, shard)
        faces = layout.track(folder, "face_track", shard) if feature != "face_track" else None
        extract_shard(
            feature,
            Shard(manifest, shard, root, named=named),
            SETTINGS[feature],
            out,
            layout.faults_of(out),
            faces,
        )
        made.append(out)
    return made


def tracks(files: list[Path]) -> dict[tuple[str, str], bytes]:
    found = {}
    for file in files:
        with ShardReader(file) as reader:
            keys = reader.keys()
            found |= {key: reader.track(*key).value.tobytes() for key in keys}
    return found


def faults(files: list[Path]) -> list:
    return [fault for file in files for fault in read_faults(layout.faults_of(file))]


@pytest.fixture
def rows(tmp_path: Path) -> list[StreamRow]:
    moving_video(tmp_path / "a.mp4", np.zeros((3, 2), np.float32))
    moving_video(tmp_path / "b.mp4", np.ones((4, 2), np.float32))
    write_media(tmp_path / "none.mp4", audio=np.zeros(1600, np.float32))
    return corpus(
        tmp_path,
        {"001/expert": "a.mp4", "001/novice": "none.mp4", "002/expert": "b.mp4", "003/expert": "a.mp4"},
    )


@pytest.mark.parametrize(
    ("before", "after"), [(False, True), (True, True), (True, False), (False, False)],
    ids=["named", "moved below its root", "name taken back", "unnamed"],
)  # fmt: skip
def test_nothing_is_extracted_again(
    tmp_path: Path, rows: list[StreamRow], monkeypatch: pytest.MonkeyPatch, before: bool, after: bool
) -> None:
    results = tmp_path / "results"
    first = {name: extract(results, tmp_path, "old", rows, name, before) for name in SETTINGS}
    known = {name: (tracks(files), faults(files)) for name, files in first.items()}
    elsewhere = "inner" if before and after else ""
    disk = tmp_path / "disk" / elsewhere
    disk.mkdir(parents=True)
    for video in tmp_path.glob("*.mp4"):
        video.rename(disk / video.name)
    now = [
        replace(
            row, path=f"{elsewhere}/{row.path}" if elsewhere else row.path, shard=f"s0{row.recording[-1]}"
        )
        for row in rows
    ]

    def never(*_: object) -> None:
        raise AssertionError("extracted again")

    monkeypatch.setattr(FaceTrack, "extract", never)
    monkeypatch.setattr(OpticalFlow, "extract", never)
    for name in SETTINGS:
        files = extract(results, tmp_path / "disk", "new", now, name, after)
        assert len(files) == 3
        assert (tracks(files), faults(files)) == known[name]
    assert known["face_track"][1], "the corpus has a fault that is taken over"


def test_only_a_recording_whose_file_differs_is_extracted(
    tmp_path: Path, rows: list[StreamRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    extract(results, tmp_path, "old", rows, "face_track", named=True)
    seen: list[str] = []
    read = FaceTrack.extract

    def noted(self: FaceTrack, source):
        seen.append(source.row.recording)
        yield from read(self, source)

    monkeypatch.setattr(FaceTrack, "extract", noted)
    moving_video(tmp_path / "b.mp4", np.ones((5, 2), np.float32))
    changed = {
        "bytes": (tmp_path / "b.mp4").stat().st_size,
        "checksum": fingerprint([tmp_path / "b.mp4"], "sha256"),
    }
    now = [replace(row, **changed) if row.recording == "002" else row for row in rows]
    extract(results, tmp_path, "new", now, "face_track", named=True)
    assert seen == ["002"]


def test_without_a_name_a_file_at_another_place_is_another_file(
    tmp_path: Path, rows: list[StreamRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    extract(results, tmp_path, "old", rows, "face_track", named=False)
    (tmp_path / "in").mkdir()
    (tmp_path / "a.mp4").rename(tmp_path / "in" / "a.mp4")
    monkeypatch.setattr(FaceTrack, "extract", lambda *_: iter(()))
    now = [replace(row, path="in/a.mp4") for row in rows if row.path == "a.mp4"]
    assert not tracks(extract(results, tmp_path, "new", now, "face_track", named=False))
