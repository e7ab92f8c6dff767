"""What a task with a label per frame decides: its labels, and the windows of frames that models see."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Frames:
    """A task with labels per frame: what its labels are, and the windows of clock frames that models see.

    A window is ``context`` frames, ``centre`` predicted ones and ``context`` frames again, every ``stride`` frames. The
    first begins ``context`` frames before the recording, and one of N frames has ceil((N - centre) / stride) + 1, at
    least one: the centres cover every frame, and where ``stride`` is ``centre`` exactly once. Where centres overlap the
    last one ends with the recording, unless that is shorter. Frames outside the recording are masked.

    Attributes:
        label: the feature that holds the labels, but for those of test parts.
        columns: of that feature, by name.
        label_hz: its rows a second; None where a row is a picture and recordings have rates of their own.
        context, centre: clock frames; ``centre`` is a whole number of label frames at any clock.
        stride: clock frames from one window to the next, a whole number of label frames as well, at most ``centre``; 0
            stands for ``centre``.
    """

    label: str
    columns: tuple[str, ...]
    label_hz: int | None
    context: int
    centre: int
    stride: int = 0

    @property
    def length(self) -> int:
        """Clock frames in a window."""
        return self.context + self.centre + self.context

    @property
    def middle(self) -> slice:
        """Where the predicted frames lie in a window."""
        return slice(self.context, self.context + self.centre)

    def starts(self, frames: int) -> np.ndarray:
        """First clock frames of the windows of a recording of N clock frames, ascending: (W,) int32."""
        stride, rest = self.stride or self.centre, max(frames - self.centre, 0)
        first = stride * np.arange(-(-rest // stride) + (frames > 0), dtype=np.int32)
        return (first if stride == self.centre else np.minimum(first, rest)) - self.context

    def told(self, per_label: int) -> dict[str, Any]:
        """Return what the card of an index says, so that whoever reads it knows its windows.

        Args:
            per_label: clock frames in a label frame.
        """
        return {"per_label": per_label, "length": self.length, "frames": asdict(self)}
