"""Sound arrives on the file's clock, at one rate, in bounded pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.media.audio import AudioReader
from affectssm.media.probe import probe
from tests.media.synthetic import regular, write_media

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")


def read(path: Path, **options) -> np.ndarray:
    blocks = list(AudioReader(path, **options))
    assert [block.start for block in blocks] == list(
        np.cumsum([0] + [len(block.samples) for block in blocks])[:-1]
    )
    return np.concatenate([block.samples for block in blocks])


def burst(rate: int, at: float = 0.5, length: float = 1.5) -> np.ndarray:
    """Silence with a 1 kHz burst of 10 ms at ``at`` seconds."""
    time = np.arange(round(rate * length)) / rate
    return (
        np.where((time >= at) & (time < at + 0.01), np.sin(2 * np.pi * 1000 * time), 0).astype(np.float32)
        * 0.8
    )


def centre(samples: np.ndarray, rate: int = 16000) -> float:
    energy = samples.astype(np.float64) ** 2
    return float((energy * np.arange(len(samples))).sum() / energy.sum() / rate)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 16000),
        ("a.wav", "pcm_f32le", 44100),
        ("a.wav", "pcm_u8", 8000),
        ("a.flac", "flac", 48000),
        ("a.mp4", "aac", 44100),
        ("a.mp4", "aac", 16000),
        ("a.mkv", "aac", 48000),
    ],
)
def test_a_sound_is_where_it_was_put(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    path = write_media(tmp_path / name, audio=burst(rate), rate=rate, codec=codec)
    found = read(path)
    assert centre(found) == pytest.approx(0.505, abs=0.002)
    assert abs(len(found) - 24000) <= (0 if codec.startswith(("pcm", "flac")) else 1024)
    assert np.abs(found).max() == pytest.approx(0.8, rel=0.15)


def test_a_late_track_begins_with_silence(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", regular(50, 25), burst(16000), audio_start=0.7)
    found = read(path)
    assert not found[: int(0.65 * 16000)].any()
    assert centre(found) == pytest.approx(1.205, abs=0.003)


def test_channels_are_averaged_whatever_their_format(tmp_path: Path) -> None:
    first, second = burst(16000), burst(16000, at=0.9)
    for codec in ("pcm_s16le", "pcm_f32le", "pcm_u8"):
        path = write_media(tmp_path / f"{codec}.wav", audio=np.stack([first, second]), codec=codec)
        np.testing.assert_allclose(read(path), (first + second) / 2, atol=5e-3 if codec == "pcm_u8" else 2e-4)


def test_resampling_keeps_a_tone(tmp_path: Path) -> None:
    time = np.arange(8000 * 2) / 8000
    path = write_media(
        tmp_path / "a.wav", audio=0.5 * np.sin(2 * np.pi * 440 * time), rate=8000, codec="pcm_f32le"
    )
    found = read(path)
    assert len(found) == 32000
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    np.testing.assert_allclose(found[800:-800], expected[800:-800], atol=2e-3)


def test_blocks_have_the_asked_length(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", audio=np.zeros(40000, np.float32), codec="pcm_s16le")
    assert [len(block.samples) for block in AudioReader(path, block_s=1.0)] == [16000, 16000, 8000]


def test_a_cut_sound_file_says_so(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "a.wav", audio=burst(16000, length=4), codec="pcm_s16le")
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    reader = AudioReader(whole)
    assert sum(len(block.samples) for block in reader) == pytest.approx(32000, abs=200)
    assert [note.code for note in reader.notes] == ["truncated_media"]


def test_a_file_without_sound(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", regular(5, 25))
    assert probe(path).audio == ()
    with pytest.raises(DataError, match="no audio stream"):
        list(AudioReader(path))


@real
def test_wav_and_flac_of_the_same_speech_agree() -> None:
    first, second = (read(MEDIA / "speech" / name) for name in ("jfk.wav", "jfk.flac"))
    length = min(len(first), len(second))
    assert abs(len(first) - len(second)) <= 2
    assert np.corrcoef(first[:length], second[:length])[0, 1] > 0.999


@real
@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("commercial_mono.wav", 45.3),
        ("dev00.wav", 30.0),
        ("two_channel_16k.wav", 6.665),
        ("katiesteve.wav", 29.4875),
    ],
)
def test_real_sound_has_its_length(name: str, seconds: float) -> None:
    found = read(MEDIA / "speech" / name)
    assert len(found) / 16000 == pytest.approx(seconds, abs=1e-3)
    assert probe(MEDIA / "speech" / name).audio[0].duration == pytest.approx(seconds, abs=1e-3)
    assert 0.01 < np.abs(found).max() <= 1.001


@real
def test_digital_silence_stays_silent() -> None:
    found = read(MEDIA / "face" / "WolfgangLanger_Pexels.mp4")
    assert not found.any()
    assert len(found) / 16000 == pytest.approx(19.69, abs=0.02)
