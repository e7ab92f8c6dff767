"""TSception (Ding et al., IEEE Transactions on Affective Computing 2022), written from the paper.

    filters over time, three windows -> LeakyReLU -> mean; the windows' results one behind the other along time
    filters over all channels, and over either half of the head -> LeakyReLU -> mean; their three rows -> one
    mean over time -> hidden layer -> logits

The paper has EEG alone. Here the channels of all modalities stand below one another; the filters over all channels see
them all, the hemispheric ones the two halves of the modalities that have halves (none: that row is absent).

B segments, C channels of all modalities, L samples. Time comes first and segments last, as the filter bank leaves
them: filters over channels see images of C rows and B columns, one a step.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from affectssm.models.filter_bank import Mean, filtered_steps, leaky_relu
from affectssm.models.segments import (
    SegmentModel,
    SegmentOutput,
    Segments,
    in_samples,
    long_enough,
    side_by_side,
)
from affectssm.models.steps import RowFilters, StepMean
from affectssm.settings.signal_models import TSceptionSettings


def filtered(inputs: int, outputs: int, rows: int, pool: int) -> nn.Sequential:
    """Filters over every ``rows`` channels of a step, LeakyReLU and the mean over ``pool`` steps."""
    return nn.Sequential(RowFilters(inputs, outputs, rows), nn.LeakyReLU(), StepMean(pool))


class TSception(SegmentModel):
    """The model."""

    Settings = TSceptionSettings

    def build(self, settings: TSceptionSettings, rate: float, samples: int, classes: int) -> None:
        channels = self.channels
        kernels = [in_samples("TSception's windows", seconds, rate) for seconds in settings.windows_s]
        pool = in_samples("TSception's mean", settings.pool_s, rate)
        shorter, last = max(1, pool // 4), max(1, pool // 2)
        long_enough("TSception", samples, max(kernels) - 1 + pool * shorter * last)
        t, s = settings.temporal, settings.spatial
        self.mean = Mean(pool, pool)
        self.windows = nn.ModuleList(
            nn.Sequential(nn.Conv2d(1, t, (1, kernel)), nn.LeakyReLU()) for kernel in kernels
        )
        self.window_norm = nn.BatchNorm2d(t)
        self.whole = filtered(t, s, sum(channels.values()), shorter)
        halved = [name for name, count in channels.items() if name in settings.hemispheres and count % 2 == 0]
        self.halved = halved
        self.halves = nn.ModuleDict({name: filtered(t, s, channels[name] // 2, shorter) for name in halved})
        self.space_norm = nn.BatchNorm2d(s)
        self.join = filtered(s, s, 1 + 2 * len(halved), last)
        self.join_norm = nn.BatchNorm2d(s)
        self.head = nn.Sequential(
            nn.Linear(s, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, classes),
        )

    def forward(self, segments: Segments) -> SegmentOutput:
        """Logits of B segments."""
        h = self.window_norm(self.over_time(side_by_side(segments, self.channels)))  # (U, T, C, B)
        parts = dict(zip(self.channels, h.split(list(self.channels.values()), dim=2), strict=True))
        rows = [self.whole(h), *(half(parts[name]) for name, half in self.halves.items())]
        h = self.join_norm(self.join(self.space_norm(torch.cat(rows, dim=2))))  # (steps, S, 1, B)
        pooled: Tensor = h.mean(dim=(0, 2)).mT
        return SegmentOutput(self.head(pooled))

    def over_time(self, x: Tensor) -> Tensor:
        """The windows' filters, LeakyReLU and means: (B, C, L) -> (U, T, C, B)."""
        layers = [cast(nn.Sequential, window) for window in self.windows]
        convolutions = [cast(nn.Conv2d, layer[0]) for layer in layers]
        slope = cast(nn.LeakyReLU, layers[0][1]).negative_slope
        return filtered_steps(x, convolutions, self.mean, leaky_relu(slope), self.formulation)
