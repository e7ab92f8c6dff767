"""What a reader scores who knows where to look in the demo's trials, with and without the drift taken away.

It looks at a few numbers a segment, each the logarithm of an amplitude: alpha of the right minus the left electrodes,
the fast bands, the zygomatic muscle, the heart, the skin. Who knows the planted drift subtracts it (``undone``); who
looks at the seconds before the stimulus subtracts what is there (``baseline``); ``as_recorded`` does neither. A
least-squares line then parts high from low, learnt on other trials of the subject (``within``) or on the other subjects
(``across``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectssm.corpora.demo.physio_world import SEGMENT_S, SIDE, Drift, Synthesiser

# dimension -> what it drives
USED = {
    "valence": {"eeg": "asymmetry", "emg": "muscle", "ecg": "heart"},
    "arousal": {"eeg": "fast", "gsr": "skin"},
}
WAYS = ("undone", "baseline", "as_recorded")


@dataclass(frozen=True)
class Looked:
    """A trial: its subject, whether valence and arousal are high, numbers (segments,) by name and way."""

    subject: str
    high: Mapping[str, bool]
    numbers: Mapping[str, Mapping[str, np.ndarray]]


def look(subject: str, made: Synthesiser, baseline_s: float) -> Looked:
    """Return the numbers of a trial, from the signals that are written."""
    signals = {
        "eeg": made.eeg(),
        "muscle": made.emg()[:, 0],
        "heart": made.ecg()[:, 2],
        "skin": made.conductance(),
    }
    length = round(SEGMENT_S * made.rate)
    first = round(baseline_s * made.rate)
    starts = [first + at * length for at in range((made.count - first) // length)]
    found = [_numbers(signals, slice(at, at + length), made.rate) for at in starts]
    rest = _numbers(signals, slice(0, first), made.rate)
    planted = _planted(made.truth.drift)
    raw = {name: np.array([segment[name] for segment in found]) for name in planted}
    numbers = {
        "as_recorded": raw,
        "baseline": {name: values - rest[name] for name, values in raw.items()},
        "undone": {name: values - planted[name] for name, values in raw.items()},
    }
    high = {"valence": made.truth.valence > 5, "arousal": made.truth.arousal > 5}
    return Looked(subject, high, numbers)


def scores(trials: Sequence[Looked], modalities: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the accuracy over segments: ``within`` and ``across`` -> way -> dimension."""
    splits: dict[str, Callable[[Looked, Looked], bool]] = {
        "within": lambda other, test: other.subject == test.subject and other is not test,
        "across": lambda other, test: other.subject != test.subject,
    }
    return {
        split: {
            way: {
                dimension: round(_accuracy(trials, dimension, way, modalities, learns), 4)
                for dimension in USED
            }
            for way in WAYS
        }
        for split, learns in splits.items()
    }


def _accuracy(
    trials: Sequence[Looked],
    dimension: str,
    way: str,
    modalities: Sequence[str],
    learns: Callable[[Looked, Looked], bool],
) -> float:
    names = [name for modality, name in USED[dimension].items() if modality in modalities]
    right = []
    for test in trials:
        others = [other for other in trials if learns(other, test)]
        design = np.concatenate([_design(other, way, names) for other in others])
        target = np.concatenate(
            [np.full(len(_design(o, way, names)), 1.0 if o.high[dimension] else -1.0) for o in others]
        )
        weights = np.linalg.lstsq(design, target, rcond=None)[0]
        right.append((_design(test, way, names) @ weights > 0) == test.high[dimension])
    return float(np.concatenate(right).mean())


def _design(trial: Looked, way: str, names: Sequence[str]) -> np.ndarray:
    columns = [trial.numbers[way][name] for name in names]
    return np.column_stack([*columns, np.ones(len(columns[0]))])


def _numbers(signals: Mapping[str, np.ndarray], rows: slice, rate: float) -> dict[str, float]:
    eeg = signals["eeg"][rows]
    alpha = _log_amplitude(eeg, rate, 8.0, 13.0)
    return {
        "asymmetry": float(alpha[SIDE > 0].mean() - alpha[SIDE < 0].mean()),
        "fast": float(_log_amplitude(eeg, rate, 13.0, 45.0).mean()),
        "muscle": float(np.log(signals["muscle"][rows].std())),
        "heart": float(np.log(signals["heart"][rows].std())),
        "skin": float(np.log(signals["skin"][rows].mean())),
    }


def _log_amplitude(values: np.ndarray, rate: float, low: float, high: float) -> np.ndarray:
    """(C,) half the logarithm of the mean power between two frequencies."""
    power = np.abs(np.fft.rfft(values, axis=0)) ** 2
    frequencies = np.fft.rfftfreq(len(values), 1 / rate)
    inside = (frequencies >= low) & (frequencies < high)
    # per sample and hertz, so that a short baseline compares with a segment
    return 0.5 * np.log(power[inside].mean(axis=0) / len(values))


def _planted(drift: Drift) -> dict[str, float]:
    return {
        "asymmetry": 2 * drift.side,
        "fast": drift.gain + drift.tilt,
        "muscle": drift.muscle,
        "heart": drift.muscle,
        "skin": drift.skin,
    }
