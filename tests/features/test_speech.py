"""Speech encoders: chunked passes are one long pass, rows know their time, loudness survives random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectssm.errors import ConfigError, DataError
from affectssm.features.base import make
from affectssm.features.speech import SpeechEncoder
from tests.features.helpers import MEDIA, SPEECH_SETTINGS, run
from tests.media.synthetic import write_media

real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")
ENCODERS = ("wav2vec2", "speech_emotion")
RATE = 16000


def encoder(name: str, **settings) -> SpeechEncoder:
    made = make(name, SPEECH_SETTINGS | settings)
    assert isinstance(made, SpeechEncoder)
    return made


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A minute of noise whose level wanders by 7 dB, four times a second."""
    rng = np.random.default_rng(0)
    count = RATE * 60
    level = np.interp(np.arange(count) / RATE, np.arange(0, 61, 0.25), rng.normal(size=244))
    wave = (10 ** ((-32 + 7 * level) / 20) * rng.standard_normal(count)).clip(-1, 1).astype(np.float32)
    path = write_media(tmp_path_factory.mktemp("noise") / "a.wav", audio=wave, codec="pcm_f32le")
    return path, wave


def explained(features: np.ndarray, target: np.ndarray) -> float:
    """R2 of a ridge regression fitted on the first half and scored on the second."""
    half = len(target) // 2
    scaled = (features - features[:half].mean(0)) / (features[:half].std(0) + 1e-6)
    offset = target[:half].mean()
    gram = scaled[:half].T @ scaled[:half] + np.eye(scaled.shape[1])
    weights = np.linalg.solve(gram, scaled[:half].T @ (target[:half] - offset))
    error = scaled[half:] @ weights + offset - target[half:]
    return float(1 - (error**2).mean() / target[half:].var())


@pytest.mark.parametrize("name", ENCODERS)
def test_random_weights_keep_loudness(name: str, noise: tuple[Path, np.ndarray]) -> None:
    path, wave = noise
    model = {
        "wav2vec2": SPEECH_SETTINGS["model"],
        "speech_emotion": "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim",
    }
    track, _ = run(encoder(name, model=model[name]), path)
    middles = np.round(track.time * RATE).astype(int)
    energy = np.array([np.log((wave[at - 200 : at + 200] ** 2).mean()) for at in middles])
    assert explained(track.value.astype(np.float64), energy) >= 0.8


@pytest.mark.parametrize("name", ENCODERS)
def test_chunks_are_close_to_one_long_pass(name: str, noise: tuple[Path, np.ndarray]) -> None:
    cut, _ = run(encoder(name, batch=2), noise[0])
    whole, _ = run(encoder(name, chunk_s=100.0), noise[0])
    np.testing.assert_array_equal(cut.time, whole.time)
    a, b = cut.value.astype(np.float64), whole.value.astype(np.float64)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.999


def test_one_long_pass_is_the_library_s_own(noise: tuple[Path, np.ndarray]) -> None:
    """The norm over time measured in a first pass equals the library's norm over the whole track."""
    ours = encoder("wav2vec2", chunk_s=100.0)
    track, _ = run(ours, noise[0])
    theirs = encoder("wav2vec2")._load().eval()
    wave = noise[1].astype(np.float64)
    scaled = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
    with torch.inference_mode():
        expected = theirs(torch.tensor(scaled, dtype=torch.float32)[None]).last_hidden_state[0].numpy()
    np.testing.assert_allclose(track.value.astype(np.float32), expected, atol=5e-3)


def test_rows_are_at_the_middle_of_what_they_see(tmp_path: Path) -> None:
    """A click moves the rows around its time more than any other."""
    wave = np.random.default_rng(1).normal(0, 0.01, RATE * 4).astype(np.float32)
    clicked = wave.copy()
    clicked[RATE * 2 - 8 : RATE * 2 + 8] += 0.8
    tracks = []
    for number, sound in enumerate((wave, clicked)):
        tracks.append(
            run(encoder("wav2vec2"), write_media(tmp_path / f"{number}.wav", audio=sound, codec="pcm_f32le"))[
                0
            ]
        )
    track = tracks[0]
    np.testing.assert_allclose(track.time, (np.arange(199) * 320 + 200) / RATE)
    assert (track.rate, track.value.dtype, track.valid.all()) == (50.0, np.float16, True)
    change = np.abs(tracks[1].value.astype(np.float64) - tracks[0].value).mean(1)
    assert abs(track.time[change.argmax()] - 2.0) <= 0.0125 + 1e-9


