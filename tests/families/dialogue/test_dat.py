"""DAT: the same invariances as the model it is compared with, its own norm, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from affectssm.errors import ConfigError
from affectssm.families.dialogue.stages.models.dat import DAT, CueProjections, TransformerLayer
from affectssm.settings.dialogues import DATSettings
from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch
from tests.families.dialogue.synthetic import DIMS, GROUPS, dialogue, lagged, seat

SMALL = {"d_model": 8, "heads": 2, "dim_head": 4, "dim_head_cross": 4, "dropout": 0.0}


def model(**changes) -> DAT:
    torch.manual_seed(0)
    return DAT(DATSettings(**SMALL | changes), DIMS, GROUPS).eval()


def answer(built, batch):
    with torch.no_grad():
        return built(batch).prediction


@pytest.mark.parametrize("seats", [0, 1, 2, 3])
@pytest.mark.parametrize("length", [1, 37, 96])
def test_answers_for_any_number_of_partners(seats, length):
    out = model()(dialogue(2, seats, length, missing=0.2))
    assert out.prediction.shape == (2, length) and out.audio is None and out.visual is None
    assert (out.prediction > 0).all() and (out.prediction < 1).all()


def test_a_window_longer_than_its_positions_is_an_error():
    with pytest.raises(ConfigError, match="97 frames"):
        model()(dialogue(1, 1, 97))
    assert answer(model(positions=97), dialogue(1, 1, 97)).shape == (1, 97)


def test_every_parameter_learns():
    built = model()
    built(dialogue(2, 2)).prediction.square().sum().backward()
    unused = [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not unused


def test_empty_seats_and_the_order_of_partners_do_not_matter():
    built, batch = model(), dialogue(2, 3)
    torch.testing.assert_close(answer(built, batch), answer(built, seat(batch, [2, 0, 1])))
    batch.partner_present[:, 1] = False
    torch.testing.assert_close(answer(built, batch), answer(built, seat(batch, [0, 2])))
    batch.partner_present[:] = False
    torch.testing.assert_close(answer(built, batch), answer(built, seat(batch, [])))


def test_frames_outside_the_recording_do_not_influence_the_others():
    built, batch = model(), dialogue(2, 1)
    batch.frame_valid[:, :20] = False
    for name in DIMS:
        batch.target[name].valid[:, :20] = batch.partners[name].valid[:, :, :20] = False
    before = answer(built, batch)
    for name in DIMS:
        batch.target[name].rows[:, :20], batch.partners[name].rows[:, :, :20] = 30.0, -30.0
    torch.testing.assert_close(answer(built, batch)[:, 20:], before[:, 20:])


def test_nothing_valid_at_all_still_gives_finite_answers_and_gradients():
    built, batch = model(), dialogue(1, 1, missing=1.0)
    batch.frame_valid[:] = False
    built(batch).prediction.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in built.parameters())


def test_projections_equal_the_two_norms_written_out():
    torch.manual_seed(0)
    built = CueProjections(DIMS, 8)
    for bias in built.biases.values():
        torch.nn.init.normal_(bias)
    batch = dialogue(3, missing=0.3)
    normed = {}
    for name, own in batch.target.items():
        x, valid = own.rows, own.valid
        rows = [
            (w[v] - w[v].mean()) / w[v].var(correction=0).add(1e-5).sqrt()
            for w, v in zip(x, valid, strict=True)
        ]
        normed[name] = torch.zeros_like(x).index_put((valid,), torch.cat(rows))
    joined = torch.nn.functional.layer_norm(torch.cat(list(normed.values()), dim=-1), (sum(DIMS.values()),))
    parts = joined.split(list(DIMS.values()), dim=-1)
    found = built(batch.target)
    for (name, linear), part in zip(built.weights.items(), parts, strict=True):
        torch.testing.assert_close(found[name], linear(part) + built.biases[name], atol=1e-4, rtol=1e-4)


def norm(x: Tensor, weight: Tensor | float = 1.0, bias: Tensor | float = 0.0) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def layer(x: Tensor, keys: list[bool], w: dict[str, Tensor], context: Tensor | None = None) -> Tensor:
    """One Transformer layer of one window, x (L, width), on the keys (S, width) that may be looked at; two heads."""
    x = x + w["position"][: len(x)]
    normed = norm(x, w["norm.weight"], w["norm.bias"])
    seen = normed if context is None else context + w["position"][: len(x)].repeat(len(context) // len(x), 1)
    seen = seen[torch.tensor(keys, dtype=torch.bool)]
    if len(seen):
        q, kv = normed @ w["query.weight"].T, seen @ w["key_value.weight"].T
        k, v = kv[:, : q.shape[1]], kv[:, q.shape[1] :]
        heard = []
        for part in torch.arange(q.shape[1]).chunk(2):
            weights = (q[:, part] @ k[:, part].T / len(part) ** 0.5).exp()
            heard.append(weights / weights.sum(1, keepdim=True) @ v[:, part])
        x = x + torch.cat(heard, 1) @ w["out.0.weight"].T + w["out.0.bias"]
    h = norm(x, w["feed_forward.0.weight"], w["feed_forward.0.bias"]) @ w["feed_forward.1.weight"].T
    h = h + w["feed_forward.1.bias"]
    h = h / 2 * (1 + ((2 / math.pi) ** 0.5 * (h + 0.044715 * h**3)).tanh())
    return x + h @ w["feed_forward.4.weight"].T + w["feed_forward.4.bias"]


def under(w: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): v for name, v in w.items() if name.startswith(prefix)}


def encoded(cues: dict[str, FeatureFrames], keys: list[bool], w: dict[str, Tensor]) -> list[Tensor]:
    """A person's cues of one window, (L, D_f) by name, to one sequence a group."""
    normed = []
    for name in DIMS:
        x, there = cues[name].rows, cues[name].valid
        own = (x[there] - x[there].mean()) / (x[there].var(correction=0) + 1e-5).sqrt()
        normed.append(torch.zeros_like(x).index_put((there,), own))
    parts = dict(zip(DIMS, norm(torch.cat(normed, 1)).split(list(DIMS.values()), 1), strict=True))
    made = {}
    for name, part in parts.items():
        h = part @ w[f"project.weights.{name}.weight"].T + w[f"project.biases.{name}"]
        made[name] = layer(h / 2 * (1 + (h / 2**0.5).erf()), keys, under(w, f"cues.{name}."))
    return [
        layer(torch.cat([made[name] for name in group], 1), keys, under(w, f"fused.{i}."))
        for i, group in enumerate(GROUPS.values())
    ]


