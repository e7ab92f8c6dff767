"""A batch as it leaves the disk: native rows, and where the clock frames lie between them.

The interpolation happens after the transfer to the device, in what reads a feature: native rows are a half to a
quarter of the bytes of frames at 100 Hz. Letters: S seats (the target first, then partners), B windows, L clock frames,
R native rows, F label frames of the predicted centre, D columns of a feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.utils.data._utils.collate import default_collate_fn_map  # where torch's documentation adds types

from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.timeline.scaler import Scaler


@dataclass
class NativeBatch:
    """B windows before interpolation.

    Attributes:
        rows: feature -> (S, B, R, D) float32 or float16.
        index: feature -> (S, B, L) int64, the row at or before each frame.
        phase: feature -> (S, B, L) float32 in [0, 1), how far the frame lies on the way to the next row.
        valid: feature -> (S, B, L) bool.
        partner_present: (B, S - 1) bool.
        frame_valid: (B, L) bool, inside the recording.
        label: (B, F) float32, zero where invalid; (B, F, columns) where there are several columns.
        label_valid: (B, F) bool.
        window: (B,) int64, numbers of the windows in their index.
    """

    rows: dict[str, Tensor]
    index: dict[str, Tensor]
    phase: dict[str, Tensor]
    valid: dict[str, Tensor]
    partner_present: Tensor
    frame_valid: Tensor
    label: Tensor
    label_valid: Tensor
    window: Tensor

    def __len__(self) -> int:
        return len(self.window)

    def to(self, device: torch.device | str, non_blocking: bool = True) -> NativeBatch:
        """Return the batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> NativeBatch:
        """Return the batch in page-locked memory (called by DataLoader)."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> NativeBatch:
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, dict):
                changed[field.name] = {name: change(tensor) for name, tensor in value.items()}
            else:
                changed[field.name] = change(value)
        return NativeBatch(**changed)

    def interpolate(self, scaler: Scaler | None) -> FrameBatch:
        """Return the frames on the clock, each feature interpolated when it is read.

        Args:
            scaler: standardises; None leaves the values as they are stored.
        """
        people = {name: self._people(name, scaler) for name in self.rows}
        return FrameBatch(people, self.partner_present, self.frame_valid)

    def _people(self, name: str, scaler: Scaler | None) -> FeatureFrames:
        """One feature of all seats: (S, B, ...)."""
        rows = self.rows[name].float()
        if scaler is not None:
            rows = scaler.apply(name, rows)
        return FeatureFrames.between(rows, self.index[name], self.phase[name], self.valid[name])


def joined(batches: Sequence[NativeBatch]) -> NativeBatch:
    """Return several batches of the same features as one, window after window.

    Where seats or rows are fewer than in another batch, absent seats and the last row again fill the room.
    """
    if len(batches) == 1:
        return batches[0]
    seats = max(batch.partner_present.shape[1] + 1 for batch in batches)
    merged: dict[str, Any] = {
        name: torch.cat([getattr(batch, name) for batch in batches])
        for name in ("frame_valid", "label", "label_valid", "window")
    }
    merged["partner_present"] = torch.cat(
        [_seated(batch.partner_present.T, seats - 1).T for batch in batches]
    )
    for kind in ("rows", "index", "phase", "valid"):
        of_kind = [getattr(batch, kind) for batch in batches]
        merged[kind] = {name: _joined([found[name] for found in of_kind], seats) for name in of_kind[0]}
    return NativeBatch(**merged)


def _joined(parts: Sequence[Tensor], seats: int) -> Tensor:
    """Join (S, B, L) or rows (S, B, R, D) along B; missing rows repeat the last, as in a batch's shorter windows."""
    height = max(part.shape[2] for part in parts)
    filled = [
        part if part.shape[2] == height else
        torch.cat([part, part[:, :, -1:].expand(-1, -1, height - part.shape[2], -1)], 2)
        for part in parts
    ]  # fmt: skip
    return torch.cat([_seated(part, seats) for part in filled], 1)


def _seated(value: Tensor, seats: int) -> Tensor:
    """Fill the first dimension up with zeros: seats on which nobody sits."""
    return torch.cat([value, value.new_zeros(seats - len(value), *value.shape[1:])])


def _collate(batch: Sequence[NativeBatch], *, collate_fn_map: object = None) -> NativeBatch:
    return joined(batch)


default_collate_fn_map[NativeBatch] = _collate  # torch's own DataLoader joins windows without being told how
