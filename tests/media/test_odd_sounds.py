"""Sound whose header says something untrue, whose channels cancel, or which changes midway, is read whole and told."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from affectssm.media.audio import AudioReader
from affectssm.media.probe import MediaError, MediaNote, opened, probe
from affectssm.media.sound_clock import SoundClock
from affectssm.media.wav import WavView, wav_sound
from tests.media.odd_sounds import RATE, chunk, ds64, encoded, joined, noise, tone, wav

TONE = tone(10)
LIST = chunk(b"LIST", b"INFOISFT" + b"\x06\0\0\0Lavf60")


def read(path: Path, **options) -> tuple[np.ndarray, dict[str, MediaNote]]:
    """The sound at 16 kHz and the notes by code; a second reading is the same."""
    reader = AudioReader(path, **options)
    first, again = ([block.samples for block in reader] for _ in range(2))
    for block, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(block, other)
    codes = [note.code for note in reader.notes]
    assert len(codes) == len(set(codes))
    return np.concatenate([*first, np.zeros(0, np.float32)]), {note.code: note for note in reader.notes}


def pitch(sound: np.ndarray) -> float:
    """The strongest frequency in Hz."""
    return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * RATE / len(sound))


@pytest.mark.parametrize(
    "size",
    [96000, 0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 96001, 2, 320000 - 4098],
)
def test_a_wav_is_read_to_its_end_whatever_its_header_says(tmp_path: Path, size: int) -> None:
    path = wav(tmp_path / "a.wav", TONE, size)
    found, notes = read(path)
    np.testing.assert_allclose(found, TONE, atol=1e-4)
    assert list(notes) == ["sound_length"]
    assert "320000 bytes (10.00 s) are there" in notes["sound_length"].found
    assert probe(path).audio[0].samples == 160000


@pytest.mark.parametrize(
    ("before", "size"),
    [
        (ds64(320000), 0xFFFFFFFF),
        (ds64(320000), 320000),
        (chunk(b"JUNK", bytes(29)), 320000),
        (chunk(b"fact", b"\0\0\0\0"), 320000),
    ],
)
@pytest.mark.parametrize(
    "after", [b"", LIST, LIST + chunk(b"id3 ", b"ID3\4"), b"TAG" + b"x" * 125, bytes(500)]
)
def test_a_true_header_is_believed_and_what_follows_is_no_sound(
    tmp_path: Path, before: bytes, size: int, after: bytes
) -> None:
    form = b"RF64" if before.startswith(b"ds64") else b"RIFF"
    found, notes = read(wav(tmp_path / "a.wav", TONE, size, form=form, before=before, after=after))
    np.testing.assert_allclose(found, TONE, atol=1e-4)
    assert not notes


@pytest.mark.parametrize(
    ("form", "before", "size"),
    [
        (b"RF64", ds64(0), 0xFFFFFFFF),
        (b"RF64", ds64((1 << 64) - 1), 0xFFFFFFFF),
        (b"BW64", ds64(96000), 0xFFFFFFFF),
        (b"RF64", chunk(b"JUNK", bytes(28)), 0xFFFFFFFF),
        (b"RIFF", chunk(b"JUNK", bytes(28)), 96000),
    ],
)
def test_sixty_four_bits_may_be_untrue_as_well(tmp_path: Path, form: bytes, before: bytes, size: int) -> None:
    found, notes = read(wav(tmp_path / "a.wav", TONE, size, form=form, before=before))
    np.testing.assert_allclose(found, TONE, atol=1e-4)
    assert list(notes) == ["sound_length"]


@pytest.mark.parametrize("size", [320000, 96000])
def test_an_odd_chunk_that_was_not_padded_hides_no_sound(tmp_path: Path, size: int) -> None:
    before = chunk(b"LIST", b"INFOICMT\3\0\0\0abc", pad=False)
    found, notes = read(wav(tmp_path / "a.wav", TONE, size, before=before))
    np.testing.assert_allclose(found, TONE, atol=1e-4)
    assert list(notes) == ([] if size == 320000 else ["sound_length"])


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_f32le", "pcm_mulaw", "adpcm_ms"])
@pytest.mark.parametrize("size", [30000, 0])
def test_other_formats_in_wav_are_read_to_their_end(tmp_path: Path, codec: str, size: int) -> None:
    """Two channels, as FFmpeg writes them: an extensible format, a LIST chunk before the sound."""
    path = encoded(tmp_path / "a.wav", np.stack([TONE, 0.5 * TONE]), RATE, codec, "wav")
    whole, notes = read(path)
    assert not notes
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    found, notes = read(path)
    np.testing.assert_array_equal(found[: len(whole)], whole)
    assert list(notes) == ["sound_length"] and len(found) - len(whole) < 2000


def test_big_endian_wav_is_refused_by_name(tmp_path: Path) -> None:
    """FFmpeg would read noise."""
    with pytest.raises(MediaError, match="RIFX"):
        probe(wav(tmp_path / "a.wav", TONE, form=b"RIFX"))


def test_a_wav_that_was_cut_says_so_and_chunks_are_no_sound(tmp_path: Path) -> None:
    found, notes = read(wav(tmp_path / "a.wav", TONE[:48000], 320000))
    assert len(found) == 48000
    assert list(notes) == ["truncated_media"]
    assert "until 10.00 s" in notes["truncated_media"].expected
    path = wav(tmp_path / "b.wav", TONE[:0], 0, after=LIST)
    assert len(read(path)[0]) == 0
    assert probe(path).audio[0].samples == 0


@pytest.mark.parametrize("after", [b"", LIST])
@pytest.mark.parametrize("wraps", [1, 2])
def test_a_size_that_wrapped_beyond_four_gigabytes(tmp_path: Path, after: bytes, wraps: int) -> None:
    """A sparse file of more than 4 GB with a tone in its end; its header counts modulo 2^32."""
    path = tmp_path / "a.wav"
    held = (wraps << 32) + 320000
    wav(path, np.zeros(0), 320000)
    body = np.rint(TONE * 32767).astype("<i2").tobytes()
    with path.open("r+b") as file:
        file.seek(44 + held - len(body))
        file.write(body + after)
    sound = wav_sound(path)
    assert sound is not None
    assert (sound.held, sound.promised, sound.differs, sound.readable) == (held, 320000, True, False)
    assert probe(path).audio[0].samples == held // 2
    with WavView(sound) as view:
        view.seek(-len(body), 2)
        assert view.read() == body
    with opened(path) as container:
        stream = container.streams.audio[0]
        container.seek(held // 2 - 80000, stream=stream)
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    np.testing.assert_array_equal(samples[-80000:], np.frombuffer(body, "<i2")[-80000:])


def test_a_large_file_whose_header_is_true_is_left_to_ffmpeg(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", np.zeros(0), 0xFFFFFFFF, form=b"RF64", before=ds64((1 << 32) + 320000))
    with path.open("r+b") as file:
        file.truncate(80 + (1 << 32) + 320000)
    sound = wav_sound(path)
    assert sound is not None
    assert sound.readable and sound.held == (1 << 32) + 320000


@pytest.mark.parametrize(
    ("name", "codec", "patch"),
    [
        ("a.au", "pcm_s16be", (b".snd", 8, struct.pack(">I", 96000))),
        ("a.au", "pcm_s16be", (b".snd", 8, b"\xff" * 4)),
        ("a.flac", "flac", (b"fLaC", 22, struct.pack(">I", 48000))),
        ("a.flac", "flac", (b"fLaC", 22, struct.pack(">I", 0))),
        ("a.mp3", "mp3", (b"Info", 8, struct.pack(">I", 83))),
        ("a.caf", "pcm_s16le", (b"data", 4, struct.pack(">Q", 96004))),
        (
            "a.w64",
            "pcm_s16le",
            (b"data\xf3\xac\xd3\x11", 16, struct.pack("<Q", 96024)),
        ),
        ("a.aiff", "pcm_s16be", (b"SSND", 4, struct.pack(">I", 96008))),
    ],
)
def test_other_containers_give_all_sound_or_say_what_is_there(
    tmp_path: Path, name: str, codec: str, patch: tuple[bytes, int, bytes]
) -> None:
    path = encoded(tmp_path / name, TONE, RATE, codec, name.partition(".")[2])
    assert not read(path)[1]
    mark, offset, value = patch
    data = bytearray(path.read_bytes())
    at = data.index(mark) + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)
    found, notes = read(path)
    assert (
        len(found) == pytest.approx(160000, abs=1200) or "sound_length" in notes or "truncated_media" in notes
    )
    if len(found) < 158000:
        assert "224000 bytes after" in notes["sound_length"].found


def test_a_channel_that_is_the_other_inverted_is_left_out(tmp_path: Path) -> None:
    found, notes = read(wav(tmp_path / "a.wav", np.stack([TONE, -TONE], 1)))
    np.testing.assert_allclose(found, TONE, atol=1e-4)
    assert list(notes) == ["channels_cancel"]
    assert notes["channels_cancel"].found == "channels that cancel each other for 10.0 s"
    assert "channel 1 of 2 was used" in notes["channels_cancel"].expected


@pytest.mark.parametrize("block_s", [0.5, 10.0])
def test_one_inverted_stretch_decides_for_the_whole_file(tmp_path: Path, block_s: float) -> None:
    """The louder channel, 2, is used from the first block on, before the stretch is met."""
    left, right = 0.8 * noise(10, 1), noise(10, 1)
    left[6 * RATE : 9 * RATE] *= -1
    found, notes = read(wav(tmp_path / "a.wav", np.stack([left, right], 1)), block_s=block_s)
    np.testing.assert_allclose(found, right, atol=1e-4)
    assert "3.0 s" in notes["channels_cancel"].found
    assert "channel 2 of 2" in notes["channels_cancel"].expected


def test_nearly_inverted_with_noise_of_its_own_cancels_and_half_as_loud_does_not(tmp_path: Path) -> None:
    sound = noise(5, 1)
    found, notes = read(wav(tmp_path / "a.wav", np.stack([sound, -0.9 * sound + noise(5, 2, 0.01)], 1)))
    np.testing.assert_allclose(found, sound, atol=1e-4)
    assert "channels_cancel" in notes
    found, notes = read(wav(tmp_path / "b.wav", np.stack([sound, -0.4 * sound], 1)))
    np.testing.assert_allclose(found, 0.3 * sound, atol=1e-4)
    assert not notes


def test_channels_that_differ_are_averaged(tmp_path: Path) -> None:
    """Two people, each with a microphone; one who falls silent; the same twice."""
    first, second = noise(6, 1), noise(6, 2)
    first[: 3 * RATE] = 0
    for other in (second, first):
        found, notes = read(wav(tmp_path / "a.wav", np.stack([first, other], 1)))
        np.testing.assert_allclose(found, (first + other) / 2, atol=1e-4)
        assert not notes


def test_hum_against_itself_in_the_pauses_changes_nothing(tmp_path: Path) -> None:
    speech, hum = noise(6, 1), tone(6, 50, level=1e-3)
    speech[2 * RATE : 4 * RATE] = 0
    found, notes = read(wav(tmp_path / "a.wav", np.stack([speech + hum, speech - hum], 1)))
    np.testing.assert_allclose(found, speech, atol=1e-4)
    assert not notes


def test_of_surround_the_inverted_channel_alone_is_left_out(tmp_path: Path) -> None:
    sound, centre, back = noise(4, 1), noise(4, 2), noise(4, 3)
    channels = np.stack([sound, -0.9 * sound, centre, back], 1)
    found, notes = read(wav(tmp_path / "a.wav", channels))
    np.testing.assert_allclose(found, (sound + centre + back) / 3, atol=1e-4)
    assert "channel 1, 3, 4 of 4" in notes["channels_cancel"].expected


def test_three_channels_that_cancel_together_leave_the_loudest(tmp_path: Path) -> None:
    first, second = noise(4, 1), noise(4, 2)
    found, notes = read(wav(tmp_path / "a.wav", np.stack([first, second, -first - second], 1)))
    np.testing.assert_allclose(found, -first - second, atol=1e-4)
    assert "channel 3 of 3" in notes["channels_cancel"].expected


def test_what_is_lost_with_a_channel_is_told(tmp_path: Path) -> None:
    """Inverted for 4 s; then the quieter channel alone sounds for 3 s."""
    sound, other = noise(10, 1), -0.7 * noise(10, 1)
    sound[4 * RATE : 7 * RATE] = 0
    found, notes = read(wav(tmp_path / "a.wav", np.stack([sound, other], 1)))
    np.testing.assert_allclose(found, sound, atol=1e-4)
    assert "for 7.0 s; others alone sound for 3.0 s, which are lost" in notes["channels_cancel"].found


@pytest.mark.parametrize("dead", [np.zeros(160000), np.full(160000, 0.2), noise(10, 5, 1e-5)])
def test_a_dead_channel_does_not_lower_the_level(tmp_path: Path, dead: np.ndarray) -> None:
    found, notes = read(wav(tmp_path / "a.wav", np.stack([dead, TONE], 1)))
    np.testing.assert_allclose(found, TONE, atol=1e-4)
    assert list(notes) == ["silent_channel"]
    assert "channel 1 of 2" in notes["silent_channel"].found


def test_two_dead_channels_are_silence(tmp_path: Path) -> None:
    found, notes = read(wav(tmp_path / "a.wav", np.zeros((RATE, 2))))
    assert len(found) == RATE and not found.any() and not notes


@pytest.mark.parametrize("rate", [8000, 44100])
def test_inverted_sound_at_another_rate_and_in_aac(tmp_path: Path, rate: int) -> None:
    sound = tone(4, 220, rate)
    found, notes = read(wav(tmp_path / "a.wav", np.stack([sound, -sound], 1), rate=rate))
    assert pitch(found) == pytest.approx(220, abs=0.5)
    assert np.abs(found).max() == pytest.approx(0.25, abs=0.01)
    found, notes = read(encoded(tmp_path / "a.mp4", np.stack([sound, -sound]), 48000, "aac", "mp4"))
    assert np.abs(found).max() > 0.2 and "channels_cancel" in notes


@pytest.mark.parametrize(
    ("form", "codec", "rates"),
    [
        ("adts", "aac", (48000, 24000)),
        ("adts", "aac", (22050, 44100)),
        ("mp3", "mp3", (48000, 24000)),
        ("mp3", "mp3", (22050, 44100)),
        ("ac3", "ac3", (48000, 32000)),
        ("mpegts", "aac", (48000, 24000)),
    ],
)
@pytest.mark.parametrize("channels", [(1, 1), (1, 2), (2, 1)])
def test_rate_and_channels_may_change_midway(
    tmp_path: Path, form: str, codec: str, rates: tuple[int, int], channels: tuple[int, int]
) -> None:
    """Two recordings one after another: 3 s of 300 Hz, then 2 s of 700 Hz."""
    parts = []
    for number, (rate, count, seconds, frequency) in enumerate(
        zip(rates, channels, (3, 2), (300, 700), strict=True)
    ):
        sound = np.tile(tone(seconds, frequency, rate, 0.5), (count, 1))
        parts.append(encoded(tmp_path / f"{number}.{form}", sound, rate, codec, form))
    lengths = [len(read(part)[0]) for part in parts]
    found, notes = read(joined(tmp_path / f"whole.{form}", parts))
    assert len(found) == pytest.approx(sum(lengths), abs=0.08 * RATE)
    assert len(found) / RATE == pytest.approx(5, abs=0.2)
    assert pitch(found[RATE // 2 : 2 * RATE]) == pytest.approx(300, abs=1)
    assert pitch(found[-int(1.5 * RATE) : -RATE // 4]) == pytest.approx(700, abs=1)
    assert np.sqrt((found[RATE // 2 :].astype(float) ** 2).mean()) == pytest.approx(0.35, rel=0.08)
    assert (
        f"{rates[0]} Hz" in notes["sound_changes"].found and f"{rates[1]} Hz" in notes["sound_changes"].found
    )
    assert set(notes) <= {"sound_changes", "bad_timestamps"}
    assert ("bad_timestamps" in notes) == (form == "mpegts")


def test_mono_that_goes_on_as_inverted_stereo(tmp_path: Path) -> None:
    first, second = tone(3, 300, 48000), tone(3, 700, 48000)
    parts = [
        encoded(tmp_path / "0.aac", first, 48000, "aac", "adts"),
        encoded(tmp_path / "1.aac", np.stack([second, -second]), 48000, "aac", "adts"),
    ]
    found, notes = read(joined(tmp_path / "whole.aac", parts))
    assert set(notes) == {"sound_changes", "channels_cancel"}
    assert np.abs(found[4 * RATE :]).max() > 0.2
    assert pitch(found[4 * RATE : 5 * RATE]) == pytest.approx(700, abs=1)


def on_clock(pieces: list[tuple[float | None, int]], size: int = 1600) -> tuple[np.ndarray, SoundClock]:
    """Pieces of ``size`` samples at 16 kHz, (time, value), through a clock."""
    clock = SoundClock(RATE)
    found = [piece for at, value in pieces for piece in clock.put(np.full(size, value), RATE, "mono", at)]
    return np.concatenate([*found, *clock.finish()]), clock


def test_one_time_that_is_wrong_loses_nothing_and_makes_no_hole() -> None:
    found, clock = on_clock([(0.0, 1), (0.1, 2), (5.0 - 9.0, 3), (0.3, 4), (0.4, 5)])
    np.testing.assert_array_equal(found, np.repeat([1, 2, 3, 4, 5], 1600))
    assert [note.code for note in clock.notes()] == ["bad_timestamps"]


def test_times_that_stay_behind_go_on() -> None:
    found, clock = on_clock([(0.0, 1), (0.1, 2), (-3.0, 3), (-2.9, 4), (-2.6, 5), (None, 6)])
    np.testing.assert_array_equal(found, np.repeat([1, 2, 3, 4, 0, 0, 5, 6], 1600))
    assert [note.code for note in clock.notes()] == ["audio_hole", "bad_timestamps"]


def test_times_that_begin_anew_lose_no_sound(tmp_path: Path) -> None:
    """Two transport streams one after another, as recorders that split their files leave them."""
    parts = [encoded(tmp_path / f"{f}.ts", tone(2, f, 48000), 48000, "aac", "mpegts") for f in (300, 700)]
    found, notes = read(joined(tmp_path / "whole.ts", parts))
    assert len(found) / RATE == pytest.approx(4, abs=0.1)
    assert pitch(found[: int(1.8 * RATE)]) == pytest.approx(300, abs=1)
    assert pitch(found[-int(1.8 * RATE) :]) == pytest.approx(700, abs=1)
    assert list(notes) == ["bad_timestamps"]


def test_a_bare_stream_that_is_whole_has_nothing_to_report(tmp_path: Path) -> None:
    """FFmpeg estimates the length of a bare stream from its first packets; loud after quiet is no early end."""
    sound = np.concatenate([noise(5, 1, 1e-4), noise(5, 2, 0.3)])
    for form, codec in (("adts", "aac"), ("mp3", "mp3")):
        found, notes = read(encoded(tmp_path / f"a.{form}", sound, RATE, codec, form))
        assert len(found) == pytest.approx(160000, abs=2500) and not notes
