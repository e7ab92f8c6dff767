"""The feed-forward layer of a pre-norm block with its residual, x + Dropout(W2 act(W1 LN(x) + b1) + b2).

It is one autograd function over parts of the rows. Until the backward pass it keeps x, the hidden layer before the
activation, and what dropout lets pass as bytes; norm and activation are computed again there. Torch's layers keep the
normed x, the activation and dropout's noise besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from affectssm.models.dropout import Dropout

aten = torch.ops.aten
PART = 2**21  # numbers of the hidden layer a part holds on a CPU: rows enough for a product, 8 MB in float32


class FeedForward(nn.Sequential):
    """LayerNorm, linear, GELU, with ``drop_hidden`` dropout, linear, dropout; ``forward`` adds its input.

    Args:
        width: of input and output.
        hidden: width in between.
        dropout: dropout.
        approximate: GELU's form, ``none`` or ``tanh``.
        drop_hidden: dropout after GELU as well.
    """

    def __init__(
        self, width: int, hidden: int, dropout: float, approximate: str = "none", drop_hidden: bool = False
    ) -> None:
        inner = [Dropout(dropout)] if drop_hidden else []
        super().__init__(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(approximate),
            *inner,
            nn.Linear(hidden, width),
            Dropout(dropout),
        )

    def forward(self, input: Tensor) -> Tensor:
        """(..., width) -> (..., width). It can be differentiated once."""
        norm, enter, act, *inner, leave, last = cast(Any, self)
        device = input.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else input.dtype
        passes = [drop.passes(input, enter.out_features) for drop in inner]
        how = _How(norm.eps, act.approximate, last.scale)
        linear = (t.to(dtype) for layer in (enter, leave) for t in (layer.weight, layer.bias))
        return cast(
            Tensor,
            _FeedForward.apply(
                how,
                input,
                passes[0] if passes else None,
                last.passes(input, leave.out_features),
                norm.weight,
                norm.bias,
                *linear,
            ),
        )


class _How(NamedTuple):
    eps: float
    approximate: str
    scale: float  # of what dropout lets pass


class _FeedForward(torch.autograd.Function):
    """What dropout lets pass comes as an argument; None: everything."""

    @staticmethod
    def forward(
        ctx: Any, how: _How, x: Tensor, inner: Tensor | None, last: Tensor | None, *weights: Tensor
    ) -> Tensor:
        norm, shift, w1, b1, w2, b2 = weights
        hidden = w1.new_empty(*x.shape[:-1], len(w1))
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        ctx.how = how
        ctx.save_for_backward(x, hidden, inner, last, norm, shift, w1, b1, w2, b2)
        with torch.autocast(x.device.type, enabled=False):
            for part, h, y, inner_part, last_part in _parts(hidden, x, hidden, out, inner, last):
                normed = F.layer_norm(part.to(norm.dtype), norm.shape, norm, shift, how.eps).to(w1.dtype)
                torch.addmm(b1, normed, w1.T, out=h)
                active = F.gelu(h, approximate=how.approximate)
                made = torch.addmm(b2, _dropped(active, inner_part, how), w2.T)
                torch.add(part, _dropped(made, last_part, how), out=y)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, hidden, inner, last, *weights = ctx.saved_tensors
        norm, shift, w1, _, w2, _ = weights
        how: _How = ctx.how
        of_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        of_norm, of_shift, of_w1, of_b1, of_w2, of_b2 = of_weights = [torch.zeros_like(t) for t in weights]
        parts = _parts(hidden, x, hidden, grad, of_x, inner, last)
        with torch.autocast(x.device.type, enabled=False):
            for part, h, g, of_part, inner_part, last_part in parts:
                x_part = part.to(norm.dtype)
                normed, mean, rate = torch.native_layer_norm(x_part, norm.shape, norm, shift, how.eps)
                active = _dropped(F.gelu(h, approximate=how.approximate), inner_part, how)
                g_out = _dropped(g.to(w2.dtype, copy=last is not None), last_part, how)
                of_w2.addmm_(g_out.T, active)
                of_b2 += g_out.sum(0)
                g_hidden = _dropped(torch.mm(g_out, w2, out=active), inner_part, how)
                g_hidden = aten.gelu_backward(g_hidden, h, approximate=how.approximate)
                of_w1.addmm_(g_hidden.T, normed.to(w1.dtype))
                of_b1 += g_hidden.sum(0)
                of_normed = (g_hidden @ w1).to(normed.dtype)
                g_x, g_norm, g_shift = aten.native_layer_norm_backward(
                    of_normed, x_part, norm.shape, mean, rate, norm, shift, [True] * 3
                )
                torch.add(g, g_x, out=of_part)
                of_norm += g_norm
                of_shift += g_shift
        return None, of_x, None, None, *of_weights


def _parts(hidden: Tensor, *tensors: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """Rows by the handful of tensors that are or are None, so that on a CPU what is in between stays small."""
    rows, width = hidden.flatten(0, -2).shape
    size = max(1, PART // width if hidden.device.type == "cpu" else rows)
    flat = [None if t is None else t.flatten(0, -2) for t in tensors]
    for begin in range(0, rows, size):
        yield tuple(None if t is None else t[begin : begin + size] for t in flat)


def _dropped(x: Tensor, passes: Tensor | None, how: _How) -> Tensor:
    """Dropout in place."""
    return x if passes is None else x.mul_(passes.to(x.dtype)).mul_(how.scale)
