"""Which channels of a sound track are averaged.

The mean of two channels is silence where one of them is the other inverted: a cable with crossed wires, a balanced
line recorded as stereo. Which channels do so is decided once for a whole file, from the products of its channels in
every second, so that what is read does not change its sound midway:

* A channel that is silent throughout (in every second less than a step of 16-bit sound around its mean) is no
  microphone and is left out: it would only lower the level.
* Two channels cancel where, in a second in which they sound, their sum has less than a tenth of the power that two
  unrelated signals of their levels would have (for equal levels: a correlation below -0.9). One such second is enough;
  the louder channel is kept. Channels that are inverted for a part of the file only, and pairs within a surround
  layout, are found alike.
* If what is left cancels jointly, the loudest channel alone is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affectssm.media.probe import MediaNote

WINDOW_S = 1.0
QUIETEST = 2.0**-15
"""One step of 16-bit sound."""
_CANCELLED = 0.1  # of the power that unrelated channels would have
_SOUNDING = 1e-3  # of the mean power over the file: seconds below it say nothing
_SHORTEST = 0.5  # of a window: what is left at the end may correlate by chance


@dataclass(frozen=True)
class Mix:
    """The channels whose mean is taken, and what is to be reported of the others."""

    kept: tuple[int, ...]
    notes: tuple[MediaNote, ...] = ()


class Survey:
    """The products of a layout's channels, a second after another; (C, C) numbers are kept of each."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._windows: list[np.ndarray] = []  # (C, C): power in seconds, around the means
        self._seconds: list[float] = []
        self._clear()

    def add(self, data: np.ndarray, rate: int) -> None:
        """Take successive samples, (C, N) float64."""
        while data.shape[1]:
            room = max(1, round((WINDOW_S - self._held) * rate))
            part, data = data[:, :room], data[:, room:]
            self._products += part @ part.T / rate
            self._sums += part.sum(axis=1) / rate
            self._held += part.shape[1] / rate
            if self._held >= WINDOW_S - 0.5 / rate:
                self._close()

    def mix(self) -> Mix:
        """Decide, after everything was added."""
        if self._held >= _SHORTEST * WINDOW_S or (self._held and not self._windows):
            self._close()
        if not self._windows:
            return Mix(tuple(range(self.channels)))
        windows, seconds = np.stack(self._windows), np.array(self._seconds)
        power = np.diagonal(windows, axis1=1, axis2=2)
        silent = np.all(power < QUIETEST**2 * seconds[:, None], axis=0)
        ranked = sorted(np.flatnonzero(~silent).tolist(), key=lambda channel: -power[:, channel].sum())
        if not ranked:
            return Mix(tuple(range(self.channels)))
        kept: list[int] = []
        cancelled = np.zeros(len(windows), bool)
        for channel in ranked:
            against = [_cancels(windows, [channel, other]) for other in kept]
            cancelled |= np.any(against, axis=0) if against else False
            if not np.any(against):
                kept.append(channel)
        jointly = _cancels(windows, kept)
        if jointly.any():
            kept, cancelled = kept[:1], cancelled | jointly
        lost = _sounding(power.sum(axis=1)) & (power[:, kept].sum(axis=1) < _SOUNDING * power.sum(axis=1))
        notes = _notes(kept, silent, *(float(seconds[which].sum()) for which in (cancelled, lost)))
        return Mix(tuple(sorted(kept)), tuple(notes))

    def _close(self) -> None:
        self._windows.append(self._products - np.outer(self._sums, self._sums) / self._held)
        self._seconds.append(self._held)
        self._clear()

    def _clear(self) -> None:
        self._products, self._sums = np.zeros((self.channels, self.channels)), np.zeros(self.channels)
        self._held = 0.0


def _notes(kept: list[int], silent: np.ndarray, cancelled: float, lost: float) -> Iterator[MediaNote]:
    """Say what was left out: ``cancelled`` seconds made it so, ``lost`` are those in which nothing else sounds."""
    count = len(silent)
    if silent.any():
        found = f"channel {_names(np.flatnonzero(silent).tolist())} of {count} silent throughout"
        yield MediaNote("silent_channel", found, "sound in every channel", "decided")
    if len(kept) < count - silent.sum():
        found = f"channels that cancel each other for {cancelled:.1f} s"
        found += f"; others alone sound for {lost:.1f} s, which are lost" if lost else ""
        expected = f"channels that can be averaged; channel {_names(kept)} of {count} was used throughout"
        yield MediaNote("channels_cancel", found, expected, "decided")


def _names(channels: list[int]) -> str:
    """Name channels as people count them."""
    return ", ".join(str(channel + 1) for channel in sorted(channels))


def _cancels(windows: np.ndarray, group: list[int]) -> np.ndarray:
    """Return in which windows, (S,) bool, the sum of a group of channels is next to nothing."""
    inner = windows[:, group][:, :, group]
    power = np.trace(inner, axis1=1, axis2=2)
    return np.asarray(_sounding(power) & (inner.sum(axis=(1, 2)) < _CANCELLED * power))


def _sounding(power: np.ndarray) -> np.ndarray:
    return (power > 0) & (power >= _SOUNDING * power.mean())
