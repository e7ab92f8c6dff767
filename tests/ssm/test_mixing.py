"""Mixers against their layers written out: values, gradients, parts of a batch, and what is kept."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from affectssm.ssm import mixing
from affectssm.ssm.coupled_mixer import CoupledMixer
from affectssm.ssm.mamba import BiMamba
from affectssm.ssm.scan import selective_scan

WIDTH, STATES, STEPS = 20, 5, 11
# numbers of u in a part, and of a batch that keeps everything
WAYS = {"kept": (2**22, 2**20), "one part": (2**22, 0), "parts of one": (1, 0)}


def built(bidirectional: bool = True, dtype: torch.dtype = torch.float64) -> BiMamba:
    torch.manual_seed(0)
    mixer = BiMamba(WIDTH, STATES, bidirectional=bidirectional)
    for parameter in mixer.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return mixer.to(dtype)


def plain(m: BiMamba, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The layers one after the other, every direction a scan of its own."""
    if mask is not None:
        x = x.masked_fill(~mask[..., None], 0)
    inner, z = F.linear(x, m.in_proj.weight).chunk(2, dim=-1)
    ys = []
    for k in range(len(m.D)):
        turned = inner.flip(1) if k else inner
        padded = F.pad(turned.transpose(1, 2), (len(m.conv_weight) - 1, 0))
        kernel = m.conv_weight[:, k].T.unsqueeze(1)
        u = F.silu(F.conv1d(padded, kernel, m.conv_bias[k], groups=m.d_inner)).transpose(1, 2)
        rank, b, c = F.linear(u, m.x_proj[k]).split([m.dt_rank, STATES, STATES], dim=-1)
        delta = F.softplus(F.linear(rank, m.dt_proj[k]) + m.dt_bias[k])
        if mask is not None:
            delta = delta * (mask.flip(1) if k else mask)[..., None]
        signals = [t.transpose(1, 2) for t in (u, delta, b, c)]
        y = selective_scan(*signals[:2], m.rates()[k], *signals[2:], m.D[k], backend="reference").transpose(
            1, 2
        )
        ys.append(y.flip(1) if k else y)
    return F.linear(torch.stack(ys).mean(0) * F.silu(z), m.out_proj.weight)


