"""What goes into a model that answers for every frame of a target participant.

B windows, L frames on the clock, P seats for partners (none or more, padded), D_f the dimension of feature f.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from affectssm.timeline.feature_frames import FeatureFrames


@dataclass
class FrameBatch:
    """B windows of a target participant and of the partners in the same recording.

    Features are standardised with the training part's statistics; an invalid frame (no face, stream too
    short, outside the recording) is zero and marked invalid. A seat without a partner is zero, invalid and
    not present.
    """

    people: dict[str, FeatureFrames]  # feature -> (1 + P, B, L, D_f), the target first
    partner_present: Tensor  # (B, P) bool
    frame_valid: Tensor  # (B, L) bool: inside the recording

    @property
    def target(self) -> dict[str, FeatureFrames]:
        """Feature -> (B, L, D_f)."""
        return {name: own.each(lambda of_seats: of_seats[0]) for name, own in self.people.items()}

    @property
    def partners(self) -> dict[str, FeatureFrames]:
        """Feature -> (B, P, L, D_f)."""
        return {
            name: own.each(lambda of_seats: of_seats[1:].transpose(0, 1)) for name, own in self.people.items()
        }

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
