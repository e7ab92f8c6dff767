"""A NoXi-layout folder of videos as recorders and editors leave them goes to its table with nothing lost."""

from __future__ import annotations

import csv

import av
import numpy as np
import pytest
import yaml

from affectssm.corpora.demo.face import SIZE, Motion, render
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader
from affectssm.timeline.clock import clock_times, gather
from tests.corpora.trees import label, wav
from tests.media.odd_videos import write_video
from tests.workflow.workplace import TABLE, Workplace

pytestmark = pytest.mark.workflow

HALF = 0.02  # of a picture, in seconds
SECONDS = 4.0
FREEZE = (1.0, 3.0)
EVEN = np.arange(100) / 25
SLOW = np.concatenate([np.arange(0, 1, 0.04), np.arange(1, 3, 0.1), np.arange(3, SECONDS, 0.04)])
FROZEN = np.concatenate([np.arange(0, FREEZE[0], 0.04), np.arange(FREEZE[1], SECONDS, 0.04)])
FRAGMENTS = {"options": {"movflags": "frag_keyframe+empty_moov"}}
# (session, role) -> suffix, starts of the pictures, how it is written
VIDEOS: dict[tuple[str, str], tuple[str, np.ndarray, dict]] = {
    ("train/001", "expert"): ("avi", EVEN, {"bf": "3"}),
    ("train/001", "novice"): ("avi", EVEN, {"codec": "mpeg4", "bf": "2"}),
    ("train/002", "expert"): ("mp4", EVEN, {"sound": 16000, "container": FRAGMENTS}),
    ("train/002", "novice"): ("avi", FROZEN, {"bf": "2"}),
    ("val/003", "expert"): ("mp4", SLOW, {}),
    ("val/003", "novice"): ("avi", EVEN, {"bf": "3"}),
    ("test-base/004", "expert"): ("mp4", FROZEN, {"bf": "0"}),
    ("test-base/004", "novice"): ("mp4", SLOW, {"bf": "2"}),
}


def faces(count: int) -> list[np.ndarray]:
    """A head that goes round in a small circle."""
    angle = np.arange(count) / 6
    return list(render("a", "b", Motion(8 * np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros(count))))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Workplace:
    """The road over four sessions."""
    found = Workplace.make(tmp_path_factory.mktemp("odd") / "clone")
    root, truth = found.folder / "NoXi", found.folder / "truth"
    pictures = faces(100)
    for (session, role), (suffix, starts, how) in VIDEOS.items():
        write_video(
            root / session / f"{role}.video.{suffix}",
            len(starts),
            times=None if starts is EVEN else starts,
            size=(SIZE, SIZE),
            show=lambda number, size: av.VideoFrame.from_ndarray(pictures[number], format="rgb24"),
            **how,
        )
        if "sound" not in how:
            wav(root / session / f"{role}.audio.wav", SECONDS)
        folder = truth / "noxi" / session if session.startswith("test") else root / session
        label(folder, role, round(SECONDS * 25))
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


def faults(place: Workplace) -> list[dict[str, str]]:
    return list(csv.DictReader(place.read(TABLE.replace(".csv", ".faults.csv")).splitlines()))


def tracks(place: Workplace, feature: str) -> ShardReader:
    (path,) = place.folder.glob(f"results/features/noxi-*/{feature}/s00.h5")
    return ShardReader(path)


def test_no_picture_is_lost_and_each_is_at_its_time(place):
    (manifest,) = place.folder.glob("results/corpora/noxi-*/manifest.parquet")
    measured = {
        (row["recording"], row["participant"]): (row["rate"], row["frames"], row["duration_s"])
        for row in read_parquet(manifest).to_pylist()
        if row["kind"] == "video"
    }
    with tracks(place, "face_track") as reader:
        for (session, role), (_, starts, _) in VIDEOS.items():
            key = session.split("/")[1], role
            track = reader.track(*key)
            assert len(track.time) == len(starts)
            np.testing.assert_allclose(track.time, starts + HALF, atol=HALF / 4)
            assert track.valid.mean() > 0.9
            assert track.rate == 25.0
            assert measured[key] == (25.0, len(starts), pytest.approx(SECONDS, abs=1e-3))


def test_each_second_that_is_not_there_is_in_the_fault_table(place):
    holes = {
        (row["recording"], row["participant"]): (row["found"], row["action"])
        for row in faults(place)
        if row["code"] == "video_hole"
    }
    expected = f"2.00 s without pictures: {FREEZE[0]:.2f} to {FREEZE[1]:.2f} s", "masked"
    frozen = [key for key, (_, starts, _) in VIDEOS.items() if starts is FROZEN]
    assert holes == {(session.split("/")[1], role): expected for session, role in frozen}
    assert {row["code"] for row in faults(place) if row["stream"] == "video"} == {"video_hole"}


@pytest.mark.parametrize("feature", ["face_track", "optical_flow", "landmark_flow"])
def test_a_slow_stretch_is_filled_and_a_freeze_is_not(place, feature):
    frames = clock_times(0, round(SECONDS * 100), 100)
    with tracks(place, feature) as reader:
        for (session, role), (_, starts, _) in VIDEOS.items():
            track = reader.track(session.split("/")[1], role)
            valid = gather(track.time, np.ones(len(track.time), bool), frames, 1 / track.rate)[2]
            inner = (frames > FREEZE[0] + 0.03) & (frames < FREEZE[1] - 0.03)
            assert not valid[inner].any() if starts is FROZEN else valid[inner].all()


def test_the_table_is_made_of_them(place):
    (row,) = [row for row in csv.DictReader(place.read(TABLE).splitlines()) if row["source"] == "measured"]
    assert row["data"] == "real"
    assert np.isfinite(float(row["noxi_base"]))
    (path,) = place.folder.glob("results/runs/*/*/1/predictions.parquet")
    table = read_parquet(path).to_pandas()
    for _, own in table.groupby(["recording", "participant"]):
        assert sorted(own.frame) == list(range(round(SECONDS * 25)))
