"""The convolution against torch's own, on padded and flipped copies."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affectssm.ssm import conv
from affectssm.ssm.conv import depthwise


def oracle(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    ys = []
    for k in range(len(bias)):
        turned = x.flip(1) if k else x
        padded = F.pad(turned.transpose(1, 2), (len(weight) - 1, 0))
        y = F.conv1d(padded, weight[:, k].T.unsqueeze(1), bias[k], groups=x.shape[2]).transpose(1, 2)
        ys.append(y.flip(1) if k else y)
    return torch.stack(ys, dim=2)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(("width", "length"), [(1, 5), (4, 1), (4, 3), (4, 9)])
@pytest.mark.parametrize("cached", [1, 100, 2**19])
def test_values_and_gradients_are_torchs(directions, width, length, cached, monkeypatch):
    monkeypatch.setattr(conv, "CACHED", cached)
    rng = torch.Generator().manual_seed(0)
    shapes = ((5, length, 6), (width, directions, 6), (directions, 6))
    tensors = [torch.randn(*s, generator=rng, dtype=torch.float64).requires_grad_() for s in shapes]
    outward = torch.randn(5, length, directions, 6, generator=rng, dtype=torch.float64)
    found, expected = depthwise(*tensors), oracle(*tensors)
    assert found.is_contiguous()
    torch.testing.assert_close(found, expected)
    gradients = (torch.autograd.grad(y, tensors, outward) for y in (found, expected))
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two)


def test_half_of_a_wider_tensor_will_do():
    wide, weight, bias = torch.randn(2, 7, 12), torch.randn(3, 2, 6), torch.randn(2, 6)
    part = wide[..., 6:]
    assert torch.equal(depthwise(part, weight, bias), depthwise(part.contiguous(), weight, bias))


def test_half_precision_keeps_the_weights_gradient_in_the_weights_precision():
    x = torch.randn(8, 50, 4).bfloat16()
    weight, bias = torch.randn(3, 1, 4, requires_grad=True), torch.zeros(1, 4, requires_grad=True)
    y = depthwise(x, weight, bias)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    assert weight.grad.dtype == bias.grad.dtype == torch.float32
    torch.testing.assert_close(bias.grad, torch.full((1, 4), 400.0))
