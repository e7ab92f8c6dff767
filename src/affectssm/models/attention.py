"""Attention whose positions are offsets in time: over a whole window, over chunks of it, or into another sequence.

B batch, L queries, S keys, d model width, H heads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectssm.models.biased_attention import attend
from affectssm.models.recompute import ALL


class OffsetBias(nn.Module):
    """A learned bias a head for the offset in frames between key and query: a smooth curve over the lag.

    The curve interpolates between weights every ``SPACING`` frames and is flat beyond ``REACH``, so that any length
    has a bias and neighbouring lags share what they learn. It starts as a slope away from one offset: 0, with
    slopes that differ by head, or, with ``reaction``, lags spread over the ``REACTION`` frames before the query,
    because people answer each other a fraction of a second later. Attention that starts flat averages a window
    of speech away and takes several times as long to find a lag.
    """

    SPACING, REACH, REACTION = 4, 96, 24  # frames
    GAIN = (
        10.0  # weights are stored divided by it: Adam moves all parameters alike, a bias has to reach 2 or 3
    )

    centres: Tensor

    def __init__(self, heads: int, reaction: bool = False) -> None:
        super().__init__()
        centres = torch.arange(-self.REACH, self.REACH + 1, self.SPACING, dtype=torch.float32)
        self.register_buffer("centres", centres, persistent=False)
        share = torch.arange(heads)[:, None] / heads
        peak = -self.REACTION * share if reaction else torch.zeros_like(share)  # frames
        slope = 1 / 16 if reaction else 2.0 ** (4 * share - 5)  # a frame: 1/32 and steeper, below 1/2
        self.weight = nn.Parameter(-slope * (centres - peak).abs() / self.GAIN)

    def forward(self, queries: int, keys: int) -> Tensor:
        """(H, queries, keys): the bias of key j for query i is the curve at j - i."""
        offsets = torch.arange(1 - queries, keys, device=self.weight.device)
        distance = (offsets[:, None] - self.centres) / self.SPACING
        curve = (
            self.GAIN * self.weight @ torch.softmax(-0.5 * distance.square(), dim=-1).T
        )  # (H, queries+keys-1)
        index = (
            torch.arange(keys, device=offsets.device) - torch.arange(queries, device=offsets.device)[:, None]
        )
        return curve[:, index + queries - 1]


class Attention(nn.Module):
    """Multi-head attention from ``x`` (B, L, d) to itself or to a context (B, S, d).

    Args:
        d_model: d.
        heads: H.
        width: inner width, a multiple of H; default d.
        chunk: let frames attend within consecutive chunks of this many frames only (cost linear in L; S = L).
        reaction: start from lags rather than from offset 0 (see OffsetBias).
    """

    recomputed = ALL

    def __init__(
        self,
        d_model: int,
        heads: int,
        width: int | None = None,
        chunk: int | None = None,
        reaction: bool = False,
    ) -> None:
        super().__init__()
        width = width or d_model
        self.heads, self.chunk = heads, chunk
        self.query = nn.Linear(d_model, width)
        self.key_value = nn.Linear(d_model, 2 * width)
        self.out = nn.Linear(width, d_model)
        self.bias = OffsetBias(heads, reaction)

    def forward(self, x: Tensor, key_mask: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            x: (B, L, d).
            key_mask: (B, S) bool, True where a key may be looked at. A query without any key gets finite numbers
                that mean nothing.
            context: (B, S, d), S = L times the number of sequences laid one behind the other on the same clock;
                None for x itself.

        Returns:
            (B, L, d).
        """
        length = x.shape[1]
        q, kv = self.query(x), self.key_value(x if context is None else context)
        if self.chunk is not None:
            if length % self.chunk and key_mask is None:
                key_mask = x.new_ones(x.shape[:2], dtype=torch.bool)
            q, kv = _chunks(q, self.chunk), _chunks(kv, self.chunk)
            key_mask = None if key_mask is None else _chunks(key_mask.unsqueeze(-1), self.chunk).squeeze(-1)
        bias = self.bias(q.shape[1], q.shape[1]).repeat(1, 1, kv.shape[1] // q.shape[1])  # (H, L, S)
        y = attend(q, kv, bias, key_mask, self.out.weight, self.out.bias)
        return y.reshape(len(x), -1, y.shape[2])[:, :length]


def _chunks(x: Tensor, chunk: int) -> Tensor:
    """(B, L, d) -> (B * chunks, chunk, d), the last chunk padded with zeros (False)."""
    missing = -x.shape[1] % chunk
    if missing:
        x = F.pad(x, (0, 0, 0, missing))
    return x.reshape(-1, chunk, x.shape[2])


def dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, fused: bool) -> Tensor:
    """Softmax of scaled scores, times the values.

    Args:
        q, k, v: (B, H, L, d/H), and twice (B, H, S, d/H).
        mask: of a shape that extends to (B, H, L, S): True where a key may be looked at, or numbers to be added.
        fused: PyTorch's ``scaled_dot_product_attention``; off: all scores at once. The results are equal.

    Returns:
        (B, H, L, d/H).
    """
    if fused:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
    scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, dim=-1).to(v.dtype) @ v


def clock_code(length: int, width: int, like: Tensor) -> Tensor:
    """Sinusoids of the frame number, (length, width), periods from 2 pi to about 2000 frames."""
    frequency = 0.003 ** torch.linspace(0, 1, (width + 1) // 2, device=like.device)
    angle = torch.arange(length, device=like.device)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)[:, :width].to(like.dtype)
