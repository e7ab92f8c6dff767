"""DAT: the same invariances as the model it is compared with, its own norm, and that it learns."""

from __future__ import annotations

import pytest
import torch

from affectssm.config import DATSettings
from affectssm.errors import ConfigError
from affectssm.models.baselines.dat import DAT, CueProjections
from tests.models.synthetic import DIMS, GROUPS, dialogue, lagged, seat

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
        batch.target_valid[name][:, :20] = batch.partners_valid[name][:, :, :20] = False
        batch.target[name][:, :20] = 0.0
    before = answer(built, batch)
    for name in DIMS:
        batch.target[name][:, :20], batch.partners[name][:, :, :20] = 30.0, -30.0
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
    for name, x in batch.target.items():
        valid = batch.target_valid[name]
        rows = [
            (w[v] - w[v].mean()) / w[v].var(correction=0).add(1e-5).sqrt()
            for w, v in zip(x, valid, strict=True)
        ]
        normed[name] = torch.zeros_like(x).index_put((valid,), torch.cat(rows))
    joined = torch.nn.functional.layer_norm(torch.cat(list(normed.values()), dim=-1), (sum(DIMS.values()),))
    parts = joined.split(list(DIMS.values()), dim=-1)
    found = built(batch.target, batch.target_valid)
    for (name, linear), part in zip(built.weights.items(), parts, strict=True):
        torch.testing.assert_close(found[name], linear(part) + built.biases[name], atol=1e-4, rtol=1e-4)


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
