"""The three-branch temporal encoder of one modality, as in BiMamba-TTA's released code (github mikasa-s/BiM-TTA).

    branch (one a temporal window of K samples): convolution over time -> BatchNorm -> LeakyReLU -> mean over P samples
        -> one convolution over the channels, or global and hemispheric ones -> BatchNorm -> LeakyReLU
    branches one behind the other along time -> BiMamba over time, added to its input -> dropout
        -> convolution -> mean over a few steps

The kernels and P are given in seconds and scale with the sampling rate. A kernel of even length leaves one sample more
than went in; the mean drops what does not fill P samples, the BatchNorm before it counts it.

B segments, C channels, L samples, T width, M = T // 2, S steps.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.errors import ConfigError
from affectssm.models.pooled_filters import pooled_filters
from affectssm.models.recompute import BLOCKS
from affectssm.models.steps import row_products
from affectssm.settings.signal_models import BiMambaTTASettings
from affectssm.ssm.mamba import BiMamba


def separable(inputs: int, outputs: int, rows: int, stride: int = 1) -> nn.Sequential:
    """A convolution over ``rows`` channels, by feature and then across features, and LeakyReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, (rows, 1), (stride, 1), groups=inputs),
        nn.Conv2d(inputs, outputs, 1),
        nn.LeakyReLU(),
    )


