"""What goes into a model that answers for every frame of a target participant.

B windows, L frames on the clock, P seats for partners (none or more, padded), D_f the dimension of feature f.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class FrameBatch:
    """B windows of a target participant and of the partners in the same recording.

    Features are standardised with the training part's statistics; an invalid frame (no face, stream too
    short, outside the recording) is zero and marked invalid. A seat without a partner is zero, invalid and
    not present.
    """

    target: dict[str, Tensor]  # feature -> (B, L, D_f) float32
    target_valid: dict[str, Tensor]  # feature -> (B, L) bool
    partners: dict[str, Tensor]  # feature -> (B, P, L, D_f) float32
    partners_valid: dict[str, Tensor]  # feature -> (B, P, L) bool
    partner_present: Tensor  # (B, P) bool
    frame_valid: Tensor  # (B, L) bool: inside the recording

    def to(self, device: torch.device | str) -> FrameBatch:
        """The same batch on another device."""

        def move(features: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.to(device, non_blocking=True) for name, tensor in features.items()}

        return FrameBatch(
            move(self.target),
            move(self.target_valid),
            move(self.partners),
            move(self.partners_valid),
            self.partner_present.to(device, non_blocking=True),
            self.frame_valid.to(device, non_blocking=True),
        )

    @property
    def size(self) -> int:
        """B."""
        return self.frame_valid.shape[0]

    @property
    def length(self) -> int:
        """L."""
        return self.frame_valid.shape[1]

    @property
    def seats(self) -> int:
        """P."""
        return self.partner_present.shape[1]
