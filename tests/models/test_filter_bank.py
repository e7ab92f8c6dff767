"""The bank of filters over time against torch's layers one by one, and the layers that follow it, time first."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from affectssm.models import filter_bank
from affectssm.models.filter_bank import SQUARE, Mean, filtered_steps, leaky_relu
from affectssm.models.steps import RowFilters, StepMean
from affectssm.models.windows import Windows

BENDS = {"square": SQUARE, "leaky": leaky_relu(0.01)}


def convolutions(kernels=(16, 8, 4), filters=3, dtype=torch.float64):
    torch.manual_seed(0)
    return [nn.Conv2d(1, filters, (1, kernel)).to(dtype) for kernel in kernels]


def draw(*shape: int, dtype=torch.float64) -> torch.Tensor:
    """Signals with a slope, an offset and neighbours alike."""
    noise = torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (0.3 * noise.cumsum(-1) + noise + 1).to(dtype)


def run(x, made, mean, bend, formulation="auto"):
    """Steps and the gradients of every weight and bias."""
    made = deepcopy(made)
    h = filtered_steps(x, made, mean, bend, formulation)
    rng = torch.Generator().manual_seed(2)
    h.backward(torch.randn(h.shape, generator=rng, dtype=torch.float64).to(h))
    return [h, *(p.grad for conv in made for p in conv.parameters())]


def assert_same(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, two in zip(found, expected, strict=True):
        assert one.shape == two.shape and one.dtype == two.dtype
        assert (one - two).abs().max() <= tolerance * max(1.0, float(two.detach().abs().max()))


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("length", [64, 61, 24])  # whole blocks, a rest, one step of the longest window
@pytest.mark.parametrize("kernels", [(16, 8, 4), (7, 4), (5,), (1, 16)])
@pytest.mark.parametrize(
    "mean",
    [Mean(8, 8), Mean(8, 2), Mean(9, 2), Mean(6, 4), Mean(3, 5), Mean(1, 1)],  # apart, overlapping, with gaps
    ids=str,
)
def test_values_and_gradients_are_the_layers(bend, length, kernels, mean):
    x, made = draw(3, 2, length), convolutions(kernels)
    plain = run(x, made, mean, BENDS[bend], "plain")
    assert_same(run(x, made, mean, BENDS[bend]), plain, 1e-12)


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("mean", [Mean(8, 8), Mean(16, 4)], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_at_deaps_size_in_either_precision(bend, mean, dtype, tolerance):
    x, made = draw(4, 36, 512, dtype=dtype), convolutions((64, 32, 16), dtype=dtype)
    x = (x - x.mean()) / x.std()
    plain = run(x, made, mean, BENDS[bend], "plain")
    assert_same(run(x, made, mean, BENDS[bend]), plain, tolerance)


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("mean", [Mean(4, 4), Mean(8, 2), Mean(4, 12)], ids=str)
def test_how_the_batch_is_cut_does_not_matter(bend, mean, monkeypatch):
    x, made = draw(5, 3, 64), convolutions()
    whole = run(x, made, mean, BENDS[bend])
    for cached, rows in ((1, 1), (50, 6), (700, 12)):
        monkeypatch.setattr(filter_bank, "CACHED", cached)
        monkeypatch.setattr(filter_bank, "ROWS", rows)
        assert_same(run(x, made, mean, BENDS[bend]), whole, 1e-13)


def test_a_product_is_of_the_smallest_part_of_a_block_with_rows_enough(monkeypatch):
    monkeypatch.setattr(filter_bank, "ROWS", 32)
    assert [Mean(16, 16).piece(filters) for filters in (1, 3, 8, 20, 64)] == [16, 16, 4, 2, 1]
    assert Mean(13, 13).piece(8) == 13 and Mean(9, 6).piece(32) == 1


def test_steps_written_out():
    """Steps of two branches one behind the other, then filters, channels, segments."""
    x, made = draw(2, 3, 20), convolutions((4, 2), filters=2)
    h = filtered_steps(x, made, Mean(4, 2), SQUARE)
    assert h.shape == (7 + 8, 2, 3, 2)
    weight, bias = made[1].weight[1, 0, 0], made[1].bias[1]
    outputs = torch.stack([weight @ x[1, 2, t : t + 2] + bias for t in range(6, 10)])
    torch.testing.assert_close(h[7 + 3, 1, 2, 1], outputs.square().mean())


def test_a_signal_that_needs_a_gradient_gets_one():
    x, made = draw(3, 2, 64).requires_grad_(), convolutions()
    filtered_steps(x, made, Mean(8, 8), SQUARE).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_no_segments_have_no_steps():
    assert filtered_steps(draw(0, 2, 64), convolutions(), Mean(8, 8), SQUARE).shape == (6 + 7 + 7, 3, 2, 0)


def test_blocks_are_what_a_kernel_meets_and_are_not_copied():
    x = draw(2, 3, 20)
    windows = Windows(x, [5, 4], 3, padded=False)
    blocks = windows.blocks(4, 1, 4, slice(1, 5))  # signals are numbered channel by channel
    assert blocks.shape == (3, 6, 4)
    assert torch.equal(blocks[2, :, 1], x[0, 1, 9:15]) and torch.equal(blocks[0, :, 3], x[0, 2, 3:9])
    assert blocks.untyped_storage().data_ptr() == windows.samples.untyped_storage().data_ptr()


@pytest.mark.parametrize("rows", [1, 2, 4, 9])
def test_row_filters_are_a_convolution(rows):
    torch.manual_seed(0)
    made, x = RowFilters(3, 5, rows).double(), draw(4, 3, 9, 6).requires_grad_()
    conv = nn.Conv2d(3, 5, (rows, 1), (rows, 1)).double()
    conv.load_state_dict(made.state_dict())
    found, expected = made(x), conv(x)
    weights = torch.randn(expected.shape, dtype=torch.float64)
    ours, theirs = ([x, *layer.parameters()] for layer in (made, conv))
    assert_same(
        [found, *torch.autograd.grad(found, ours, weights)],
        [expected, *torch.autograd.grad(expected, theirs, weights)],
        1e-12,
    )


@pytest.mark.parametrize("pool", [1, 2, 3, 7])
def test_a_mean_of_steps_is_the_average_pool_over_time(pool):
    x = draw(7, 3, 2, 4)
    expected = nn.AvgPool2d((1, pool))(x.permute(3, 1, 2, 0)).permute(3, 1, 2, 0)
    torch.testing.assert_close(StepMean(pool)(x), expected)