def example(dtype: torch.dtype, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    x, outward = torch.randn(2, batch, STEPS, WIDTH, generator=rng, dtype=torch.float64).to(dtype)
    return x, outward, torch.rand(batch, STEPS, generator=rng) > 0.3


def gradients(run, mixer, x, mask, outward) -> list[torch.Tensor]:
    x = x.clone().requires_grad_()
    y = run(x, mask)
    return [y.detach(), *torch.autograd.grad(y, [x, *mixer.parameters()], outward)]


def take(way: str, monkeypatch) -> None:
    monkeypatch.setattr(mixing, "CACHED", WAYS[way][0])
    monkeypatch.setattr(mixing, "SMALL", WAYS[way][1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_equals_its_layers_one_after_the_other(way, bidirectional, masked, dtype, tolerance, monkeypatch):
    take(way, monkeypatch)
    exact, mixer = built(bidirectional), built(bidirectional, dtype)
    x, outward, mask = example(torch.float64)
    hidden = mask if masked else None
    expected = gradients(lambda *a: plain(exact, *a), exact, x, hidden, outward)
    found = gradients(mixer, mixer, x.to(dtype), hidden, outward.to(dtype))
    for one, two in zip(found, expected, strict=True):
        assert (one - two).abs().max() <= tolerance * two.abs().max()
    with torch.inference_mode():
        assert torch.equal(mixer(x.to(dtype), hidden), found[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("batch", [0, 1])
def test_a_batch_may_hold_one_sequence_or_none(way, batch, monkeypatch):
    take(way, monkeypatch)
    mixer = built()
    x, outward, mask = example(torch.float64, batch)
    expected = gradients(lambda *a: plain(mixer, *a), mixer, x, mask, outward)
    found = gradients(mixer, mixer, x, mask, outward)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_frozen_parameters_get_no_gradient_and_change_no_other(way, bidirectional, monkeypatch):
    take(way, monkeypatch)
    mixer, (x, outward, mask) = built(bidirectional), example(torch.float64)
    every = dict(
        zip(
            ["y", "x", *dict(mixer.named_parameters())],
            gradients(mixer, mixer, x, mask, outward),
            strict=True,
        )
    )
    for trained in ({"in_proj.weight"}, {"out_proj.weight"}, {"A_log", "conv_bias"}):
        for name, parameter in mixer.named_parameters():
            parameter.requires_grad_(name in trained)
        mixer(x, mask).backward(outward)
        for name, parameter in mixer.named_parameters():
            assert (parameter.grad is not None) == (name in trained)
            if name in trained:
                torch.testing.assert_close(parameter.grad, every[name])
            parameter.grad = None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_come_twice_and_through_a_checkpoint(way, bidirectional, monkeypatch):
    take(way, monkeypatch)
    mixer, (x, outward, mask) = built(bidirectional, torch.float32), example(torch.float32)
    expected = gradients(mixer, mixer, x, mask, outward)
    x.requires_grad_()
    y = mixer(x, mask)
    for _ in range(2):
        found = torch.autograd.grad(y, [x, *mixer.parameters()], outward, retain_graph=True)
        assert all(torch.equal(one, two) for one, two in zip(found, expected[1:], strict=True))
    again = gradients(lambda *a: checkpoint(mixer, *a, use_reentrant=False), mixer, x.detach(), mask, outward)
    assert all(torch.equal(one, two) for one, two in zip(again, expected, strict=True))


def kept(run) -> int:
    """Numbers of all memory that autograd keeps."""
    storages: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes() // tensor.itemsize
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        y = run()
    del y
    return sum(storages.values())


@pytest.mark.parametrize(("bidirectional", "widths"), [(True, 5.0), (False, 8.5)])
def test_what_is_kept_of_a_large_batch(bidirectional, widths, monkeypatch):
    take("parts of one", monkeypatch)
    mixer = BiMamba(64, 16, bidirectional=bidirectional).requires_grad_(False)
    mixer.out_proj.requires_grad_()
    x = torch.randn(3, 96, 64, requires_grad=True)
    parameters = sum(parameter.numel() for parameter in mixer.parameters())
    assert kept(lambda: mixer(x)) - parameters <= widths * x.numel()


def test_coupled_mixers_keep_as_much_each(monkeypatch):
    take("parts of one", monkeypatch)
    mixer = CoupledMixer(3, 64, 16)
    xs = [torch.randn(2, 96, 64, requires_grad=True) for _ in range(3)]
    parameters = sum(parameter.numel() for parameter in mixer.parameters())
    # some of the parameters are joined
    assert kept(lambda: mixer(xs, [None] * 3)) - 2 * parameters <= 8.5 * 3 * xs[0].numel()


def test_a_mask_of_one_modality_leaves_the_others_whole():
    torch.manual_seed(0)
    mixer, xs = CoupledMixer(2, 8, 4), list(torch.randn(2, 3, 9, 8))
    mask = torch.rand(3, 9) > 0.3
    whole = torch.ones_like(mask)
    for one, two in zip(mixer(xs, [None, mask]), mixer(xs, [whole, mask]), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_autocast_computes_the_products_in_half_precision(bidirectional):
    mixer, (x, outward, mask) = built(bidirectional, torch.float32), example(torch.float32)
    expected = gradients(mixer, mixer, x, mask, outward)

    def run(*arguments) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            y = mixer(*arguments)
        assert y.dtype == torch.bfloat16
        return y.float()

    for one, two in zip(gradients(run, mixer, x, mask, outward), expected, strict=True):
        assert one.dtype == torch.float32
        assert (one - two).abs().max() <= 5e-2 * two.abs().max()
