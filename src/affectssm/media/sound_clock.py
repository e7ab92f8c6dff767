"""Pieces of sound, each with its time in the file, on one clock and at one rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from affectssm.media.probe import MediaNote

# codecs stamp packets to a millisecond or so; only larger steps are holes or overlaps
_JITTER_S = 0.04
# times that go further back than codecs overlap begin anew
_BACK_S = 0.25


class SoundClock:
    """Puts mono sound on a clock that begins at zero, without a gap, and brings it to one rate.

    Args:
        rate: samples a second to come out.

    Attributes:
        changes: seconds, Hz and layout of every stretch, the first included.
        begun: whether there was sound.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.changes: list[tuple[float, int, str]] = []  # seconds, Hz, layout
        self.begun = False
        self._given = 0  # samples at the wanted rate
        self._base, self._position = 0.0, 0  # where the stretch begins, and its samples so far
        self._shift = 0.0  # what times of the file are behind the clock, after they jumped back
        self._resampler: Any = None
        self._holes, self._jumps = 0.0, 0.0

    @property
    def seconds(self) -> float:
        """How long the sound is so far."""
        return self._base + self._position / self._source if self.changes else 0.0

    @property
    def _source(self) -> int:
        return self.changes[-1][1]

    def put(self, samples: np.ndarray, source: int, layout: str, at: float | None) -> Iterator[np.ndarray]:
        """Add samples at ``source`` Hz, which begin at ``at`` seconds, or where the last ones end."""
        if not self.changes or (source, layout) != self.changes[-1][1:]:
            yield from self._change(source, layout)
        gap = self._gap(at, source)
        if self.begun and gap < -_BACK_S * source:
            # times that begin anew, as where files were put one after another; the sound itself goes on
            self._shift -= gap / source
            self._jumps, gap = self._jumps - gap / source, 0
        if gap > _JITTER_S * source or (not self.begun and gap > 0):
            self._holes += gap / source if self.begun else 0.0
            for silence in _silence(gap, source):
                yield from self._through(silence)
        elif gap < -_JITTER_S * source or (not self.begun and gap < 0):
            samples = samples[-gap:]
        if len(samples):
            self.begun = True
            yield from self._through(samples.astype(np.float32))

    def finish(self) -> Iterator[np.ndarray]:
        """Yield what the resampler still holds."""
        if self._resampler is not None:
            yield from self._out(self._resampler.resample(None))

    def notes(self) -> Iterator[MediaNote]:
        """Yield what was odd about times, rates and layouts."""
        if len(self.changes) > 1:
            told = [f"{rate} Hz {layout} from {at:.2f} s" for at, rate, layout in self.changes]
            more = f" and {len(told) - 4} more" if len(told) > 4 else ""
            found = ", ".join(told[:4]) + more
            yield MediaNote("sound_changes", found, "one rate and one layout; each was resampled", "decided")
        if self._holes:
            yield MediaNote("audio_hole", f"{self._holes:.2f} s without sound", "none", "masked")
        if self._jumps:
            found = f"times of sound that jump back by {self._jumps:.2f} s"
            yield MediaNote("bad_timestamps", found, "rising times; it was taken as going on", "decided")

    def _gap(self, at: float | None, source: int) -> int:
        """Return how many samples after the last one a time of the file is; below 0 where it is before it."""
        if at is None:
            return 0
        gap = round((at - self._base) * source) - self._position
        if abs(gap) <= _JITTER_S * source:
            self._shift = 0.0  # times that had jumped are back
        return gap + round(self._shift * source)

    def _change(self, source: int, layout: str) -> Iterator[np.ndarray]:
        same = bool(self.changes) and source == self._source
        now = self.seconds
        if not same:
            yield from self.finish()
            self._base, self._position = self._given / self.rate, 0
            new = av.AudioResampler(format="flt", layout="mono", rate=self.rate)
            self._resampler = new if source != self.rate else None
        self.changes.append((now, source, layout))

    def _through(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        self._position += len(samples)
        if self._resampler is None:
            self._given += len(samples)
            yield samples
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="flt", layout="mono")
        frame.sample_rate = self._source
        yield from self._out(self._resampler.resample(frame))

    def _out(self, frames: list[Any]) -> Iterator[np.ndarray]:
        for frame in frames:
            piece = frame.to_ndarray()[0]
            self._given += len(piece)
            yield piece


def _silence(samples: int, rate: int) -> Iterator[np.ndarray]:
    """Yield zeros a second at a time, so that a long hole costs no memory."""
    for at in range(0, samples, rate):
        yield np.zeros(min(rate, samples - at), np.float32)
