"""Frames read from native rows against frames that are interpolated first, in float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from affectssm.timeline.feature_frames import FeatureFrames

LENGTH = 30


def drawn(leading: tuple[int, ...], height: int, columns: int = 40, offset: float = 0.0) -> FeatureFrames:
    """Rows of noise, of which the frames pass some and end beyond the last; a fifth of the frames invalid."""
    torch.manual_seed(height)
    at = (height + 1) * torch.rand(*leading, LENGTH).sort(dim=-1).values
    at = at.clamp(max=height - 1 + 0.5)
    rows = offset + torch.randn(*leading, height, columns) * (0.1 + torch.rand(*leading, height, 1))
    return FeatureFrames.between(rows, at.long(), at % 1, torch.rand(*leading, LENGTH) > 0.2)


def written_out(own: FeatureFrames) -> Tensor:
    """(..., L, D) float64."""
    rows, phase, index = own.rows.double(), own.share[..., 1:].double(), own.pair[..., 0]

    def at(index: Tensor) -> Tensor:
        return rows.gather(-2, index.unsqueeze(-1).expand(*index.shape, rows.shape[-1]))

    after = at((index + 1).clamp(max=rows.shape[-2] - 1))
    return (at(index) * (1 - phase) + after * phase) * own.valid.unsqueeze(-1)


def read(own: FeatureFrames) -> list[Tensor]:
    """All that can be read."""
    return [own.frames(), own.projected(torch.ones(1, 40), torch.ones(own.valid.shape)), *own.moments()]


@pytest.mark.parametrize("height", [1, 2, 9, 60])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (0, 2)])
def test_frames_and_their_projection_are_those_interpolated_first(leading, height):
    own = drawn(leading, height)
    x, frames = written_out(own), own.frames()
    torch.testing.assert_close(frames, x.float())
    weight, scale = torch.randn(7, x.shape[-1], requires_grad=True), torch.rand(x.shape[:-1])
    exact = weight.detach().double().requires_grad_()
    found, expected = own.projected(weight, scale), x @ exact.T * scale.unsqueeze(-1)
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-5)
    mean, square = own.moments()
    torch.testing.assert_close(mean, x.mean(-1).float(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(square, x.square().mean(-1).float(), atol=1e-6, rtol=1e-5)
    ahead = torch.randn(found.shape)
    found.backward(ahead)
    expected.backward(ahead.double())
    torch.testing.assert_close(weight.grad, exact.grad.float(), atol=1e-5, rtol=1e-5)


def test_moments_hold_far_from_zero_and_where_rows_agree():
    own = drawn((4,), 12, offset=30.0)
    own.rows[:, 3] = own.rows[:, 4]
    x, (mean, square) = written_out(own), own.moments()
    spread = (square - mean.square()).clamp(min=0).sqrt()
    torch.testing.assert_close(spread, x.std(-1, correction=0).float(), atol=1e-3, rtol=1e-3)


def test_frames_may_be_the_rows_themselves():
    rows, valid = torch.randn(2, 5, 3), torch.rand(2, 5) > 0.3
    expected = rows * valid.unsqueeze(-1)
    assert torch.equal(FeatureFrames.at_rows(rows, valid).frames(), expected)


def test_a_change_of_the_leading_dimensions_changes_the_frames_alike():
    own = drawn((3, 2), 9)
    turned = own.each(lambda x: x[1:].transpose(0, 1))
    assert torch.equal(turned.frames(), own.frames()[1:].transpose(0, 1))
    for found, whole in zip(read(turned), read(own), strict=True):
        torch.testing.assert_close(found, whole[1:].transpose(0, 1))


def test_what_lies_where_no_valid_frame_is_does_not_matter():
    own = drawn((3,), 9)
    alone = replace(own, valid=own.valid & (own.pair[..., 0] < 4), rows=own.rows.clone())
    before = read(alone)
    alone.rows[:, 5:] = 1e3
    for found, expected in zip(read(alone), before, strict=True):
        assert torch.equal(found, expected)
