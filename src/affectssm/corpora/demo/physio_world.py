"""The planted truth of the demo's trials: what valence and arousal do to the signals, and the drift that hides it.

A trial has a valence and an arousal, each below or above the middle. While the stimulus runs,

    log amplitude of alpha, electrode c    += VALENCE_ALPHA * v * side(c)      (right minus left: approach)
    log amplitude of beta and gamma        += AROUSAL_FAST * a
    log amplitude of the zygomatic muscle  += VALENCE_MUSCLE * v
    log amplitude of the trapezius muscle  += AROUSAL_TENSION * a
    log amplitude of the heart's beats     += VALENCE_HEART * v              (no physiology, but a second cue)
    log skin conductance                   += AROUSAL_SKIN * a, more responses a minute, the heart faster

with v and a in -1..1, wobbling a little from one four-second segment to the next. Before the stimulus nothing of it is
there. Every dimension shows in two modalities of a corpus, so that one that is missing need not be fatal. Over all of a
trial lies a drift: a gain of the amplifier, a tilt between slow and fast bands, an imbalance of the two sides, gains of
the muscles (the heart among them) and of the skin. It is small from trial to trial, larger from subject to subject, and
in one trial of six, when the cap was moved, as large as what is planted.

Where the subjects of a corpus came twice (DEAP here, MAHNOB-HCI not), the second visit lies under one more drift, the
same for all: dry electrodes of a higher impedance, which weaken the signal, the fast bands and the right side more than
the rest, and leave six tenths of the muscles'. A model that has learnt from one visit reads much of the other one as
low, or as high, and methods that balance its answers and move its norms' scale and shift can undo that. Without a
second visit there is nothing of the kind to be undone.

Who knows the drift can take it away exactly, in the log domain; the baseline before the stimulus shows it to who does
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from affectssm.corpora.channels import EEG
from affectssm.corpora.demo.seeds import generator

SEGMENT_S = 4.0
BANDS = {"theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0), "gamma": (30.0, 45.0)}
AMPLITUDE = {"theta": 6.0, "alpha": 8.0, "beta": 5.0, "gamma": 3.0}  # microvolts
FAST = ("beta", "gamma")
SIDE = np.where(np.arange(len(EEG)) < len(EEG) // 2, -1.0, 1.0)
VALENCE_ALPHA, AROUSAL_FAST, VALENCE_MUSCLE, AROUSAL_SKIN = 0.6, 0.6, 0.7, 0.4
VALENCE_HEART, AROUSAL_TENSION = 0.6, 0.7
WOBBLE = 0.3
TRIAL_DRIFT = {"gain": 0.08, "tilt": 0.04, "side": 0.08, "muscle": 0.1, "skin": 0.08}
MOVED_DRIFT = {"gain": 0.5, "tilt": 0.2, "side": 0.5, "muscle": 0.6, "skin": 0.5}
VISIT_DRIFT = {"gain": -0.5, "tilt": -0.15, "side": -0.35, "muscle": -0.5, "skin": -0.3}
SUBJECT_DRIFT = {"gain": 0.15, "tilt": 0.08, "side": 0.15, "muscle": 0.2, "skin": 0.15}
LAW = {
    "valence_alpha": VALENCE_ALPHA,
    "arousal_fast": AROUSAL_FAST,
    "valence_muscle": VALENCE_MUSCLE,
    "valence_heart": VALENCE_HEART,
    "arousal_skin": AROUSAL_SKIN,
    "arousal_tension": AROUSAL_TENSION,
    "trial_drift": TRIAL_DRIFT,
    "moved_drift": MOVED_DRIFT,
    "subject_drift": SUBJECT_DRIFT,
}
"""Sizes of what is planted in every edition."""
ONE_MOVED_OF = 6
SKIN_MICROSIEMENS = 5.0


@dataclass(frozen=True)
class Drift:
    """Logarithms of factors; ``side`` raises the right and lowers the left, ``tilt`` raises the fast bands."""

    gain: float
    tilt: float
    side: float
    muscle: float
    skin: float

    def __add__(self, other: Drift) -> Drift:
        return Drift(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class TrialTruth:
    """What was planted in one trial.

    Attributes:
        valence, arousal: ratings from 1 to 9.
        v, a: (segments,) what drives the signals, in about -1..1.
        drift: of the subject and of the trial together.
    """

    valence: float
    arousal: float
    v: np.ndarray
    a: np.ndarray
    drift: Drift


def quadrants_of(corpus: str, subject: str, trials: int) -> list[int]:
    """Return the quadrants of successive trials: bit 0 is a high valence, bit 1 a high arousal.

    Of two neighbours, 1 and 2, 3 and 4, ..., one is high and one is low in either dimension; so are a visit's trials.
    """
    rng = generator(corpus, subject, "quadrants")
    pairs = [
        rng.permutation(pair)
        for _ in range(0, trials, 4)
        for pair in rng.permutation([[0b00, 0b11], [0b01, 0b10]])
    ]
    return np.concatenate(pairs)[:trials].tolist()


def truth_of(
    corpus: str, subject: str, trial: int, quadrant: int, seconds: float, whole: bool, later: bool = False
) -> TrialTruth:
    """Return the truth of a trial.

    Args:
        corpus, subject, trial: name its random numbers.
        quadrant: one of :func:`quadrants_of`.
        seconds: of the stimulus.
        whole: whether ratings are whole numbers.
        later: whether it is of the second visit, and the corpus drifts between the visits.
    """
    rng = generator(corpus, subject, str(trial), "truth")
    signs = np.array([1.0 if quadrant & bit else -1.0 for bit in (1, 2)])
    ratings = 5 + signs * rng.uniform(1.0, 3.6, 2)
    ratings = np.rint(ratings) if whole else np.round(ratings, 2)
    segments = int(np.ceil(seconds / SEGMENT_S))
    strengths = signs * rng.uniform(0.8, 1.2, 2)
    v, a = strengths[:, None] * (1 + WOBBLE * rng.standard_normal((2, segments)))
    drift = _drift(TRIAL_DRIFT, rng) + _drift(SUBJECT_DRIFT, generator(corpus, subject, "drift"))
    if is_moved(corpus, subject, trial):
        drift += _moved(rng)
    if later:
        drift += Drift(**VISIT_DRIFT)
    return TrialTruth(float(ratings[0]), float(ratings[1]), v, a, drift)


def is_moved(corpus: str, subject: str, trial: int) -> bool:
    """Whether the cap was moved before this trial: one of every six, of every subject."""
    block, place = divmod(trial - 1, ONE_MOVED_OF)
    return place == int(generator(corpus, subject, "moved", str(block)).integers(ONE_MOVED_OF))


def _moved(rng: np.random.Generator) -> Drift:
    """A large drift of either sign; gain and tilt go together, so that they do not cancel."""
    signs = rng.choice([-1.0, 1.0], 4)[[0, 0, 1, 2, 3]]
    sizes = [MOVED_DRIFT[f.name] for f in fields(Drift)]
    return Drift(*(signs * sizes * rng.uniform(0.8, 1.2, len(sizes))).tolist())


def _drift(sizes: Mapping[str, float], rng: np.random.Generator) -> Drift:
    return Drift(*(float(sizes[f.name] * np.clip(rng.standard_normal(), -2, 2)) for f in fields(Drift)))


class Synthesiser:
    """The signals of one trial at a rate, from a baseline before the stimulus to its end.

    Args:
        words: name the random numbers.
        truth: what is planted.
        rate: Hz.
        baseline_s, stimulus_s: seconds before and after the stimulus begins.
    """

    def __init__(
        self, words: tuple[str, ...], truth: TrialTruth, rate: float, baseline_s: float, stimulus_s: float
    ) -> None:
        self.words, self.truth, self.rate = words, truth, rate
        self.count = round((baseline_s + stimulus_s) * rate)
        self.time = (np.arange(self.count) + 0.5) / rate - baseline_s
        centres = (np.arange(len(truth.v)) + 0.5) * SEGMENT_S
        there = np.clip(self.time / 0.5 + 0.5, 0, 1)  # grows over half a second around the beginning
        self.v = there * np.interp(self.time, centres, truth.v)
        self.a = there * np.interp(self.time, centres, truth.a)

    def eeg(self) -> np.ndarray:
        """(T, 32) microvolts, 4 to 45 Hz."""
        rng = generator(*self.words, "eeg")
        drift = self.truth.drift
        total = np.zeros((self.count, len(EEG)))
        for band, (low, high) in BANDS.items():
            log = np.full((self.count, len(EEG)), drift.gain + np.log(AMPLITUDE[band]))
            log += drift.tilt if band in FAST else -drift.tilt
            log += drift.side * SIDE
            if band == "alpha":
                log += VALENCE_ALPHA * self.v[:, None] * SIDE
            if band in FAST:
                log += AROUSAL_FAST * self.a[:, None]
            total += np.exp(log) * self._noise(rng, len(EEG), low, high)
        return total

    def eog(self) -> np.ndarray:
        """(T, 2) microvolts: slow movements and blinks, which mean nothing here."""
        rng = generator(*self.words, "eog")
        slow = 40 * self._noise(rng, 2, 0.3, 4.0)
        for blink in np.flatnonzero(rng.random(self.count) < 0.3 / self.rate):
            slow[:, 1] += 150 * np.exp(-0.5 * ((np.arange(self.count) - blink) / (0.08 * self.rate)) ** 2)
        return slow

    def emg(self) -> np.ndarray:
        """(T, 2) microvolts: zygomaticus, which smiles, and trapezius, which tenses."""
        rng = generator(*self.words, "emg")
        noise = self._noise(rng, 2, 20.0, min(60.0, 0.49 * self.rate))
        log = np.full((self.count, 2), self.truth.drift.muscle)
        log[:, 0] += VALENCE_MUSCLE * self.v
        log[:, 1] += AROUSAL_TENSION * self.a
        return 8 * np.exp(log) * noise

    def ecg(self) -> np.ndarray:
        """(T, 3) microvolts: beats of 68 a minute, 7 more at full arousal, seen from three places."""
        rng = generator(*self.words, "ecg")
        phase = np.cumsum((68 + 7 * self.a) / 60) / self.rate + rng.uniform()
        beat = np.exp(-0.5 * (((phase % 1) - 0.5) / 0.025) ** 2)
        leads = np.array([-400.0, 500.0, 900.0])
        beat = beat * np.exp(self.truth.drift.muscle + VALENCE_HEART * self.v)
        return beat[:, None] * leads + 15 * self._noise(rng, 3, 0.5, 40.0)

    def conductance(self) -> np.ndarray:
        """(T,) skin conductance in microsiemens: a level and responses."""
        rng = generator(*self.words, "gsr")
        level = np.exp(
            self.truth.drift.skin + AROUSAL_SKIN * self.a + 0.02 * self._noise(rng, 1, 0.01, 0.3)[:, 0]
        )
        rises = rng.random(self.count) < (6 + 4 * self.a) / 60 / self.rate
        after = np.arange(round(8 * self.rate)) / self.rate
        response = (1 - np.exp(-after / 0.7)) * np.exp(-after / 2.0)
        return SKIN_MICROSIEMENS * (level + 0.05 * np.convolve(rises, response)[: self.count])

    def _noise(self, rng: np.random.Generator, columns: int, low: float, high: float) -> np.ndarray:
        """(T, columns) of unit variance between two frequencies."""
        frequencies = np.fft.rfftfreq(self.count, 1 / self.rate)
        first, last = np.searchsorted(frequencies, [low, high])
        last = max(last, first + 1)
        spectrum = np.zeros((columns, len(frequencies)), complex)
        drawn = rng.standard_normal((2, columns, last - first))
        spectrum[:, first:last] = drawn[0] + 1j * drawn[1]
        noise = np.fft.irfft(spectrum, self.count, axis=1).T
        return noise * self.count / (2 * np.sqrt(last - first))
