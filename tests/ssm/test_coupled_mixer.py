"""Coupled mixers by hand, step by step, with masks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affectssm.ssm import coupled_mixer
from affectssm.ssm.coupled_mixer import CoupledMixer

M, B, L, D = 3, 2, 9, 4
COUPLINGS = ["mean", "sum", "none", "mix", "pairwise"]


def made(coupling: str) -> tuple[CoupledMixer, list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(0)
    mixer = CoupledMixer(M, D, d_state=3, d_conv=3, dt_rank=2, coupling=coupling).double()
    for parameter in mixer.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return mixer, list(torch.randn(M, B, L, D, dtype=torch.float64)), list(torch.rand(M, B, L) > 0.3)


def by_hand(mixer: CoupledMixer, xs: list[torch.Tensor], masks: list[torch.Tensor]) -> torch.Tensor:
    """Algorithm 1 for one clip, (M, L, d); a masked step lets the states through its coupling and nothing else."""
    own = list(mixer.mixers)
    entered = [x @ m.in_proj.weight.T * k[:, None] for m, x, k in zip(own, xs, masks, strict=True)]
    weights = {"mean": torch.full((M, M), 1 / M), "pairwise": torch.full((M, M), 1 / M)}
    weights |= {"sum": torch.ones(M, M), "none": torch.eye(M)}
    w = mixer.mix.softmax(1) if mixer.mix is not None else weights[mixer.coupling]
    inner = own[0].d_inner
    states, answers = [torch.zeros(inner, 3, dtype=torch.float64)] * M, []
    for t in range(L):
        before, states, answers = states, [], [*answers, []]
        for m, one in enumerate(own):
            padded = F.pad(entered[m][:, :inner], (0, 0, 2, 0))
            u = F.silu((padded[t : t + 3] * one.conv_weight[:, 0]).sum(0) + one.conv_bias[0])
            rank, b, c = (one.x_proj[0] @ u).split([2, 3, 3])
            dt = F.softplus(one.dt_proj[0] @ rank + one.dt_bias[0])[:, None] * masks[m][t]
            ways = one.A_log if mixer.coupling == "pairwise" else one.A_log.expand(M, -1, -1)
            kept = sum(w[m, j] * torch.exp(-dt * ways[j].exp()) * before[j] for j in range(M))
            states.append(kept + dt * b * u[:, None])
            y = (states[m] @ c + one.D[0] * u) * F.silu(entered[m][t, inner:])
            answers[t].append(one.out_proj.weight @ y)
    return torch.stack([torch.stack(each) for each in answers], dim=1)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_equals_the_algorithm_step_by_step(coupling, monkeypatch):
    monkeypatch.setattr(coupled_mixer, "AT_ONCE", 1)
    mixer, xs, masks = made(coupling)
    found = torch.stack(mixer(xs, masks))
    expected = torch.stack(
        [by_hand(mixer, [x[i] for x in xs], [k[i] for k in masks]) for i in range(B)], dim=1
    )
    torch.testing.assert_close(found, expected)
    wanted = list(mixer.parameters())
    seed = torch.randn(found.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad((y * seed).sum(), wanted) for y in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_mixed_and_paired_states_start_as_the_mean():
    torch.manual_seed(0)
    mean = CoupledMixer(M, D)
    xs, masks = list(torch.randn(M, B, L, D)), [None] * M
    for coupling in ("mix", "pairwise"):
        torch.manual_seed(0)
        torch.testing.assert_close(CoupledMixer(M, D, coupling=coupling)(xs, masks), mean(xs, masks))


def test_the_papers_size_at_mambas_start():
    """Three modalities of 64 states: the mean goes on, the sum ends in an error that says what to do."""
    torch.manual_seed(0)
    steps = torch.randn(M, 1, 5000, D)
    mixer = CoupledMixer(M, D, d_state=64, coupling="mean")
    assert torch.stack(mixer(list(steps), [None] * M)).isfinite().all()
    mixer.coupling = "sum"
    with pytest.raises(ArithmeticError, match=r"not finite at step \d+ of 500,.*Use coupling 'mean'"):
        mixer(list(steps[:, :, :500]), [None] * M)
