"""Standardisation by the mean and deviation of the training part's valid native rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affectssm.timeline.tracks import TrackFiles

FLOOR = 1e-6  # relative to the mean's size: a column that varies less is a constant and is only centred
CHUNK_VALUES = 1 << 20  # values in float64 at a time


@dataclass
class Scaler:
    """Mean and standard deviation of each column.

    Attributes:
        mean, std: feature -> (D,) float32; std is 1 for a column that is constant in the training part.
    """

    mean: dict[str, Tensor]
    std: dict[str, Tensor]

    def apply(self, name: str, rows: Tensor) -> Tensor:
        """Standardise (..., D) float32 rows of feature ``name``."""
        return rows.sub(self.mean[name]).div_(self.std[name])

    def to(self, device: torch.device | str) -> Scaler:
        """Return the scaler on another device."""
        return Scaler(
            {name: value.to(device) for name, value in self.mean.items()},
            {name: value.to(device) for name, value in self.std.items()},
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps: ``{feature}.mean`` and ``{feature}.std``."""
        return {
            f"{name}.{what}": value
            for what, values in (("mean", self.mean), ("std", self.std))
            for name, value in values.items()
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Scaler:
        """Return the scaler whose :meth:`tensors` these are."""
        names = sorted({name.rpartition(".")[0] for name in tensors})
        return cls({n: tensors[f"{n}.mean"] for n in names}, {n: tensors[f"{n}.std"] for n in names})

    @classmethod
    def fit(cls, features: Mapping[str, TrackFiles], dims: Mapping[str, int]) -> Scaler:
        """Return the scaler of all tracks of ``features``, read once and a piece at a time."""
        moments = {name: _moments(files, dims[name]) for name, files in features.items()}
        return cls({n: mean for n, (mean, _) in moments.items()}, {n: std for n, (_, std) in moments.items()})


def _moments(files: TrackFiles, dim: int) -> tuple[Tensor, Tensor]:
    """Mean and population deviation of the valid rows, merged over pieces (Chan, Golub and LeVeque 1979)."""
    count, mean, square = 0, np.zeros(dim), np.zeros(dim)
    height = max(1, CHUNK_VALUES // dim)
    for key in sorted(files.info):
        _, valid = files.times(key)
        for at in range(0, len(valid), height):
            kept = valid[at : at + height]
            rows = files.values(key, at, at + len(kept))[kept].astype(np.float64)
            if not len(rows):
                continue
            part = rows.mean(0)
            shift, total = part - mean, count + len(rows)
            square += ((rows - part) ** 2).sum(0) + shift**2 * (count * len(rows) / total)
            mean += shift * (len(rows) / total)
            count = total
    std = np.sqrt(square / max(count, 1))
    std[std <= FLOOR * np.maximum(1.0, abs(mean))] = 1.0
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()
