"""The planted sentiment of a clip: what words, voice and face say each by itself, and what only their meeting says.

A clip is ``GRID`` steps long, whatever its length in words and frames. Each word has a polarity of -1, 0 or 1; voice
and face are processes. With p the polarity at a step, its mean over the clip taken away,

    voice(k) = level_a + bond_a p(k + LAG) + noise,        face(k) = level_v + bond_v p(k + LAG) + noise
    text, audio, vision   = mean polarity, mean of voice, mean of face, each in units of its spread
    met_a, met_v          = mean over k of p(k) voice(k - LAG) and p(k) face(k - LAG), the same
    sentiment             = ALONE (text + audio + vision) + TOGETHER (met_a + met_v) + NOISE e

A word counts with what voice and face did ``LAG`` steps before it. Levels and bonds are independent and normal, so that
no modality by itself, and no sum of what each says, tells the products: they take one that remembers another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectssm.corpora.demo.seeds import generator, smooth_noise

GRID, LAG = 50, 2
ALONE, TOGETHER, NOISE = 0.36, 0.46, 0.4
SHARES = ("text", "audio", "vision", "met_audio", "met_vision")
SPREAD = np.array([0.31, 0.5, 0.5, 0.5, 0.5])  # of the five over clips, before they are scaled
LEVEL, BOND, FLUTTER = 0.5, 1.0, 0.35
FLUTTER_SIGMA, WORD_SIGMA = 1.5, 0.8  # steps; words
POLAR, LEANING = 0.55, 0.4  # what a word's noise must exceed to be polar; how far a clip leans


@dataclass(frozen=True)
class Truth:
    """What was planted in a clip.

    Attributes:
        words: (tokens,) polarity of each token, the first and the last (CLS and SEP) 0.
        voice, face: (GRID,) processes, of about unit size.
        shares: (5,) text, audio, vision, met_audio and met_vision, each of about unit size.
        sentiment: of about unit size, before the scale of a corpus.
    """

    words: np.ndarray
    voice: np.ndarray
    face: np.ndarray
    shares: np.ndarray
    sentiment: float


def truth_of(corpus: str, recording: str, tokens: int) -> Truth:
    """Draw what is planted in a clip of ``tokens`` tokens, CLS and SEP among them."""
    rng = generator("sentiment", corpus, recording, "truth")
    leaning, *levels = np.clip(rng.standard_normal(3), -2.5, 2.5)
    bonds = np.clip(rng.standard_normal(2), -2.5, 2.5)
    drive = LEANING * leaning + smooth_noise(rng, tokens, 1, WORD_SIGMA)[:, 0]
    words = np.sign(drive) * (np.abs(drive) > POLAR)
    words[[0, -1]] = 0
    ahead = np.concatenate([centred(words)[LAG:], np.zeros(LAG)])
    flutter = FLUTTER * smooth_noise(rng, GRID, 2, FLUTTER_SIGMA).T
    voice, face = (
        LEVEL * level + BOND * bond * ahead + noise
        for level, bond, noise in zip(levels, bonds, flutter, strict=True)
    )
    found = shares_of(words, voice, face)
    weights = np.array([ALONE] * 3 + [TOGETHER] * 2)
    return Truth(words, voice, face, found, float((weights * found).sum() + NOISE * rng.standard_normal()))


def shares_of(words: np.ndarray, voice: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Return (5,) what each modality says, and what it says when it meets the words, in units of SPREAD."""
    polarity = centred(words)
    met = [(polarity[LAG:] * process[:-LAG]).mean() for process in (voice, face)]
    return np.array([words.mean(), voice.mean(), face.mean(), *met]) / SPREAD


def centred(words: np.ndarray) -> np.ndarray:
    """Return (GRID,) polarity at each step, the clip's mean taken away."""
    on_grid = words[np.arange(GRID) * len(words) // GRID]
    return np.asarray(on_grid - on_grid.mean())


def at_frames(process: np.ndarray, frames: int) -> np.ndarray:
    """Return (frames,) a process at the middle of each frame, all of them as long as the clip."""
    return np.asarray(process[((np.arange(frames) + 0.5) * GRID / frames).astype(int)])