def by_hand(built: DAT, batch: FrameBatch, row: int) -> Tensor:
    """What the model answers to one window, in float64, from the formulas: (L,)."""
    w = {name: v.detach() for name, v in built.state_dict().items()}
    frames = batch.frame_valid[row].tolist()

    def of(features: dict[str, FeatureFrames], *at: int) -> dict[str, FeatureFrames]:
        return {name: own.each(lambda x: x[at]) for name, own in features.items()}

    target = encoded(of(batch.target, row), frames, under(w, "target."))
    partners = [
        encoded(of(batch.partners, row, seat), frames, under(w, "partner."))
        for seat, present in enumerate(batch.partner_present[row].tolist())
        if present
    ]
    heard = [
        layer(
            x,
            frames * len(partners),
            under(w, f"cross.{group}."),
            torch.cat([own[group] for own in partners]) if partners else x[:0],
        )
        for group, x in enumerate(target)
    ]
    joined = norm(torch.cat(heard, 1), w["score.0.weight"], w["score.0.bias"])
    return 1 / (1 + (-(joined @ w["score.1.weight"].T + w["score.1.bias"])[:, 0]).exp())


def test_the_whole_model_written_out_in_float64():
    """One, two and three partners, none, cues that are missing, frames outside the recording."""
    built = model()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    built, batch = built.double(), dialogue(4, 3, 24, missing=0.2)
    for own in batch.people.values():
        own.rows = own.rows.double()
    batch.partner_present = torch.tensor([[1, 1, 1], [0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=torch.bool)
    batch.frame_valid[1, 20:] = batch.frame_valid[2, :5] = False
    for own in batch.people.values():
        own.valid[:, 1, 20:] = own.valid[:, 2, :5] = False
    found = answer(built, batch)
    for row in range(4):
        inside = batch.frame_valid[row]
        expected = by_hand(built, batch, row)
        assert (found[row] - expected)[inside].abs().max() < 1e-6, row
    assert found.std() > 0.05


def test_positions_start_as_wide_as_what_they_are_added_to():
    layers = [m for m in model(d_model=64).modules() if isinstance(m, TransformerLayer)]
    assert len(layers) == 14 and all(0.9 < own.position.std() < 1.1 for own in layers)


def test_fused_and_plain_attention_are_the_same():
    batch = dialogue(2, 2, 40, missing=0.2)
    batch.frame_valid[:, 30:] = False
    batch.partner_present[1] = False
    found = []
    for fused in (True, False):
        built = model(fused=fused)
        out = built(batch).prediction
        out.square().sum().backward()
        found.append([out.detach(), *(p.grad for p in built.parameters())])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_selu_is_an_option():
    with torch.no_grad():
        built, other = model(), model(output="selu")
        sigmoid, selu = built(dialogue()).prediction, other(dialogue()).prediction
    torch.testing.assert_close(torch.nn.functional.selu(torch.logit(sigmoid)), selu, atol=1e-5, rtol=1e-4)


def test_learns_a_slow_partner():
    torch.manual_seed(0)
    built = DAT(DATSettings(**SMALL | {"d_model": 16, "dim_head": 8, "dim_head_cross": 8}), DIMS, GROUPS)
    optimiser = torch.optim.AdamW(built.parameters(), lr=3e-3)
    for step in range(40):
        batch, engagement = lagged(16, lag=20, seed=2 * step, slow=4)
        loss = (built(batch).prediction - engagement).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    batch, engagement = lagged(32, lag=20, seed=1001, slow=4)
    left = (answer(built, batch) - engagement)[:, 32:64].square().mean() / engagement[:, 32:64].var()
    assert left < 0.5
