"""A NoXi-layout folder of real faces and voices goes the whole road."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from affectssm.media.probe import probe
from affectssm.store.faults import read_faults
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader
from tests.workflow.workplace import REPOSITORY, TABLE, Workplace

MEDIA = REPOSITORY.parent / "shared" / "media"
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(
        not MEDIA.is_dir(), reason="needs the real media beside the repository (../shared/media)"
    ),
]
LANGER, SINGLE = "face/WolfgangLanger_Pexels.mp4", "face/single_face.mp4"
SESSIONS = ("train/001", "train/002", "val/003", "test-base/004")


def write_labels(path: Path, seconds: float, phase: float) -> None:
    """Labels of any kind: a slow wave at 25 Hz."""
    time = np.arange(round(seconds * 25)) / 25
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{0.5 + 0.3 * np.sin(value + phase):.4f}\n" for value in time))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Workplace:
    """The road over four sessions; in the last Langer (silent) talks with a person whose voice is a file of its own."""
    found = Workplace.make(tmp_path_factory.mktemp("real") / "clone")
    root, truth = found.folder / "NoXi", found.folder / "truth"
    for number, name in enumerate(SESSIONS):
        session = root / name
        session.mkdir(parents=True)
        expert = LANGER if name.startswith("test") else SINGLE
        (session / "expert.video.mp4").symlink_to(MEDIA / expert)
        (session / "novice.video.mp4").symlink_to(MEDIA / SINGLE)
        shutil.copy(MEDIA / "speech" / "two_channel_16k.wav", session / "novice.audio.wav")
        labels = truth / "noxi" / name if name.startswith("test") else session
        for role, file in (("expert", expert), ("novice", SINGLE)):
            seconds = probe(MEDIA / file).video[0].duration
            write_labels(labels / f"{role}.engagement.annotation.csv", seconds, number)
    settings = {
        "scale": "tiny",
        "features": {"sources": ["extracted"]},
        "experiments": {"models": ["da_mamba"]},
        "corpora": {
            "noxi": {"root": str(root), "ground_truth": str(truth), "shards": 1},
            "noxi_add": {"root": "none"},
            "mpiigi": {"root": "none"},
        },
    }
    (found.folder / "lab.yaml").write_text(yaml.safe_dump(settings))
    found.snakemake(TABLE, config="lab.yaml")
    return found


def shard(place: Workplace, feature: str) -> ShardReader:
    """A feature of the only shard."""
    (path,) = place.folder.glob(f"results/features/noxi-*/{feature}/s00.h5")
    return ShardReader(path)


def test_a_face_in_nearly_every_frame(place):
    with shard(place, "face_track") as reader:
        valid = reader.track("004", "expert").valid
    assert len(valid) == 472
    assert valid.mean() >= 0.95


def test_a_silent_track_has_finite_features_and_a_fault_row(place):
    with shard(place, "wav2vec2") as reader:
        track = reader.track("004", "expert")
    assert len(track.value) > 900
    assert np.isfinite(track.value).all()
    (path,) = place.folder.glob("results/features/noxi-*/wav2vec2/s00.faults.parquet")
    assert "silent_audio" in {fault.code for fault in read_faults(path) if fault.participant == "expert"}


def test_the_timeline_is_as_long_as_the_media(place):
    (path,) = place.folder.glob("results/runs/*/*/1/predictions.parquet")
    table = read_parquet(path).to_pandas()
    for role, file in (("expert", LANGER), ("novice", SINGLE)):
        own = table[(table.recording == "004") & (table.participant == role)]
        assert sorted(own.frame) == list(range(len(own)))
        assert abs(len(own) / 25 - probe(MEDIA / file).video[0].duration) <= 1 / 25
        assert np.isfinite(own.prediction).all()
        assert own.valid.mean() > 0.9


def test_the_table_scores_what_is_there_and_says_what_is_not(place):
    (row,) = [row for row in csv.DictReader(place.read(TABLE).splitlines()) if row["source"] == "measured"]
    assert row["data"] == "real"
    assert np.isfinite(float(row["noxi_base"]))
    assert row["noxi_add"] == row["mpiigi"] == row["global"] == ""
    assert "noxi_add" in row["note"]
    assert "mpiigi" in row["note"]
