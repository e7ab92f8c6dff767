"""A temporal convolutional network (Bai, Kolter and Koltun 2018, arXiv 1803.01271), as Mamba-VA has it.

    level i: x -> [weight-normed convolution, dilation 2^i -> PReLU -> dropout] twice -> + x -> PReLU

A convolution is causal: it sees its own frame and the ``kernel - 1`` before, 2^i frames apart, zeros before the first
one. That is padding both ends and cutting the later one off, without computing what is cut. x passes a 1x1 convolution
where the channels change. Every PReLU has one slope. An answer depends on 1 + 2 (kernel - 1) (2^levels - 1) frames.

B windows, L frames, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from affectssm.models.recompute import BLOCKS

DEVIATION = 0.01  # of the weights at the start (TCN's code), where they are normal


class CausalConv(nn.Module):
    """Weight norm, a dilated convolution of the past, PReLU, dropout: (B, C_in, L) -> (B, C_out, L)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float, normal: bool
    ) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation
        # before weight norm, which makes its own parameters of the weights that it finds
        self.conv = weight_norm(_convolution(inputs, outputs, kernel, dilation, normal))
        self.activate = nn.PReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, L) -> (B, C_out, L)."""
        return self.dropout(self.activate(self.conv(F.pad(x, (self.past, 0)))))


class Level(nn.Module):
    """Two convolutions and the way around them."""

    recomputed = BLOCKS

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float, normal: bool
    ) -> None:
        super().__init__()
        self.first = CausalConv(inputs, outputs, kernel, dilation, dropout, normal)
        self.second = CausalConv(outputs, outputs, kernel, dilation, dropout, normal)
        self.around = _convolution(inputs, outputs, 1, 1, normal) if inputs != outputs else nn.Identity()
        self.activate = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, L) -> (B, C_out, L)."""
        return self.activate(self.second(self.first(x)) + self.around(x))


class TCN(nn.Module):
    """The network.

    Args:
        inputs: D.
        channels: of every level; dilations double from 1.
        kernel: frames a convolution sees.
        dropout: dropout.
        normal: weights start normal with deviation 0.01; off: as PyTorch's do. Mamba-VA's and TCN's code ask for the
            former, but before the first step weight norm puts PyTorch's back, save in the 1x1 convolutions.
    """

    def __init__(
        self, inputs: int, channels: Sequence[int], kernel: int, dropout: float, normal: bool = True
    ) -> None:
        super().__init__()
        self.levels = nn.Sequential(
            *(
                Level(before, after, kernel, 2**i, dropout, normal)
                for i, (before, after) in enumerate(pairwise([inputs, *channels]))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, C), C the last level's channels."""
        return self.levels(x.transpose(1, 2)).transpose(1, 2)


def _convolution(inputs: int, outputs: int, kernel: int, dilation: int, normal: bool) -> nn.Conv1d:
    conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
    if normal:
        nn.init.normal_(conv.weight, std=DEVIATION)
    return conv
