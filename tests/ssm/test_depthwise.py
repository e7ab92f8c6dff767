"""The convolution with SiLU against torch's own, on padded and flipped copies."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affectssm.ssm.conv import convolved, convolved_back


def oracle(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    ys = []
    for k in range(bias.shape[1]):
        turned = x.flip(2) if k else x
        each = []
        for m, one in enumerate(turned):
            padded = F.pad(one.transpose(1, 2), (len(weight) - 1, 0))
            kernel = weight[:, m, k].T.unsqueeze(1)
            each.append(F.conv1d(padded, kernel, bias[m, k], groups=x.shape[3]).transpose(1, 2))
        y = torch.stack(each)
        ys.append(y.flip(2) if k else y)
    return F.silu(torch.stack(ys, dim=3))


@pytest.mark.parametrize(("modalities", "directions"), [(1, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize(("width", "length"), [(1, 5), (4, 1), (4, 3), (4, 70)])
@pytest.mark.parametrize("channels", [6, 16, 37])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_values_and_gradients_are_torchs(modalities, directions, width, length, channels, dtype, tolerance):
    """The half of a wider tensor is convolved, and the half of another gets the gradient."""
    rng = torch.Generator().manual_seed(0)
    shapes = (
        (modalities, 5, length, 2 * channels), (width, modalities, directions, channels),
        (modalities, directions, channels),
        (modalities, 5, length, directions, channels),
    )  # fmt: skip
    wide, weight, bias, outward = (torch.randn(*s, generator=rng, dtype=torch.float64) for s in shapes)
    tensors = [t.requires_grad_() for t in (wide[..., channels:], weight, bias)]
    expected = oracle(*tensors)
    gradients = torch.autograd.grad(expected, tensors, outward)
    wide, weight, bias, outward = (t.detach().to(dtype) for t in (wide, weight, bias, outward))
    x, of_wide = wide[..., channels:], torch.full_like(wide, 7.0)
    y = convolved(x, weight, bias)
    assert y.is_contiguous() and y.dtype == dtype
    of_weight, of_bias = convolved_back(outward, x, weight, bias, of_wide[..., channels:])
    assert (of_wide[..., :channels] == 7.0).all()
    found = (y, of_wide[..., channels:], of_weight, of_bias)
    for one, two in zip(found, (expected, *gradients), strict=True):
        assert (one - two).abs().max() <= tolerance * two.abs().max()


def test_half_precision_sums_the_weights_gradient_in_single():
    x = torch.randn(1, 8, 50, 16).bfloat16()
    weight, bias = torch.zeros(3, 1, 1, 16).bfloat16(), torch.zeros(1, 1, 16).bfloat16()
    y = convolved(x, weight, bias)
    assert y.dtype == torch.bfloat16
    of_weight, of_bias = convolved_back(torch.ones_like(y), x, weight, bias, torch.empty_like(x))
    assert of_weight.dtype == of_bias.dtype == torch.float32
    torch.testing.assert_close(
        of_bias, torch.full((1, 1, 16), 200.0)
    )  # half of it: the slope of SiLU at zero
