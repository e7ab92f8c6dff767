"""From a trial as it was recorded to the rate and the bands that models see."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.signal import butter, resample_poly, sosfiltfilt

# Hz; DEAP's owners filtered the EEG so (their readme), the drift of the other electrodes is ours to take away
BANDS: dict[str, tuple[float, float | None]] = {
    "eeg": (4.0, 45.0),
    "eog": (0.5, None),
    "emg": (0.5, None),
    "ecg": (0.5, None),
}
ORDER = 4


def bridged(value: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return (T, C) with straight lines where samples are not valid, so that a filter does not spread their zeros."""
    if valid.all() or not valid.any():
        return value
    place, there = np.arange(len(value)), np.flatnonzero(valid)
    return np.stack([np.interp(place, there, column[there]) for column in value.T], axis=1)


def filtered(kind: str, value: np.ndarray, rate: float) -> np.ndarray:
    """Return what a recorder wrote, (T, C), filtered without delay; EEG against the average of its electrodes."""
    if kind not in BANDS:
        return value
    if kind == "eeg":
        value = value - value.mean(axis=1, keepdims=True)
    low, high = BANDS[kind]
    if high is not None and high >= rate / 2:
        high = None
    band = low if high is None else (low, high)
    sections = butter(ORDER, band, "highpass" if high is None else "bandpass", fs=rate, output="sos")
    pad = min(len(value) - 1, round(3 * rate / low))
    return sosfiltfilt(sections, value, axis=0, padlen=pad) if pad > 0 else value


def resampled(value: np.ndarray, rate: float, to: float, onset: int) -> tuple[np.ndarray, int]:
    """Return (T', C) at another rate, and the sample that ``onset`` has become.

    Samples are taken away in front so that ``onset`` falls on a sample of the result; the polyphase filter continues
    the signal by a line at both ends, since most are far from zero.
    """
    if rate == to:
        return value, onset
    ratio = Fraction(to / rate).limit_denominator(1000)
    lead = onset // ratio.denominator * ratio.denominator
    kept = value[onset - lead :]
    made = resample_poly(kept, ratio.numerator, ratio.denominator, axis=0, padtype="line")
    return made, lead // ratio.denominator * ratio.numerator