class Hemispheres(nn.Module):
    """Channels joined over the whole head and over either half, the three results joined: (B, M, C, S) -> (B, T, 1, S).

    Raises:
        ConfigError: for an odd number of channels.
    """

    def __init__(self, inputs: int, outputs: int, channels: int) -> None:
        super().__init__()
        if channels % 2:
            raise ConfigError(
                "hemispheres",
                f"{channels} channels",
                "an even number, the left half first",
                "leave a midline channel out, or the modality out of `hemispheres`",
            )
        self.whole = separable(inputs, inputs, channels)
        self.halves = separable(inputs, inputs, channels // 2, stride=channels // 2)
        self.norm = nn.BatchNorm2d(inputs)
        self.join = separable(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.norm(torch.cat([self.whole(x), self.halves(x)], dim=2)))

    def steps_first(self, x: Tensor) -> Tensor:
        """``forward`` by two matrix products: (U, M, C, B) -> (U, T, B)."""
        whole, of_whole = _separable_filters(self.whole)  # (M, M, C)
        half, of_half = _separable_filters(self.halves)  # (M, M, C / 2)
        other = half.shape[2]
        left, right = functional.pad(half, (0, other)), functional.pad(half, (other, 0))
        weight, bias = torch.stack([whole, left, right], 1), torch.stack([of_whole, of_half, of_half], 1)
        h = _bent(row_products(x, weight.flatten(0, 1), bias.flatten()), self.whole)
        h = self.norm(h.unflatten(1, (-1, 3)))  # (U, M, 3, B)
        return _bent(row_products(h, *_separable_filters(self.join)), self.join)


def _separable_filters(layers: nn.Sequential) -> tuple[Tensor, Tensor]:
    """Filters (G, F, rows) and offsets (G,) that do both convolutions of ``separable`` together."""
    by_feature, across = cast(nn.Conv2d, layers[0]), cast(nn.Conv2d, layers[1])
    mixed = across.weight.flatten(1)
    offsets = torch.addmv(cast(Tensor, across.bias), mixed, cast(Tensor, by_feature.bias))
    return mixed.unsqueeze(2) * by_feature.weight.flatten(1), offsets


def _bent(h: Tensor, layers: nn.Sequential) -> Tensor:
    """LeakyReLU as ``separable`` ends with, in place."""
    return functional.leaky_relu_(h, cast(nn.LeakyReLU, layers[2]).negative_slope)


class Branch(nn.Module):
    """One temporal window: convolution and norm over time, and what follows once they have been averaged.

    Args:
        channels: C.
        width: T.
        kernel: K in samples.
        hemispheres: whether the channels are a left and a right half.
    """

    def __init__(self, channels: int, width: int, kernel: int, hemispheres: bool) -> None:
        super().__init__()
        middle = width // 2
        self.temporal = nn.Conv2d(1, middle, (1, kernel), padding=(0, kernel // 2))
        self.norm = nn.BatchNorm2d(middle)
        self.spatial = (
            Hemispheres(middle, width, channels) if hemispheres else nn.Conv2d(middle, width, (channels, 1))
        )
        self.spatial_norm = nn.BatchNorm2d(width)
        self.activation = nn.LeakyReLU()

    def forward(self, filtered: Tensor) -> Tensor:
        """(B, M, C, steps), filtered over time and averaged -> (B, T, steps); layer by layer."""
        return self.activation(self.spatial_norm(self.spatial(filtered))).squeeze(2)

    def steps_first(self, filtered: Tensor) -> Tensor:
        """``forward`` by matrix products, from a filter bank's order: (steps, M, C, B) -> (steps, T, B)."""
        if isinstance(self.spatial, Hemispheres):
            h = self.spatial.steps_first(filtered)
        else:
            h = row_products(filtered, self.spatial.weight.squeeze(3), cast(Tensor, self.spatial.bias))
        return self.activation(self.spatial_norm(h.unsqueeze(2))).squeeze(2)


class TemporalEncoder(nn.Module):
    """One modality: (B, C, L) -> (B, T, S).

    Args:
        settings: sizes.
        modality: its name, which decides its width and whether it has hemispheres.
        channels: C.
        rate: sampling rate in Hz.
        samples: L.
        formulation: ``plain``, layer by layer, or ``auto``: filters over time as a bank (pooled_filters), and what
            follows in its order, by matrix products.

    Raises:
        ConfigError: when windows or segments are too short for a step.
    """

    recomputed = BLOCKS

    def __init__(
        self,
        settings: BiMambaTTASettings,
        modality: str,
        channels: int,
        rate: float,
        samples: int,
        formulation: str = "auto",
    ) -> None:
        super().__init__()
        self.width = settings.widths.of(modality)
        kernels = [int(seconds * rate) for seconds in settings.windows_s]
        self.pool, self.formulation = int(settings.pool_s * rate), formulation
        if min(*kernels, self.pool) < 1:
            raise _too_short(modality, f"{min(*kernels, self.pool)} samples at {rate:g} Hz")
        branches = [Branch(channels, self.width, k, modality in settings.hemispheres) for k in kernels]
        self.branches = nn.ModuleList(branches)
        self.mixer = BiMamba(
            self.width,
            settings.d_state,
            settings.d_conv,
            settings.expand,
            bidirectional=settings.bidirectional,
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.smooth = nn.Sequential(
            nn.Conv1d(self.width, self.width, settings.smooth_steps, padding=settings.smooth_steps // 2),
            nn.AvgPool1d(settings.smooth_pool),
        )
        steps = sum(_steps(samples, kernel, self.pool) for kernel in kernels)
        self.steps = _steps(steps, settings.smooth_steps, settings.smooth_pool)
        if self.steps < 1:
            raise _too_short(modality, f"{samples} samples, {steps} steps before the last mean")

    def forward(self, x: Tensor) -> Tensor:
        h = self.joined(self.filtered(x))
        return self.smoothed(self.dropout(h + self.mixer(h)))

    def filtered(self, x: Tensor) -> list[Tensor]:
        """Every branch's means over time (U, M, C, B) of samples (B, C, L)."""
        branches = [cast(Branch, branch) for branch in self.branches]
        layers = [(branch.temporal, branch.norm) for branch in branches]
        return pooled_filters(x, layers, self.pool, branches[0].activation.negative_slope, self.formulation)

    def joined(self, filtered: list[Tensor]) -> Tensor:
        """Their channels joined, branches one behind the other: (B, sum of U, T).

        Steps are innermost in memory in either formulation: dropout draws in that order.
        """
        pairs = [(cast(Branch, branch), f) for branch, f in zip(self.branches, filtered, strict=True)]
        if self.formulation == "plain":
            h = torch.cat([branch(f.permute(3, 1, 2, 0)) for branch, f in pairs], dim=2)
        else:
            h = torch.cat([branch.steps_first(f) for branch, f in pairs]).permute(2, 1, 0).contiguous()
        return h.transpose(1, 2)

    def smoothed(self, h: Tensor) -> Tensor:
        """(B, sum of U, T) -> (B, T, S); else than plain the mean and the convolution are one, with a stride."""
        h = h.transpose(1, 2)
        if self.formulation == "plain":
            return self.smooth(h)
        conv, (size,) = cast(nn.Conv1d, self.smooth[0]), cast(tuple[int], self.smooth[1].kernel_size)
        weight = functional.avg_pool1d(functional.pad(conv.weight, (size - 1, size - 1)), size, 1)
        return functional.conv1d(h, weight, conv.bias, size, conv.padding[0])


def _steps(samples: int, kernel: int, pool: int) -> int:
    """Means over ``pool`` outputs of a convolution that is padded by half its kernel."""
    return (samples + 2 * (kernel // 2) - kernel + 1) // pool


def _too_short(modality: str, found: str) -> ConfigError:
    return ConfigError(
        f"the encoder of {modality}",
        found,
        "segments of at least one step and windows of at least one sample",
        "use longer segments, a higher rate or shorter means",
    )
