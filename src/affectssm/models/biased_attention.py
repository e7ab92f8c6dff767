"""Softmax attention with a learned bias of the scores and the linear layer behind it, over parts of the batch.

One autograd function. Until the backward pass it keeps queries, keys and values; scores, probabilities and what they
mix are computed again there, so that nothing of the size of the scores stays. (Of torch's fused kernels none gives the
gradient of a bias on a CPU.)

B batch, L queries, S keys, H heads, W inner width, d width of the output.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

PART = {"cpu": 2**21}  # numbers of the largest tensor that a part holds: 8 MB in float32
PART_ELSEWHERE = 2**27
NO_KEY = -1e4  # finite, so that a row without keys gives no NaN


def attend(
    q: Tensor, kv: Tensor, bias: Tensor, key_mask: Tensor | None, weight: Tensor, shift: Tensor
) -> Tensor:
    """Attend and project.

    Args:
        q: queries (B, L, W), head by head along the width.
        kv: keys and values side by side, (B, S, 2 W).
        bias: (H, L, S), added to scores.
        key_mask: (B, S) bool, True where a key may be looked at; None: everywhere.
        weight, shift: of the linear layer, (d, W) and (d,).

    Returns:
        (B, L, d), in q's dtype. It can be differentiated once.
    """
    return cast(Tensor, _Attend.apply(q, kv, bias, key_mask, weight.to(q.dtype), shift.to(q.dtype)))


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, kv: Tensor, bias: Tensor, key_mask: Tensor | None, weight: Tensor, shift: Tensor
    ) -> Tensor:
        ctx.save_for_backward(q, kv, bias, key_mask, weight, shift)
        out = q.new_empty(*q.shape[:2], len(weight))
        with torch.autocast(q.device.type, enabled=False):
            for q_part, kv_part, mask, y in _parts(bias, q, kv, key_mask, out):
                looks = _looks(q_part, kv_part, bias, mask).to(q.dtype)
                v = _heads(kv_part.chunk(2, dim=-1)[1], len(bias))
                mixed = _products(looks, v, torch.empty_like(q_part))
                torch.addmm(shift, mixed.flatten(0, 1), weight.T, out=y.flatten(0, 1))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, kv, bias, key_mask, weight, shift = ctx.saved_tensors
        heads, scale = len(bias), _scale(q, bias)
        of_q, of_kv = torch.empty_like(q), torch.empty_like(kv)
        of_bias, of_weight, of_shift = (torch.zeros_like(t) for t in (bias, weight, shift))
        with torch.autocast(q.device.type, enabled=False):
            for q_part, kv_part, mask, g, of_q_part, of_kv_part in _parts(
                bias, q, kv, key_mask, grad, of_q, of_kv
            ):
                k, v = kv_part.chunk(2, dim=-1)
                of_k, of_v = of_kv_part.chunk(2, dim=-1)
                looks = _looks(q_part, kv_part, bias, mask)
                low, rows = looks.to(q.dtype), g.flatten(0, 1)
                mixed = _products(low, _heads(v, heads), torch.empty_like(q_part))
                of_weight.addmm_(rows.T, mixed.flatten(0, 1))
                of_shift += rows.sum(0)
                of_mixed = torch.mm(rows, weight, out=mixed.flatten(0, 1)).view_as(q_part)
                _products(low.mT, _heads(of_mixed, heads), of_v)
                of_scores = _products(_heads(of_mixed, heads), _heads(v, heads).mT, torch.empty_like(low))
                of_scores = of_scores.to(looks.dtype).mul_(looks)
                of_scores.addcmul_(looks, of_scores.sum(-1, keepdim=True), value=-1)
                of_bias += of_scores.sum(1)
                of_scores = of_scores.mul_(scale).to(q.dtype)
                _products(of_scores, _heads(k, heads), of_q_part)
                _products(of_scores.mT, _heads(q_part, heads), of_k)
        return of_q, of_kv, of_bias, None, of_weight, of_shift


def _looks(q: Tensor, kv: Tensor, bias: Tensor, key_mask: Tensor | None) -> Tensor:
    """How much each query looks at each key, (H, B, L, S)."""
    heads = len(bias)
    scores = q.new_empty(heads, *q.shape[:2], kv.shape[1])
    _products(_heads(q, heads), _heads(kv.chunk(2, dim=-1)[0], heads).mT, scores)
    scores = scores.to(bias.dtype).mul_(_scale(q, bias)).add_(bias.unsqueeze(1))
    if key_mask is not None:
        scores.add_(torch.where(key_mask, 0.0, NO_KEY).unsqueeze(1))
    return torch.softmax(scores, dim=-1)


def _products(left: Tensor, right: Tensor, out: Tensor) -> Tensor:
    """The products of matrices, head by head: (H, B, i, j) times (H, B, j, k) into (H, B, i, k) or (B, i, H k).

    On a CPU a batch of strided matrices is multiplied as it lies; over heads and batch at once all would be copied,
    and into a strided output it would be matrix by matrix.
    """
    for one, other, into in zip(left, right, out if out.dim() == 4 else _heads(out, len(left)), strict=True):
        if into.is_contiguous():
            torch.bmm(one, other, out=into)
        else:
            into.copy_(torch.bmm(one, other))
    return out


def _heads(x: Tensor, heads: int) -> Tensor:
    """(B, L, W) -> (H, B, L, W/H), a view."""
    return x.unflatten(-1, (heads, -1)).movedim(2, 0)


def _scale(q: Tensor, bias: Tensor) -> float:
    return float((q.shape[-1] // len(bias)) ** -0.5)


def _parts(bias: Tensor, q: Tensor, kv: Tensor, *others: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """Sequences by the handful, so that what is in between stays small; what is None stays None."""
    largest = max(1, q[0].numel(), kv[0].numel(), bias.numel())
    size = max(1, PART.get(q.device.type, PART_ELSEWHERE) // largest)
    for begin in range(0, len(q), size):
        yield tuple(None if t is None else t[begin : begin + size] for t in (q, kv, *others))
