"""The last blocks of an encoder learn from labelled frames; what they saw is written down and held against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from affectssm.errors import ConfigError, DataError
from affectssm.features.mae import Mae
from affectssm.features.mae_network import embed, load
from affectssm.features.mae_tuning import split
from affectssm.features.seen import refuse_seen
from affectssm.settings.encoder_tuning import EncoderTuningSettings
from affectssm.settings.features import completed
from affectssm.store.card import make_card, read_card, sha256
from affectssm.training import loop
from affectssm.training.encoder_tuning import CropFrames, LabelledCrops, tune_encoder
from tests.killed import killed_at

ENCODER = completed("mae", {"model": "facebook/vit-mae-base"})
SETTINGS = {"steps": 40, "steps_per_epoch": 10, "batch": 16, "learning_rate": 3e-3, "warmup_steps": 2}


def crops(folder: Path, recording: str, frames: int, seed: int) -> LabelledCrops:
    """Pictures of which the left half is the brighter the higher the valence, the upper half arousal."""
    rng = np.random.default_rng(seed)
    label = rng.uniform(-1, 1, (frames, 2)).astype(np.float32)
    own = folder / recording
    own.mkdir(parents=True)
    for frame, (valence, arousal) in enumerate(label):
        image = rng.integers(90, 110, (112, 112, 3)).astype(float)
        image[:, :56] += 60 * valence
        image[:56, :, 2] += 60 * arousal
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(own / f"{frame + 1:05d}.jpg")
    return LabelledCrops(recording, recording, own, label, np.ones(frames, bool))


def tune(out: Path, seen: list[LabelledCrops], seed: int = 1, **changes: Any) -> Path:
    path = out / "encoder.safetensors"
    tune_encoder(
        path, seen, ENCODER, EncoderTuningSettings(**SETTINGS | changes), ("valence", "arousal"), "2", seed
    )
    return path


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledCrops]:
    folder = tmp_path_factory.mktemp("crops")
    return [crops(folder, "video1", 40, 1), crops(folder, "video2", 30, 2)]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, seen: list[LabelledCrops]) -> Path:
    return tune(tmp_path_factory.mktemp("tuned"), seen)


def test_what_stays_and_what_is_trained_are_the_encoder_together() -> None:
    network, _ = load(ENCODER)
    network.eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8))
    with torch.inference_mode():
        expected = embed(network, images)
    for frozen in (0, 1, None):
        trunk, tail = split(network, frozen)
        trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
        assert trained == set(tail.state_dict())
        assert not any(name.startswith("embeddings.") for name in trained)
        assert any(name.startswith("layers.0.") for name in trained) == (frozen == 0)
        torch.testing.assert_close(tail(trunk(images)), expected)
    with pytest.raises(ConfigError, match="2 of the encoder"):
        split(network, 2)


@pytest.mark.parametrize(("blocks", "frozen"), [(24, 16), (12, 8)])
def test_two_thirds_of_the_blocks_stay(blocks: int, frozen: int) -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(blocks))
            self.layernorm = torch.nn.LayerNorm(1)

    _, tail = split(Network(), None)
    assert list(tail.layers) == [str(number) for number in range(frozen, blocks)]


def test_the_file_holds_what_changed_and_says_what_was_seen(tuned: Path) -> None:
    network, weights = load(ENCODER)
    before, found = network.state_dict(), load_file(tuned)
    own = {
        name.removeprefix("encoder."): value for name, value in found.items() if name.startswith("encoder.")
    }
    assert set(found) - {f"encoder.{name}" for name in own} == {"head.weight", "head.bias"}
    assert {name.split(".")[0] + name.split(".")[1] for name in own} == {
        "layers1",
        "layernormweight",
        "layernormbias",
    }
    assert all(not torch.equal(own[name], before[name]) for name in own if name.endswith(".weight"))
    extra = read_card(tuned)["extra"]
    assert (extra["fold"], extra["recordings"], extra["base"]) == ("2", ["video1", "video2"], weights)
    assert not list(tuned.parent.glob(".*"))


def test_labels_are_told_on_recordings_that_were_not_seen(tmp_path: Path, tuned: Path) -> None:
    other = crops(tmp_path, "video3", 40, 3)
    images = CropFrames([other], 224)[np.arange(40)].images.numpy()
    head = {name: value for name, value in load_file(tuned).items() if name.startswith("head.")}
    rows = Mae("mae", ENCODER | {"tuned": str(tuned)}).forward(images)
    answer = rows @ head["head.weight"].numpy().T + head["head.bias"].numpy()
    for column in (0, 1):
        assert np.corrcoef(answer[:, column], other.label[:, column])[0, 1] > 0.6


def test_features_are_those_of_the_tuned_encoder(tuned: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
    extractor = Mae("mae", ENCODER | {"tuned": str(tuned)})
    network, _ = load(ENCODER)
    found = load_file(tuned)
    own = {
        name.removeprefix("encoder."): value for name, value in found.items() if name.startswith("encoder.")
    }
    network.load_state_dict(network.state_dict() | own)
    with torch.inference_mode():
        expected = embed(network.eval(), torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(extractor.forward(images), expected, atol=1e-5)
    assert np.abs(expected - Mae("mae", ENCODER).forward(images)).max() > 1e-3
    assert extractor.card()["tuned"] == {
        "sha256": sha256(tuned),
        "fold": "2",
        "recordings": ["video1", "video2"],
    }
    assert "tuned" not in Mae("mae", ENCODER).card()


def test_an_encoder_is_no_feature_of_what_it_saw(tuned: Path) -> None:
    card = make_card(
        "features/mae", ["affectssm.errors"], {}, **Mae("mae", ENCODER | {"tuned": str(tuned)}).card()
    )
    refuse_seen(card, ["video3", "video10"], "fold 2")
    with pytest.raises(ConfigError, match=r"(?s)fold 1.*tuned on video2 \(fold 2\)"):
        refuse_seen(card, ["video2", "video3"], "fold 1")
    refuse_seen(make_card("features/mae", ["affectssm.errors"], {}), ["video2"], "fold 1")


def test_a_file_that_is_none_of_this_encoder_is_refused(tmp_path: Path, tuned: Path) -> None:
    for changes, reason in (
        ({"tuned": str(tmp_path / "absent.safetensors")}, "no such file"),
        ({"tuned": str(tuned), "model": "facebook/vit-mae-large"}, "another encoder"),
    ):
        with pytest.raises(ConfigError, match=reason):
            Mae("mae", ENCODER | changes)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tuned.read_bytes()[:-100])
    with pytest.raises(DataError, match="not whole"):
        Mae("mae", ENCODER | {"tuned": str(cut)})


def test_a_killed_run_ends_with_the_same_weights(
    tmp_path: Path, seen: list[LabelledCrops], tuned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        killed_at(patch, loop, "mixed", 26)
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path, seen)
    calls = killed_at(monkeypatch, loop, "mixed", None)
    again = tune(tmp_path, seen)
    assert len(calls) == 20
    whole, found = load_file(tuned), load_file(again)
    assert all(torch.equal(whole[name], found[name]) for name in whole)


def test_only_labelled_frames_with_a_picture_are_learnt_from(tmp_path: Path) -> None:
    one = crops(tmp_path, "video1", 8, 1)
    (one.folder / "00003.jpg").unlink()
    (one.folder / "00005.jpg").write_bytes(b"")
    valid = np.arange(7) != 0  # a row fewer than pictures
    data = CropFrames([LabelledCrops("video1", "video1", one.folder, one.label[:7], valid)], 112)
    assert len(data) == 5
    batch = data[np.arange(5)]
    assert batch.valid.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(batch.target[batch.valid].numpy(), one.label[[1, 3, 5, 6]])
    nothing = LabelledCrops("video1", "video1", one.folder, one.label, np.zeros(8, bool))
    with pytest.raises(DataError, match="no labelled frame"):
        CropFrames([nothing], 112)
