"""Speech-like sound whose energy, pitch and vocal effort follow a latent.

Glottal pulses through three vowels' formants, a fricative at the start of many syllables, four to five
syllables a second, over a constant noise floor. Energy grows by 7 dB for each unit of the latent; pitch and
brightness grow with it as they do when people speak up, so that encoders which normalise their input away
still hear the latent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.ndimage import uniform_filter1d

from affectssm.corpora.demo.seeds import generator
from affectssm.corpora.demo.world import GRID_HZ, PAD, SILENT

RATE = 16_000
LEVEL_DB, DB_PER_UNIT, FLOOR_DB = -32.0, 7.0, -50.0
# first three formants of /a/, /i/, /u/ in Hz (Peterson & Barney 1952, men)
VOWELS = ((730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0), (300.0, 870.0, 2240.0))
BANDWIDTHS = (80.0, 100.0, 140.0)
SYLLABLE_S = (0.18, 0.26)
FRICATIVE_S = 0.05


def synthesise(recording: str, participant: str, za: np.ndarray) -> np.ndarray:
    """Return (samples,) int16 at 16 kHz for ``za`` (the grid latent with its pad).

    A participant whose latent stays at ``SILENT`` gives digital silence.
    """
    grid = za[PAD:]
    count = len(grid) * RATE // GRID_HZ
    if (grid == SILENT).all():
        return np.zeros(count, np.int16)
    rng = generator(recording, participant, "speech")
    latent = _at_samples(grid, count)
    envelope, vowel, voiced = _syllables(rng, count)
    pitch = 2.0 ** (rng.uniform(6.7, 7.6) + 0.18 * latent)  # 104-194 Hz at rest, two semitones a unit
    pulses = _pulses(pitch, brightness=np.exp(1.5 + 0.5 * latent))
    speech = np.zeros(count)
    for index, formants in enumerate(VOWELS):
        voice = _shaped(pulses, partial(_formants, formants))
        speech += _levelled(voice) * (vowel == index) * voiced
    hiss = _shaped(rng.standard_normal(count), _hiss)
    speech += 0.7 * _levelled(hiss) * (1 - voiced)
    floor = 10 ** (FLOOR_DB / 20) * rng.standard_normal(count)
    sound = 10 ** ((LEVEL_DB + DB_PER_UNIT * latent) / 20) * envelope * speech + floor
    return np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def _at_samples(grid: np.ndarray, count: int) -> np.ndarray:
    centres = (np.arange(len(grid)) + 0.5) / GRID_HZ
    return np.interp((np.arange(count) + 0.5) / RATE, centres, grid)


def _syllables(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the envelope in [0.4, 1], the vowel's index and how voiced each sample is: (count,) each."""
    lengths = (rng.uniform(*SYLLABLE_S, size=int(count / RATE / SYLLABLE_S[0]) + 2) * RATE).astype(int)
    ends = np.cumsum(lengths)
    syllable = np.searchsorted(ends, np.arange(count), side="right")
    since = np.arange(count) - (ends - lengths)[syllable]
    envelope = 0.4 + 0.6 * np.sin(np.pi * since / lengths[syllable])
    vowel = rng.integers(len(VOWELS), size=len(lengths))[syllable]
    unvoiced = (rng.random(len(lengths)) < 0.5)[syllable] & (since < FRICATIVE_S * RATE)
    voiced = uniform_filter1d(1.0 - unvoiced, int(0.01 * RATE), mode="nearest")
    return envelope, vowel, voiced


def _pulses(pitch: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """One smooth pulse a period, the narrower (the richer in overtones) the brighter."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return np.exp(brightness * (np.cos(phase) - 1))


def _shaped(source: np.ndarray, response: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Filter by a frequency response, over the whole signal at once."""
    spectrum = np.fft.rfft(source)
    return np.fft.irfft(spectrum * response(np.fft.rfftfreq(len(source), 1 / RATE)), n=len(source))


def _formants(formants: tuple[float, ...], frequency: np.ndarray) -> np.ndarray:
    """One two-pole resonator after another, behind a differentiator (the lips)."""
    unit = np.exp(-2j * np.pi * frequency / RATE)  # a delay of one sample
    response = 1 - unit
    for centre, bandwidth in zip(formants, BANDWIDTHS, strict=True):
        pole = np.exp((-np.pi * bandwidth + 2j * np.pi * centre) / RATE)
        response = response / ((1 - pole * unit) * (1 - pole.conjugate() * unit))
    return response


def _hiss(frequency: np.ndarray) -> np.ndarray:
    """A fourth-order high-pass at 3 kHz, without phase."""
    ratio = (frequency / 3000) ** 4
    return ratio / np.sqrt(1 + ratio**2)


def _levelled(sound: np.ndarray) -> np.ndarray:
    """Divide by the local root mean square, so that the latent alone decides the level."""
    power = uniform_filter1d(sound**2, int(0.05 * RATE), mode="nearest")
    return sound / np.sqrt(np.maximum(power, 1e-12))
