"""What a task with a label per frame decides: its labels, and the windows of frames that models see."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Frames:
    """A task with labels per frame: what its labels are, and the windows of clock frames that models see.

    A window is ``context`` frames, ``centre`` predicted ones and ``context`` frames again, every ``centre`` frames. The
    first begins ``context`` frames before the recording, and one of N frames has ceil(N / centre): the centres cover
    every frame exactly once. Frames outside the recording are masked.

    Attributes:
        label: the feature that holds the labels, but for those of test parts.
        columns: of that feature, by name.
        label_hz: its rows a second.
        context, centre: clock frames; ``centre`` is a whole number of label frames at any clock.
    """

    label: str
    columns: tuple[str, ...]
    label_hz: int
    context: int
    centre: int

    @property
    def length(self) -> int:
        """Clock frames in a window."""
        return self.context + self.centre + self.context

    @property
    def middle(self) -> slice:
        """Where the predicted frames lie in a window."""
        return slice(self.context, self.context + self.centre)

    def starts(self, frames: int) -> np.ndarray:
        """First clock frames of the windows of a recording of N clock frames: (ceil(N / centre),) int32."""
        return self.centre * np.arange(-(-frames // self.centre), dtype=np.int32) - self.context

    def told(self, clock_hz: int) -> dict[str, Any]:
        """Return what the card of an index says, so that whoever reads it knows its windows."""
        return {"clock_hz": clock_hz, "length": self.length, "frames": asdict(self)}
