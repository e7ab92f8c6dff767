"""A NoXi-layout folder goes the whole road: videos as recorders and editors leave them, of which nothing is lost, and
real faces and voices where they are beside the repository (../shared/media)."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from affectssm.corpora.demo.face import SIZE, Motion, render
from affectssm.media.probe import probe
from affectssm.media.spacing import gather
from affectssm.store.faults import read_faults
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader
from affectssm.timeline.clock import clock_times
from tests.corpora.trees import label, wav
from tests.media.odd_videos import write_video
from tests.workflow.workplace import REPOSITORY, TABLE, Workplace

MEDIA = REPOSITORY.parent / "shared" / "media"
pytestmark = pytest.mark.workflow
real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")
LANGER, SINGLE = "face/WolfgangLanger_Pexels.mp4", "face/single_face.mp4"
# (session, role) -> clip; Langer is silent, and the novices' voice is a file of its own
REAL = {
    ("train/002", "expert"): SINGLE,
    ("train/002", "novice"): SINGLE,
    ("test-base/005", "expert"): LANGER,
    ("test-base/005", "novice"): SINGLE,
}

HALF = 0.02  # of a picture, in seconds
SECONDS = 4.0
FREEZE = (1.0, 3.0)
EVEN = np.arange(100) / 25
SLOW = np.concatenate([np.arange(0, 1, 0.04), np.arange(1, 3, 0.1), np.arange(3, SECONDS, 0.04)])
FROZEN = np.concatenate([np.arange(0, FREEZE[0], 0.04), np.arange(FREEZE[1], SECONDS, 0.04)])
FRAGMENTS = {"options": {"movflags": "frag_keyframe+empty_moov"}}
# (session, role) -> suffix, starts of the pictures, how it is written
VIDEOS: dict[tuple[str, str], tuple[str, np.ndarray, dict]] = {
    ("train/001", "expert"): ("mp4", EVEN, {"sound": 16000, "container": FRAGMENTS}),
    ("train/001", "novice"): ("avi", EVEN, {"codec": "mpeg4", "bf": "2"}),
    ("val/003", "expert"): ("avi", FROZEN, {"bf": "2"}),
    ("val/003", "novice"): ("avi", EVEN, {"bf": "3"}),
    ("test-base/004", "expert"): ("mp4", FROZEN, {"bf": "0"}),
    ("test-base/004", "novice"): ("mp4", SLOW, {"bf": "2"}),
}
ODD = {session.split("/")[1] for session, _ in VIDEOS}


def faces(count: int) -> list[np.ndarray]:
    """A head that goes round in a small circle."""
    angle = np.arange(count) / 6
    return list(render("a", "b", Motion(8 * np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros(count))))


def write_odd(root: Path, truth: Path) -> None:
    """Three sessions of VIDEOS."""
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
        label(labels_of(root, truth, session), role, round(SECONDS * 25))


def write_real(root: Path, truth: Path) -> None:
    """Two sessions of REAL, under labels of any kind: a slow wave at 25 Hz."""
    for (session, role), clip in REAL.items():
        folder, labels = root / session, labels_of(root, truth, session)
        for needed in (folder, labels):
            needed.mkdir(parents=True, exist_ok=True)
        (folder / f"{role}.video.mp4").symlink_to(MEDIA / clip)
        if role == "novice":
            shutil.copy(MEDIA / "speech" / "two_channel_16k.wav", folder / "novice.audio.wav")
        time = np.arange(round(25 * probe(MEDIA / clip).video[0].duration)) / 25
        lines = "".join(f"{0.5 + 0.3 * np.sin(value + len(session)):.4f}\n" for value in time)
        (labels / f"{role}.engagement.annotation.csv").write_text(lines)


def labels_of(root: Path, truth: Path, session: str) -> Path:
    """The folder of a session's labels."""
    return truth / "noxi" / session if session.startswith("test") else root / session


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Workplace:
    """The road over all of them."""
    found = Workplace.make(tmp_path_factory.mktemp("media") / "clone")
    root, truth = found.folder / "NoXi", found.folder / "truth"
    write_odd(root, truth)
    if MEDIA.is_dir():
        write_real(root, truth)
    found.snakemake(TABLE, config=found.noxi_alone(root, truth))
    return found


def faults(place: Workplace) -> list[dict[str, str]]:
    """Faults of the odd videos' sessions."""
    rows = csv.DictReader(place.read(TABLE.replace(".csv", ".faults.csv")).splitlines())
    return [row for row in rows if row["recording"] in ODD]


def predictions(place: Workplace) -> pd.DataFrame:
    (path,) = place.folder.glob("results/runs/*/*/1/predictions.parquet")
    return read_parquet(path).to_pandas()


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


def test_the_table_is_made_of_them_and_says_what_is_not_there(place):
    (row,) = [row for row in csv.DictReader(place.read(TABLE).splitlines()) if row["source"] == "measured"]
    assert row["data"] == "real"
    assert np.isfinite(float(row["noxi_base"]))
    assert row["noxi_add"] == row["mpiigi"] == row["global"] == ""
    assert "noxi_add" in row["note"]
    assert "mpiigi" in row["note"]


def test_each_frame_of_an_odd_video_is_predicted(place):
    table = predictions(place)
    table = table[table.recording.isin(ODD)]
    found = set()
    for key, own in table.groupby(["recording", "participant"]):
        assert sorted(own.frame) == list(range(round(SECONDS * 25)))
        found.add(key)
    assert found == {(s.split("/")[1], role) for s, role in VIDEOS if not s.startswith("train")}


@real
def test_a_real_face_in_nearly_every_frame(place):
    with tracks(place, "face_track") as reader:
        valid = reader.track("005", "expert").valid
    assert len(valid) == 472
    assert valid.mean() >= 0.95


@real
def test_a_silent_track_has_finite_features_and_a_fault_row(place):
    with tracks(place, "wav2vec2") as reader:
        track = reader.track("005", "expert")
    assert len(track.value) > 900
    assert np.isfinite(track.value).all()
    (path,) = place.folder.glob("results/features/noxi-*/wav2vec2/s00.faults.parquet")
    silent = [fault for fault in read_faults(path) if fault.code == "silent_audio"]
    assert ("005", "expert") in {(fault.recording, fault.participant) for fault in silent}


@real
def test_the_timeline_is_as_long_as_the_real_media(place):
    table = predictions(place)
    for role, file in (("expert", LANGER), ("novice", SINGLE)):
        own = table[(table.recording == "005") & (table.participant == role)]
        assert sorted(own.frame) == list(range(len(own)))
        assert abs(len(own) / 25 - probe(MEDIA / file).video[0].duration) <= 1 / 25
        assert np.isfinite(own.prediction).all()
        assert own.valid.mean() > 0.9
