"""What the manifest says of media: counted where no header knows it, the pictures before the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trees import SETTINGS, codes, dyad, label, mp4, one, pick, streams, wav

from affectssm.corpora import noxi
from affectssm.corpora.manifest import Manifest, label_frames
from tests.media.odd_videos import piped, write_video


def found(root: Path) -> Manifest:
    return noxi.discover(root, None, SETTINGS)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mov", "mkv", "webm", "MP4", "AVI"])
@pytest.mark.parametrize("infix", ["video.", ""])
def test_videos_are_found_in_whatever_a_recorder_writes(tmp_path: Path, suffix: str, infix: str) -> None:
    codec = "libvpx" if suffix == "webm" else "libx264"
    write_video(tmp_path / f"train/001/expert.{infix}{suffix}", 50, codec)
    dyad(tmp_path / "train/001", rows=50)
    row = one(found(tmp_path), kind="video")
    assert (row.rate, row.frames, row.duration_s) == (25.0, 50, pytest.approx(2.0, abs=2e-3))


def test_of_two_formats_the_owners_is_taken_and_said(tmp_path: Path) -> None:
    for suffix in ("avi", "mp4", "mkv"):
        write_video(tmp_path / f"train/001/expert.video.{suffix}", 50)
    dyad(tmp_path / "train/001", rows=50)
    manifest = found(tmp_path)
    assert one(manifest, kind="video").path.endswith(".mp4")
    assert "duplicate_stream" in codes(manifest, participant="expert", stream="video")


FRAGMENTS = {"options": {"movflags": "frag_keyframe+empty_moov"}}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mp4", {"sound": 48000, "container": FRAGMENTS}),
        ("mp4", {"sound": 16000, "container": FRAGMENTS, "bf": "0"}),
        ("mkv", {"sound": 16000}),
        ("avi", {"sound": 48000, "sound_codec": "libmp3lame"}),
        ("avi", {"bf": "3"}),
    ],
)
def test_the_pictures_decide_how_many_frames_a_label_has(tmp_path: Path, name: str, options: dict) -> None:
    write_video(tmp_path / f"test-base/010/expert.video.{name}", 100, **options)
    rows = found(tmp_path).rows
    assert label_frames(row for row in rows if row.participant == "expert") == 100
    assert {row.frames for row in rows if row.kind == "video"} == {100}


def test_a_length_that_no_header_knows_is_counted_and_the_session_stays(tmp_path: Path) -> None:
    folder = tmp_path / "test-base/010"
    folder.mkdir(parents=True)
    piped(folder / "expert.video.mkv", 100)
    piped(folder / "novice.video.mp4", 100, form="h264")  # FFmpeg goes by what is in it
    rows = found(tmp_path).rows
    assert [(row.participant, row.rate, row.frames, row.duration_s) for row in rows] == [
        ("expert", 25.0, 100, pytest.approx(4.0)),
        ("novice", 25.0, 100, pytest.approx(4.0)),
    ]


def test_a_camera_that_slows_or_freezes_keeps_its_rate(tmp_path: Path) -> None:
    slow = np.concatenate([np.arange(25) / 25, 1 + np.arange(20) / 10])
    frozen = np.concatenate([np.arange(25) / 25, 11 + np.arange(25) / 25])
    for role, starts in {"expert": slow, "novice": frozen}.items():
        write_video(tmp_path / f"train/001/{role}.video.mp4", len(starts), times=starts)
        label(tmp_path / "train/001", role, round(25 * (starts[-1] + 0.04)))
    manifest = found(tmp_path)
    assert [(row.rate, row.frames) for row in pick(manifest, kind="video")] == [(25.0, 45), (25.0, 50)]
    assert one(manifest, kind="video", participant="novice").duration_s == pytest.approx(12.0)


def test_a_file_with_nothing_in_it_is_no_stream(tmp_path: Path) -> None:
    folder = tmp_path / "train/001"
    dyad(folder)
    wav(folder / "expert.audio.wav", 0.0)
    whole = piped(folder / "expert.video.mkv", 3)
    data = whole.read_bytes()
    whole.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75")])  # up to the first cluster
    mp4(folder / "novice.video.mp4", 50)
    manifest = found(tmp_path)
    assert not pick(manifest, participant="expert", kind="audio")
    assert not pick(manifest, participant="expert", kind="video")
    reasons = {fault.stream: fault.code for fault in manifest.faults.rows if fault.participant == "expert"}
    assert reasons["audio"] == "empty_media"
    assert reasons["video"] in ("empty_media", "unreadable_media")
    assert one(manifest, participant="novice", kind="video").frames == 50


def test_a_coding_that_nobody_knows_is_no_stream(tmp_path: Path) -> None:
    path = write_video(tmp_path / "train/001/expert.video.avi", 50, sound=16000, sound_codec="pcm_s16le")
    path.write_bytes(path.read_bytes().replace(b"H264", b"ZZZZ"))
    dyad(tmp_path / "train/001")
    manifest = found(tmp_path)
    assert codes(manifest, participant="expert", stream="video") == ["no_video_stream"]
    assert one(manifest, participant="expert", kind="audio").duration_s == pytest.approx(2.0)


def test_streams_beside_a_video_of_unknown_length_keep_their_rate(tmp_path: Path) -> None:
    folder = tmp_path / "test-base/010"
    streams(folder, "expert", rows=100)
    piped(folder / "expert.video.mkv", 100)
    manifest = found(tmp_path)
    assert {row.rate for row in manifest.rows} == {25.0}
    assert "stream_rate_decided" not in codes(manifest)
