"""Every picture of every file is there, in order, at the time at which it was taken; what is not there is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from hypothesis import given, settings
from hypothesis import strategies as st

from affectssm.media.audio import AudioReader
from affectssm.media.probe import probe
from affectssm.media.spacing import are_neighbours, gather, holes
from affectssm.media.times import nominal_rate, without_strays
from affectssm.media.video import VideoReader
from affectssm.timeline.clock import clock_times
from tests.media.odd_videos import (
    brightness,
    encoded,
    piped,
    restamped,
    write_avi,
    write_packed,
    write_video,
)

HALF = 0.02  # of a picture, in seconds


def read(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """Times and grey levels of the pictures, and notes {code: found}."""
    reader = VideoReader(path)
    found = [(picture.index, picture.time, picture.image.mean()) for picture in reader]
    index, times, levels = np.array(found).T
    np.testing.assert_array_equal(index, np.arange(len(found)))
    return times, levels, {note.code: note.found for note in reader.notes}


def assert_in_order(levels: np.ndarray, numbers: Sequence[int]) -> None:
    """Whether pictures are those of these numbers: a codec may be off by a level or two, but each one is brighter."""
    expected = np.array([brightness(number) for number in numbers])
    np.testing.assert_allclose(levels, expected, atol=4)
    np.testing.assert_array_equal(np.diff(levels) > 0, np.diff(expected) > 0)


def centres(count: int, rate: float = 25.0) -> np.ndarray:
    return (np.arange(count) + 0.5) / rate


def assert_whole(path: Path, count: int, rate: float = 25.0) -> dict[str, str]:
    """All pictures, in order, at (k + .5) / rate, and so the header's (or the packets') measures."""
    times, levels, notes = read(path)
    assert_in_order(levels, range(count))
    np.testing.assert_allclose(times, centres(count, rate), atol=2e-3)
    for info in (probe(path).video[0], VideoReader(path).info()):
        assert (info.frames, info.fps) == (count, pytest.approx(rate, rel=1e-9))
        assert info.start + info.duration == pytest.approx(count / rate, abs=2e-3)
    return notes


def decoded_in_presentation_order(packets: list[av.Packet]) -> None:
    """Write the times of decoding over those of presentation, as a remux that lost them does."""
    step = packets[1].dts - packets[0].dts
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number * step


def decoded_when_presented(packets: list[av.Packet]) -> None:
    """Write what an encoder writes that holds no picture back."""
    for packet in packets:
        packet.dts = packet.pts


FRAGMENTS = {"options": {"movflags": "frag_keyframe+empty_moov"}}
FINE_MPEG4 = {"codec": "mpeg4", "bf": "2", "qmin": "1", "qmax": "2"}
REORDERED = {
    "h264.avi": {"bf": "3"},
    "one_b.avi": {"bf": "1"},
    "mpeg4.avi": FINE_MPEG4,
    "no_b.avi": {"bf": "0"},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "open_gop.avi": {"bf": "3", "g": "12", "x264-params": "open-gop=1"},
    "h264.h264": {"bf": "3"},
    "hevc.hevc": {"codec": "libx265", "x265-params": "log-level=none:pools=1"},
    "mpeg4.m4v": FINE_MPEG4,
    "fragmented.mp4": {"bf": "3", "container": FRAGMENTS},
    "without_offsets.mp4": {"bf": "3", "change": decoded_in_presentation_order},
    "without_offsets.mkv": {"bf": "3", "change": decoded_in_presentation_order},
    "h264.mp4": {"bf": "3"},
    "h264.mkv": {"bf": "3"},
    "offset.ts": {"bf": "3"},
    "h264.flv": {"bf": "2"},
}


@pytest.mark.parametrize("name", REORDERED)
def test_all_pictures_in_order_whether_the_file_has_times_or_not(tmp_path: Path, name: str) -> None:
    notes = assert_whole(write_video(tmp_path / name, 60, **REORDERED[name]), 60)
    assert list(notes) == (["bad_timestamps"] if name.endswith((".h264", ".hevc")) else [])


def test_b_pictures_packed_into_the_chunk_of_another(tmp_path: Path) -> None:
    assert assert_whole(write_packed(tmp_path / "a.avi", 41), 41) == {}


def test_interlaced_video_of_a_tape(tmp_path: Path) -> None:
    for name in ("a.avi", "a.dv"):
        path = write_video(tmp_path / name, 6, "dvvideo", size=(720, 576))
        assert assert_whole(path, 6) == {}


def test_a_chunk_that_cannot_be_decoded_moves_no_other_picture(tmp_path: Path) -> None:
    _, packets = encoded(60, bf="2", g="20")
    chunks = [bytes(packet) for packet in packets]
    chunks[25] = b"\0\0\0\1\x41" + b"\xff" * 40
    path = write_avi(tmp_path / "a.avi", "libx264", chunks, [packet.is_keyframe for packet in packets])
    times, levels, _ = read(path)
    assert len(times) >= 59
    later = times > 1.6  # from the next key picture on
    np.testing.assert_allclose(times[later], centres(60)[40:], atol=1e-6)
    assert_in_order(levels[later], range(40, 60))


def test_slots_left_empty_by_the_recorder_are_holes(tmp_path: Path) -> None:
    taken = [number for number in range(60) if number not in (20, 21, 40)]
    for name, options in {"a.avi": {"bf": "0"}, "b.avi": {"bf": "2"}, "c.avi": FINE_MPEG4}.items():
        path = write_video(tmp_path / name, 57, times=[number / 25 for number in taken], **options)
        times, levels, notes = read(path)
        assert_in_order(levels, range(57))
        np.testing.assert_allclose(times, (np.array(taken) + 0.5) / 25, atol=1e-6)
        assert notes == {"video_hole": "0.12 s without pictures: 0.80 to 0.88 s, 1.60 to 1.64 s"}


DAMAGE = {
    "back, once": {2000: 100},
    "ahead, once": {2000: 30000},
    "twice the same": {2000: 1960},
    "one of each": {800: 30000, 1600: 1560, 2400: 100},
    "a little back": {2000: 1910},
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("b_pictures", ["0", "3"])
def test_a_damaged_time_costs_no_picture_and_moves_no_other(
    tmp_path: Path, name: str, b_pictures: str
) -> None:
    path = restamped(write_video(tmp_path / "a.mkv", 100, bf=b_pictures), DAMAGE[name])
    times, levels, notes = read(path)
    spoilt = np.isin(centres(100) - HALF, np.array(list(DAMAGE[name])) / 1000)
    assert len(times) == 100
    np.testing.assert_allclose(times, centres(100), atol=HALF if b_pictures == "0" else 2.5 / 25)
    if not name.startswith("a little"):
        assert_in_order(levels, range(100))
        np.testing.assert_allclose(times[~spoilt], centres(100)[~spoilt], atol=2e-3)
    assert list(notes) == ["bad_timestamps"]
    assert (np.diff(times) > 0).all()


def test_times_that_begin_anew_go_on(tmp_path: Path) -> None:
    once = write_video(tmp_path / "once.ts", 100, bf="2").read_bytes()
    path = tmp_path / "twice.ts"
    path.write_bytes(once + once)
    times, levels, notes = read(path)
    assert_in_order(levels, [*range(100), *range(100)])
    np.testing.assert_allclose(times, centres(200), atol=2e-3)
    assert "bad_timestamps" in notes
    assert probe(path).video[0].duration == pytest.approx(8.0, abs=2e-3)


def slowing(fast: int, slow: int, spacing: float) -> np.ndarray:
    """Starts of pictures: ``fast`` at 25 Hz, ``slow`` further apart, ``fast`` again."""
    steps = np.concatenate([np.full(fast, 0.04), np.full(slow, spacing), np.full(fast, 0.04)])
    return np.concatenate([[0.0], np.cumsum(steps)[:-1]])


@pytest.mark.parametrize("fast", [40, 120], ids=["19 Hz in all", "22 Hz in all"])
def test_a_camera_that_slows_is_followed_whatever_its_average(tmp_path: Path, fast: int) -> None:
    starts = slowing(fast, 20, 0.1)
    path = write_video(tmp_path / "a.mp4", len(starts), times=starts, bf="0")
    times, levels, notes = read(path)
    assert_in_order(levels, range(len(starts)))
    np.testing.assert_allclose(times, starts + HALF, atol=2e-3)
    info = probe(path).video[0]
    assert (info.fps, info.frames) == (25.0, len(starts))
    assert notes == {}
    frames = clock_times(0, int(starts[-1] * 100), 100)
    assert gather(times, np.ones(len(times), bool), frames, 1 / info.fps)[2].all()


def test_a_freeze_is_invalid_and_said_at_the_nominal_rate(tmp_path: Path) -> None:
    starts = [*np.arange(0, 2, 0.04), *np.arange(12, 14, 0.04)]
    path = write_video(tmp_path / "a.mp4", 100, times=starts, bf="0")
    times, _, notes = read(path)
    info = probe(path).video[0]
    assert (info.fps, info.frames, info.duration) == (25.0, 100, pytest.approx(14.0))
    assert notes == {"video_hole": "10.00 s without pictures: 2.00 to 12.00 s"}
    frames = clock_times(0, 1400, 100)
    valid = gather(times, np.ones(100, bool), frames, 1 / info.fps)[2]
    np.testing.assert_array_equal(valid, (frames < times[49] + 1e-3) | (frames > times[50] - 1e-3))


WITHOUT_B = {
    "h264": {"x264-params": "b-bias=-100:scenecut=0"},
    "mpeg4": {"codec": "mpeg4", "b_strategy": "1"},
    "at_once": {"codec": "mpeg4", "b_strategy": "1", "change": decoded_when_presented},
}


@pytest.mark.parametrize(
    "name",
    ["h264.mp4", "h264.mkv", "h264.avi", "mpeg4.mp4", "mpeg4.mkv", "mpeg4.avi", "at_once.mp4", "at_once.mkv"],
)
def test_an_encoder_that_might_have_reordered_and_did_not_keeps_the_freeze_in_its_place(
    tmp_path: Path, name: str
) -> None:
    right = [*np.arange(50) / 25, *12 + np.arange(50) / 25]
    path = write_video(tmp_path / name, 100, times=right, bf="2", **WITHOUT_B[name.partition(".")[0]])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.reorder_depth
        assert not any(frame.pict_type == PictureType.B for frame in container.decode(stream))
    times, _, notes = read(path)
    np.testing.assert_allclose(times, np.array(right) + HALF, atol=2e-3)
    assert notes == {"video_hole": "10.00 s without pictures: 2.00 to 12.00 s"}


def test_one_picture_in_the_middle_of_a_freeze_bridges_nothing(tmp_path: Path) -> None:
    starts = [*np.arange(0, 1, 0.04), 3.0, *np.arange(5, 6, 0.04)]
    path = write_video(tmp_path / "a.mkv", len(starts), times=starts)
    assert read(path)[2] == {"video_hole": "3.96 s without pictures: 1.00 to 3.00 s, 3.04 to 5.00 s"}


def test_many_holes_are_counted(tmp_path: Path) -> None:
    starts = np.concatenate([np.arange(5) / 25 + second for second in range(8)])
    found = read(write_video(tmp_path / "a.mp4", 40, times=starts))[2]["video_hole"]
    assert found.startswith("5.60 s without pictures: 0.20 to 1.00 s, ")
    assert found.endswith(" and 2 more")


def test_a_telephone_of_variable_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    starts = np.cumsum(1 / 30 + rng.uniform(-0.006, 0.006, 90)).round(3)
    path = write_video(tmp_path / "a.mp4", 90, times=starts - starts[0], bf="2")
    times, levels, notes = read(path)
    assert_in_order(levels, range(90))
    np.testing.assert_allclose(np.diff(times), np.diff(starts), atol=2e-3)
    assert probe(path).video[0].fps == pytest.approx(30, rel=0.05)
    assert notes == {}


PADDED = {
    "fragmented.mp4": {"sound": 48000, "container": FRAGMENTS},
    "fragmented_16k.mp4": {"sound": 16000, "container": FRAGMENTS},
    "delayed.mp4": {"sound": 16000, "container": {"options": {"movflags": "frag_keyframe+delay_moov"}}},
    "no_edit_list.mp4": {"sound": 48000, "container": {"options": {"use_editlist": "0"}}},
    "plain.mp4": {"sound": 16000},
    "plain.mkv": {"sound": 16000},
    "plain.ts": {"sound": 48000},
    "plain.flv": {"sound": 44100},
    "pcm.avi": {"sound": 48000, "sound_codec": "pcm_s16le"},
    "b_pictures.mp4": {"sound": 48000, "bf": "3"},
    "b_pictures.ts": {"sound": 48000, "bf": "3"},
    "b_pictures.mkv": {"sound": 48000, "bf": "3"},
    "b_pictures.flv": {"sound": 44100, "bf": "3"},
    "b_pictures_fragmented.mp4": {"sound": 48000, "bf": "3", "container": FRAGMENTS},
    "b_pictures_no_edit_list.mp4": {
        "sound": 48000,
        "bf": "3",
        "container": {"options": {"use_editlist": "0"}},
    },
}


@pytest.mark.parametrize("name", PADDED)
def test_what_an_encoder_puts_around_the_sound_moves_nothing(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, 100, **({"bf": "0"} | PADDED[name]))
    assert assert_whole(path, 100) == {}
    wave = np.concatenate([block.samples for block in AudioReader(path)])
    clicks = [
        np.flatnonzero(abs(wave[second * 16000 - 1600 * (second > 0) :]) > 0.1)[0] for second in range(4)
    ]
    np.testing.assert_allclose(clicks, [0, 1600, 1600, 1600], atol=40)


def test_avi_moves_by_whole_pictures_for_its_sound(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 100, sound=48000, sound_codec="libmp3lame", bf="0")
    assert assert_whole(path, 100) == {}


def test_a_camera_that_starts_late_stays_late_beside_its_sound(tmp_path: Path) -> None:
    starts = np.arange(50) / 25 + 0.6
    for name, container in {"a.mp4": {}, "b.mp4": FRAGMENTS, "c.mkv": {}, "d.ts": {}}.items():
        path = write_video(tmp_path / name, 50, times=starts, sound=48000, container=container)
        times, _, _ = read(path)
        # what comes before the sound, 1024 samples, is not known beside such a delay
        np.testing.assert_allclose(times[1:], starts[1:] + HALF, atol=1024 / 48000 + 2e-3)


UNKNOWN = {
    "a.mkv": {"codec": "libx264"},
    "a.webm": {"codec": "libvpx", "form": "webm", "crf": "4", "b": "4M"},
    "a.ts": {"codec": "libx264", "form": "mpegts"},
    "a.h264": {"codec": "libx264", "form": "h264"},
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_length_that_no_header_knows_is_counted(tmp_path: Path, name: str) -> None:
    assert_whole(piped(tmp_path / name, 65, **UNKNOWN[name]), 65)


SOUND_ALONE = {
    "a.aac": ("adts", "aac", {}, {}),
    "no_tag.mp3": ("mp3", "libmp3lame", {"write_xing": "0"}, {"q": "2"}),
    "tag.mp3": ("mp3", "libmp3lame", {}, {"q": "2"}),
    "a.ac3": ("ac3", "ac3", {}, {}),
}


@pytest.mark.parametrize("name", SOUND_ALONE)
def test_sound_of_unknown_length_is_counted(tmp_path: Path, name: str) -> None:
    form, codec, container, options = SOUND_ALONE[name]
    path, rate = tmp_path / name, 48000
    noise = np.random.default_rng(1).normal(0, 0.3, 5 * rate)
    noise[: 3 * rate] = 0  # silence takes fewer bits than the average
    with av.open(str(path), "w", format=form, options=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono", options=options)
        stream.codec_context.qscale = bool(options)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(noise[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode())
    info = probe(path).audio[0]
    assert info.duration == pytest.approx(5.0, abs=0.1)
    assert info.samples == round(info.duration * rate)
    reader = AudioReader(path)
    assert sum(len(block.samples) for block in reader) / 16000 == pytest.approx(5.0, abs=0.1)
    assert reader.notes == []


@given(st.lists(st.integers(0, 15), min_size=20, max_size=200), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_what_a_codec_reorders_is_no_stray(delays: list[int], seed: int) -> None:
    gaps = np.random.default_rng(seed).choice([0.03, 0.04, 0.1, 7.0], len(delays))
    time = np.cumsum(gaps)
    order = np.argsort(np.arange(len(delays)) + delays, kind="stable")  # shown up to 15 places away
    np.testing.assert_array_equal(without_strays(time[order]), time[order])


def test_strays_are_found_on_both_sides() -> None:
    time = np.arange(300) / 25
    spoilt = time.copy()
    spoilt[[50, 200]] = 9000.0, 0.0
    expected = np.where(np.isin(np.arange(300), [50, 200]), np.nan, time)
    np.testing.assert_array_equal(without_strays(spoilt), expected)
    assert without_strays(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("rate", [24000 / 1001, 25, 30000 / 1001, 50, 60])
def test_the_nominal_rate_is_that_of_most_steps(rate: float) -> None:
    rounded = np.round(np.arange(300) / rate, 3)
    frozen = np.where(rounded > rounded[100], rounded + 20, rounded)
    for time in (rounded, frozen, np.delete(rounded, np.arange(10, 290, 7))):
        assert nominal_rate(time, [rate]) == rate
        assert nominal_rate(time, [12.5]) == pytest.approx(rate, rel=2e-3)
    assert nominal_rate(time[:1], [12.5, 3.0]) == 12.5


@given(st.lists(st.floats(0.2, 30), min_size=1, max_size=30), st.floats(0.01, 1))
@settings(max_examples=100, deadline=None)
def test_neighbours_are_what_the_rule_says(periods: list[float], period: float) -> None:
    """Against the rule written out gap by gap; a gap within rounding of a border is not judged."""
    gap = np.array(periods) * period
    padded = np.array([0.0, *gap, 0.0])
    found = are_neighbours(padded[:-2], gap, padded[2:], period)
    for number, one in enumerate(periods):
        around = [
            other for other in (periods[number - 1 : number] + periods[number + 1 : number + 2]) if other
        ]
        borders = [2.0, 5.0, *(2 * other for other in around), *(other / 2 for other in around)]
        if min(abs(one - border) for border in borders) < 1e-3:
            continue
        similar = any(other / 2 < one < 2 * other for other in around)
        assert found[number] == (one < 2 or (similar and one <= 5))
    empty = holes(np.concatenate([[0.0], np.cumsum(gap)]), period)
    assert len(empty) == (~found).sum()
    np.testing.assert_allclose((empty[:, 1] - empty[:, 0]).sum(), (gap[~found] - period).sum(), atol=1e-9)


@pytest.mark.parametrize("b_pictures", ["0", "3"])
def test_what_an_editor_cut_off_is_not_shown(tmp_path: Path, b_pictures: str) -> None:
    starts = (np.arange(60) - 10) / 25  # in MP4 an edit list begins at zero
    times, levels, notes = read(write_video(tmp_path / "a.mp4", 60, times=starts, bf=b_pictures))
    assert_in_order(levels, range(10, 60))
    np.testing.assert_allclose(times, centres(50), atol=2e-3)
    assert (probe(tmp_path / "a.mp4").video[0].frames, notes) == (50, {})