@real
@pytest.mark.parametrize("name", ENCODERS)
def test_digital_silence_is_finite_and_reported(name: str) -> None:
    track, source = run(encoder(name), MEDIA / "face" / "WolfgangLanger_Pexels.mp4")
    assert np.isfinite(track.value).all() and track.valid.all()
    assert [note.code for note in source.notes] == ["silent_audio"]
    assert track.time[-1] == pytest.approx(19.69, abs=0.05)


def test_silence_is_reported_as_what_it_is(tmp_path: Path) -> None:
    """Inverted channels are no silence; what is too quiet for 16 bits is not called zeros."""
    made, wave = encoder("wav2vec2"), np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    for level, codes, found in (
        (1.0, ["channels_cancel"], "channels that cancel"),
        (1e-5, ["silent_audio"], "1.0 s never above 4e-06 of full scale"),
        (0.0, ["silent_audio"], "1.0 s of zeros"),
    ):
        right = -wave if level == 1 else wave
        path = write_media(tmp_path / "a.wav", audio=level * np.stack([wave, right]), codec="pcm_f32le")
        _, source = run(made, path)
        assert [note.code for note in source.notes] == codes
        assert source.notes[0].found.startswith(found)


@real
def test_wav_and_flac_of_the_same_speech_agree() -> None:
    made = encoder("wav2vec2")
    first, second = (run(made, MEDIA / "speech" / name)[0] for name in ("jfk.wav", "jfk.flac"))
    a, b = (track.value.astype(np.float64) for track in (first, second))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert np.median(cosine) > 0.99


def test_a_track_shorter_than_a_frame_has_no_rows(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", audio=np.zeros(300, np.float32), codec="pcm_s16le")
    with pytest.raises(AssertionError, match="no rows"):
        run(encoder("wav2vec2"), path)


def test_random_weights_follow_the_model_s_name(noise: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", audio=noise[1][:RATE], codec="pcm_f32le")
    state = torch.random.get_rng_state()
    first, again, other = (run(encoder("wav2vec2", model=name), path)[0].value for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(np.float32) - other).max() > 0.1
    assert torch.equal(state, torch.random.get_rng_state())


def test_int8_is_close(noise: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", audio=noise[1][: RATE * 5], codec="pcm_f32le")
    a, b = (run(encoder("wav2vec2", int8=int8), path)[0].value.astype(np.float64) for int8 in (False, True))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.99 and not np.array_equal(a, b)


def test_an_overlap_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="overlap_s"):
        encoder("wav2vec2", chunk_s=3.0, overlap_s=1.5)


def save_pretrained(folder: Path) -> None:
    """Write a small encoder under a head of its own, as the emotion model has it."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    from affectssm.features.speech import SMALL

    torch.manual_seed(3)
    Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**SMALL)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"do_normalize": false, "sampling_rate": 16000}')


def test_pretrained_weights_are_loaded_from_a_folder(tmp_path: Path, noise: tuple[Path, np.ndarray]) -> None:
    save_pretrained(tmp_path / "weights" / "org" / "model")
    settings = {
        "model": "org/model",
        "weights": "pretrained",
        "size": "full",
        "weights_dir": str(tmp_path / "weights"),
    }
    made = encoder("wav2vec2", **settings)
    assert made.dim == 64
    card = made.card()
    assert card["scaled"] is False and len(card["encoder"]["sha256"]["model.safetensors"]) == 64
    assert (tmp_path / "weights" / "org" / "model.lock.json").is_file()
    path = write_media(tmp_path / "a.wav", audio=noise[1][:RATE], codec="pcm_f32le")
    values = [run(encoder("wav2vec2", **settings), path)[0].value for _ in range(2)]
    np.testing.assert_array_equal(*values)
    assert not np.array_equal(values[0], run(encoder("wav2vec2", model="org/model"), path)[0].value)


def test_weights_without_the_encoder_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "weights" / "org" / "model"
    save_pretrained(folder)
    kept = {
        name: tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if ".layers.1." not in name
    }
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"weights without .*layers\.1"):
        encoder(
            "wav2vec2",
            model="org/model",
            weights="pretrained",
            size="full",
            weights_dir=str(tmp_path / "weights"),
        )
