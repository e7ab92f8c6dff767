"""TSception (Ding et al., IEEE Transactions on Affective Computing 2022), written from the paper.

    filters over time, three windows -> LeakyReLU -> mean; the windows' results one behind the other along time
    filters over all channels, and over either half of the head -> LeakyReLU -> mean; their three rows -> one
    mean over time -> hidden layer -> logits

The paper has EEG alone. Here the channels of all modalities stand below one another; the filters over all channels see
them all, the hemispheric ones the two halves of the modalities that have halves (none: that row is absent).

B segments, C channels of all modalities, L samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectssm.models.signals import (
    SignalOutput,
    Signals,
    check_channels,
    in_samples,
    long_enough,
    side_by_side,
)
from affectssm.physio_settings import TSceptionSettings


def filtered(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int], pool: int
) -> nn.Sequential:
    """A convolution, LeakyReLU and the mean over ``pool`` samples."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride), nn.LeakyReLU(), nn.AvgPool2d((1, pool), (1, pool))
    )


class TSception(nn.Module):
    """The model.

    Args:
        settings: sizes.
        channels: channels of every modality, in order.
        rate: sampling rate in Hz.
        samples: L.
        classes: N.

    Raises:
        ConfigError: for no modality or too short segments.
    """

    Settings = TSceptionSettings

    def __init__(
        self,
        settings: TSceptionSettings,
        channels: Mapping[str, int],
        rate: float,
        samples: int,
        classes: int = 2,
    ) -> None:
        super().__init__()
        check_channels(channels)
        self.channels = dict(channels)
        kernels = [in_samples("TSception's windows", seconds, rate) for seconds in settings.windows_s]
        pool = in_samples("TSception's mean", settings.pool_s, rate)
        shorter, last = max(1, pool // 4), max(1, pool // 2)
        long_enough("TSception", samples, max(kernels) - 1 + pool * shorter * last)
        t, s = settings.temporal, settings.spatial
        self.windows = nn.ModuleList(filtered(1, t, (1, kernel), (1, 1), pool) for kernel in kernels)
        self.window_norm = nn.BatchNorm2d(t)
        self.whole = filtered(t, s, (sum(channels.values()), 1), (1, 1), shorter)
        halved = [name for name, count in channels.items() if name in settings.hemispheres and count % 2 == 0]
        self.halved = halved
        self.halves = nn.ModuleDict(
            {
                name: filtered(t, s, (channels[name] // 2, 1), (channels[name] // 2, 1), shorter)
                for name in halved
            }
        )
        self.space_norm = nn.BatchNorm2d(s)
        self.join = filtered(s, s, (1 + 2 * len(halved), 1), (1, 1), last)
        self.join_norm = nn.BatchNorm2d(s)
        self.head = nn.Sequential(
            nn.Linear(s, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, classes),
        )

    def forward(self, signals: Signals) -> SignalOutput:
        """Logits of B segments."""
        x = side_by_side(signals, self.channels).unsqueeze(1)  # (B, 1, C, L)
        h = self.window_norm(torch.cat([window(x) for window in self.windows], dim=3))
        parts = dict(zip(self.channels, h.split(list(self.channels.values()), dim=2), strict=True))
        rows = [self.whole(h), *(half(parts[name]) for name, half in self.halves.items())]
        h = self.join_norm(self.join(self.space_norm(torch.cat(rows, dim=2))))
        pooled: Tensor = h.mean(dim=(2, 3))
        return SignalOutput(self.head(pooled))
