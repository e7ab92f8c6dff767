"""A BERT inside a model answers as the frozen extractor until it learns, and learns with the model."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectssm.errors import ConfigError
from affectssm.features.bert import Bert
from affectssm.models.text_encoder import TunedText
from affectssm.settings.features import completed
from affectssm.settings.text_tuning import TunedTextSettings
from affectssm.training.optimisers import GroupedAdam
from affectssm.training.text_tuning import parameter_groups, text_encoder

BERT = completed("bert", {})
TEXTS = [[101, 2000, 3000, 102], [101, 7, 102], [101, *range(1000, 1048), 102]]
STEPS = 52  # two more than the longest text has


class Mean(nn.Module):
    """The mean over all steps of text, and a linear layer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.head = nn.Linear(dim, 1)

    def forward(self, values: dict[str, Tensor], mask: dict[str, Tensor]) -> Tensor:
        assert set(values) == set(mask) == {"tokens", "text", "audio"}
        return self.head(values["text"].mean(1))


def batch() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The texts and a clip without one; what is masked is no number."""
    ids = torch.full((len(TEXTS) + 1, STEPS, 1), float("nan"))
    for text, row in zip(TEXTS, ids, strict=False):
        row[: len(text), 0] = torch.tensor(text)
    audio = torch.zeros(len(ids), STEPS, 2)
    return {"tokens": ids, "audio": audio}, {"tokens": ~ids[..., 0].isnan(), "audio": audio[..., 0] > 0}


def tuned(**changes: Any) -> tuple[TunedText, TunedTextSettings]:
    settings = TunedTextSettings(**changes)
    encoder, card = text_encoder(BERT, "english", settings)
    assert list(card) == ["random_seed"]
    torch.manual_seed(1)
    return TunedText(encoder, Mean(encoder.dim)), settings


def states(model: TunedText) -> Tensor:
    values, mask = batch()
    return model.encoder(values["tokens"][..., 0].long(), mask["tokens"])


def learned(model: TunedText, settings: TunedTextSettings, steps: int = 2) -> list[float]:
    model.train()
    optimiser = GroupedAdam(parameter_groups(model, 1e-3, 0.0, settings), 1e-3)
    losses = []
    for step in range(steps):
        torch.manual_seed(step)
        optimiser.zero_grad()
        loss = (model(*batch()) - 1).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def changed(model: TunedText, before: dict[str, Tensor]) -> set[str]:
    """Which parts of the encoder have other weights than before."""
    names = [name for name, now in model.encoder.state_dict().items() if not torch.equal(now, before[name])]
    return {".".join(name.split(".")[1:4]) if "layer." in name else name.split(".")[1] for name in names}


@pytest.mark.parametrize("mode", [True, False])
def test_a_frozen_encoder_gives_the_extractor_s_rows(mode: bool) -> None:
    found = states(tuned(blocks=0)[0].train(mode))
    extractor = Bert("bert", BERT)
    expected = [extractor.forward("english", [text])[0] for text in TEXTS]
    assert found.shape == (4, STEPS, 64) and not found.requires_grad
    for own, row in zip(expected, found, strict=False):
        np.testing.assert_allclose(row[: len(own)].numpy(), own.astype(np.float32), atol=4e-3)
        assert not row[len(own) :].any()
    assert not found[3].any()


def test_whole_batches_without_text_have_an_answer() -> None:
    model = tuned()[0].eval()
    values, mask = batch()
    answer = model(values, mask | {"tokens": torch.zeros_like(mask["tokens"])})
    torch.testing.assert_close(answer, model.model.head.bias.expand(4, 1))


@pytest.mark.parametrize(
    ("blocks", "parts"),
    [(0, set()), (1, {"encoder.layer.1"}), (2, {"encoder.layer.0", "encoder.layer.1"}),
     (None, {"embeddings", "encoder.layer.0", "encoder.layer.1"})],
)  # fmt: skip
def test_the_last_blocks_learn_and_the_others_stay(blocks: int | None, parts: set[str]) -> None:
    model, settings = tuned(blocks=blocks)
    before = deepcopy(model.encoder.state_dict())
    losses = learned(model, settings)
    assert changed(model, before) == parts
    assert losses[1] < losses[0]
    for p in model.encoder.parameters():
        assert (p.grad is not None and p.grad.isfinite().all()) == p.requires_grad


def test_groups_are_the_encoder_s_rate_and_decay_without_norms_and_biases() -> None:
    model, settings = tuned(blocks=1)
    of_model, weights, norms = parameter_groups(model, 5e-4, 5e-4, settings)
    assert [group.weight_decay for group in (of_model, weights, norms)] == [5e-4, 1e-3, 0.0]
    assert of_model.share == 1.0 and weights.share == norms.share == pytest.approx(0.1)
    assert all(p.ndim == 2 for p in weights.parameters) and all(p.ndim == 1 for p in norms.parameters)
    held = {id(p) for group in (of_model, weights, norms) for p in group.parameters}
    assert held == {id(p) for p in model.parameters() if p.requires_grad}


def test_a_checkpoint_holds_all_of_it() -> None:
    model, settings = tuned(blocks=1)
    learned(model, settings)
    other, _ = tuned(blocks=1)
    assert not torch.equal(states(model.eval()), states(other.eval()))
    kept = model.state_dict()
    assert {name.split(".")[0] for name in kept} == {"encoder", "model"}
    other.load_state_dict(kept)
    values, mask = batch()
    assert torch.equal(model(values, mask), other(values, mask))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_same_seed_learns_the_same(checkpointing: bool) -> None:
    models, passes = [], [0, 0]
    for number, again in enumerate((False, checkpointing)):
        model, settings = tuned(checkpointing=again)
        block = model.encoder.network.encoder.layer[0].intermediate
        block.register_forward_hook(lambda *_, number=number: passes.__setitem__(number, passes[number] + 1))
        learned(model, settings)
        models.append(model.state_dict())
    assert passes == [2, 4 if checkpointing else 2]
    for name, value in models[0].items():
        assert torch.equal(value, models[1][name]), name


def test_tokens_of_another_language_are_refused() -> None:
    encoder, _ = text_encoder(BERT, "chinese", TunedTextSettings())
    ids = torch.tensor([[101, 30000, 102]])
    with pytest.raises(ConfigError, match="below 21128"):
        encoder(ids, torch.ones_like(ids, dtype=torch.bool))
    with pytest.raises(ConfigError, match="at most the 2"):
        text_encoder(BERT, "chinese", TunedTextSettings(blocks=3))
