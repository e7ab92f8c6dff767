"""Pictures come with the times at which they are shown, whatever the file looks like."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.media.probe import probe
from affectssm.media.video import VideoReader
from tests.media.synthetic import regular, write_media

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")


def times(path: Path, **options) -> np.ndarray:
    return np.array([picture.time for picture in VideoReader(path, **options)])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(60), Fraction(10)])
def test_times_are_the_centres_of_the_pictures(tmp_path: Path, fps: Fraction) -> None:
    path = write_media(tmp_path / "a.mp4", regular(20, float(fps)), fps=fps)
    np.testing.assert_allclose(times(path), (np.arange(20) + 0.5) / float(fps), atol=1e-4)


def test_pictures_arrive_in_order_and_in_colour_or_gray(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", regular(10, 25), options=None)
    reader = VideoReader(path)
    brightness = [picture.image.mean() for picture in reader]
    np.testing.assert_allclose(brightness, 20 + 7 * np.arange(10), atol=3)
    grey = list(VideoReader(path, pixels="gray", size=(32, 24)))
    assert [(picture.index, picture.image.shape) for picture in grey] == [(n, (24, 32)) for n in range(10)]
    assert reader.notes == []


def test_a_late_start_stays_late(tmp_path: Path) -> None:
    sound = np.zeros(16000, np.float32)
    path = write_media(tmp_path / "a.mp4", regular(10, 25, start=0.6), sound)
    np.testing.assert_allclose(times(path), 0.62 + np.arange(10) / 25, atol=2e-3)
    alone = write_media(tmp_path / "b.mp4", regular(10, 25, start=0.6))
    np.testing.assert_allclose(times(alone), 0.62 + np.arange(10) / 25, atol=2e-3)
    assert probe(alone).video[0].start == pytest.approx(0.6, abs=2e-3)


def test_a_transport_stream_begins_at_zero(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.ts", regular(10, 25), np.zeros(16000, np.float32))
    first = times(path)[0]
    assert 0 <= first < 0.12  # the container itself counts from 1.4 s


def test_variable_rate_keeps_the_real_times(tmp_path: Path) -> None:
    shown = [0.0, 0.04, 0.08, 0.3, 0.34, 1.0]
    path = write_media(tmp_path / "a.mp4", shown)
    found = times(path)
    np.testing.assert_allclose(np.diff(found), np.diff(shown), atol=1e-4)


def test_sampling_follows_the_clock_not_the_count(tmp_path: Path) -> None:
    shown = [*regular(25, 50), *regular(5, 10, start=0.5)]
    path = write_media(tmp_path / "a.mp4", shown, fps=50)
    kept = times(path, fps=10)
    np.testing.assert_allclose(np.diff(kept), 0.1, atol=1e-4)
    assert len(kept) == 10
    assert len(times(path, fps=1000)) == len(shown)


@pytest.mark.parametrize(("rate", "fps", "every"), [(30, 30, 1), (60, 30, 2), (60, 20, 3), (25, 100, 1)])
def test_rounded_times_do_not_disturb_the_sampling(tmp_path: Path, rate: int, fps: float, every: int) -> None:
    """Matroska rounds times to a millisecond."""
    path = write_media(tmp_path / "a.mkv", regular(30, rate), fps=rate)
    kept = [picture.index for picture in VideoReader(path, fps=fps)]
    assert kept == list(range(0, 30, every))


def test_a_cut_file_yields_what_it_has_and_says_so(tmp_path: Path) -> None:
    # the index in front, as a download that broke off has it
    whole = write_media(
        tmp_path / "a.mp4", regular(100, 25), size=(320, 240), options={"movflags": "faststart"}
    )
    cut = tmp_path / "cut.mp4"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    reader = VideoReader(cut)
    assert 20 < sum(1 for _ in reader) < 100
    assert [note.code for note in reader.notes] == ["truncated_media"]
    assert "until 4.00 s" in reader.notes[0].expected


@pytest.mark.parametrize("content", [b"", b"not a video at all", None])
def test_what_is_no_media_gives_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (probe, lambda path: list(VideoReader(path))):
        with pytest.raises(DataError, match=r"a\.mp4"):
            read(path)


def test_a_file_without_index_is_unreadable(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "a.mp4", regular(50, 25))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-600])
    with pytest.raises(DataError, match="not readable as audio or video"):
        probe(cut)


def test_sound_alone_has_no_pictures(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", audio=np.zeros(1600, np.float32), codec="pcm_s16le")
    assert probe(path).video == ()
    with pytest.raises(DataError, match="no video stream"):
        list(VideoReader(path))


@real
def test_real_clips() -> None:
    info = probe(MEDIA / "face" / "WolfgangLanger_Pexels.mp4")
    assert (info.video[0].frames, info.video[0].width, info.video[0].height) == (472, 640, 360)
    assert info.video[0].fps == pytest.approx(24000 / 1001)
    assert info.audio[0].rate == 48000
    reader = VideoReader(MEDIA / "face" / "no_face.mp4", pixels="gray", size=(64, 36))
    found = np.array([picture.time for picture in reader])
    assert len(found) == 95
    np.testing.assert_allclose(np.diff(found), 1 / 24, atol=1e-4)
    assert reader.notes == []
