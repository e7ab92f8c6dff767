"""LGGNet (Ding et al., IEEE Transactions on Neural Networks and Learning Systems 2023), written from the paper.

    filters over time, three windows -> log of the mean power -> 1 x 1 filters: features of every channel
    local graphs: channels of one area are weighted feature by feature and averaged
    global graph: areas are joined by how alike they are, times a learnt symmetric matrix -> graph layer -> logits

The paper's general definition puts EEG channels of the same row of the 10-20 system into one area (Fp, AF, F, FC, C,
CP, P, PO, O, T). That needs names: 32 EEG channels are taken to come in the order of ``ELECTRODES``, as all
corpora here are brought to it; another number is split into its two halves. Every other modality is an area of its own.

B segments, C channels of all modalities, G areas, L samples. Time comes first and segments last, as the filter bank
leaves them, up to the areas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from affectssm.models.filter_bank import SQUARE, Mean, filtered_steps
from affectssm.models.segments import (
    SegmentModel,
    SegmentOutput,
    Segments,
    in_samples,
    long_enough,
    side_by_side,
)
from affectssm.models.steps import RowFilters, StepMean
from affectssm.settings.signal_models import LGGNetSettings

LEFT = ["Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz"]
RIGHT = [
    "Fp2",
    "AF4",
    "Fz",
    "F4",
    "F8",
    "FC6",
    "FC2",
    "Cz",
    "C4",
    "T8",
    "CP6",
    "CP2",
    "P4",
    "P8",
    "PO4",
    "O2",
]
ELECTRODES = LEFT + RIGHT
TINY = 1e-6  # inside the logarithm of a power


def areas_of(channels: Mapping[str, int]) -> list[list[int]]:
    """Areas of the channels of all modalities, numbered through."""
    areas: list[list[int]] = []
    first = 0
    for name, count in channels.items():
        numbers = range(first, first + count)
        if name == "eeg" and count == len(ELECTRODES):
            rows: dict[str, list[int]] = {}
            for number, label in zip(numbers, ELECTRODES, strict=True):
                rows.setdefault(label.rstrip("0123456789z"), []).append(number)
            areas += rows.values()
        elif name == "eeg" and count > 1:
            areas += [list(numbers[: count // 2]), list(numbers[count // 2 :])]
        else:
            areas.append(list(numbers))
        first += count
    return areas


class LGGNet(SegmentModel):
    """The model; its local graphs are the :func:`areas_of` its channels."""

    Settings = LGGNetSettings

    def build(self, settings: LGGNetSettings, rate: float, samples: int, classes: int) -> None:
        areas, count = areas_of(self.channels), sum(self.channels.values())
        kernels = [in_samples("LGGNet's windows", seconds, rate) for seconds in settings.windows_s]
        pool = in_samples("LGGNet's mean", settings.pool_s, rate)
        stride = max(1, pool // 4)
        long_enough("LGGNet", samples, max(kernels) - 1 + pool + stride)
        self.mean = Mean(pool, stride)
        steps = sum(self.mean.steps(samples - kernel + 1) for kernel in kernels)
        self.windows = nn.ModuleList(
            nn.ModuleDict({"filters": nn.Conv2d(1, settings.temporal, (1, kernel))}) for kernel in kernels
        )
        self.window_norm = nn.BatchNorm2d(settings.temporal)
        self.mix = nn.Sequential(
            RowFilters(settings.temporal, settings.temporal), nn.LeakyReLU(), StepMean(2)
        )
        self.mix_norm = nn.BatchNorm2d(settings.temporal)
        features = settings.temporal * (steps // 2)
        self.local_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(count, features)))
        self.local_bias = nn.Parameter(torch.zeros(count, 1))
        averaging = torch.zeros(len(areas), count)
        for row, area in enumerate(areas):
            averaging[row, area] = 1 / len(area)
        self.register_buffer("averaging", averaging, persistent=False)
        self.adjacency = nn.Parameter(nn.init.xavier_uniform_(torch.empty(len(areas), len(areas))))
        self.area_norm = nn.BatchNorm1d(len(areas))
        self.graph = nn.Linear(features, settings.graph)
        self.graph_norm = nn.BatchNorm1d(len(areas))
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(settings.dropout), nn.Linear(len(areas) * settings.graph, classes)
        )

    def forward(self, segments: Segments) -> SegmentOutput:
        """Logits of B segments."""
        h = self.window_norm(self.powers(side_by_side(segments, self.channels)))  # (U, F, C, B)
        h = self.local(self.mix_norm(self.mix(h)))  # (B, G, features)
        edges = self.edges(h)
        h = torch.relu(edges @ self.graph(self.area_norm(h)))
        return SegmentOutput(self.head(self.graph_norm(h)))

    def powers(self, x: Tensor) -> Tensor:
        """Logs of the mean powers of the filters' outputs: (B, C, L) -> (U, F, C, B)."""
        filters = [cast(nn.Conv2d, cast(nn.ModuleDict, window)["filters"]) for window in self.windows]
        return filtered_steps(x, filters, self.mean, SQUARE, self.formulation).add_(TINY).log()

    def local(self, h: Tensor) -> Tensor:
        """Weighted feature by feature and averaged over areas: (U, F, C, B) -> (B, G, features)."""
        weight = self.local_weight.unflatten(1, (h.shape[1], len(h))).permute(2, 1, 0)  # (U, F, C)
        weighted = torch.relu(torch.addcmul(self.local_bias, h, weight.unsqueeze(3)))
        return (cast(Tensor, self.averaging) @ weighted).permute(3, 2, 1, 0).flatten(2)

    def edges(self, h: Tensor) -> Tensor:
        """The global graph of areas (B, G, features) -> (B, G, G), normalised by the square roots of its degrees."""
        alike = h @ h.mT
        own = torch.eye(h.shape[1], dtype=h.dtype, device=h.device)
        graph = torch.relu(alike * (self.adjacency + self.adjacency.mT)) + own
        degree = graph.sum(dim=2).rsqrt()
        return degree.unsqueeze(2) * graph * degree.unsqueeze(1)
