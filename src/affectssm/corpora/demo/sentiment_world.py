"""The planted sentiment of a clip: what words, voice and face say each by itself, and what only their meeting says.

A clip is ``GRID`` steps long, whatever its length in words and frames. Each word has a polarity of -1, 0 or 1; voice
and face are processes that change slowly. With p the polarity at a step, its mean over the clip taken away, and
past(x)(k) = KEPT past(x)(k - 1) + (1 - KEPT) x(k - 1), what a process was lately,

    voice = level_a + slow_a                 face = level_v + slow_v
    p follows  leaning + bond_a past(slow_a) + bond_v past(slow_v) + noise
    text, audio, vision   = mean polarity, mean of voice, mean of face, each in units of its spread
    met_a, met_v          = mean over k of p(k) past(voice)(k) and p(k) past(face)(k), the same
    sentiment             = ALONE (text + audio + vision) + TOGETHER (met_a + met_v) + NOISE e

A word counts with what voice and face were before it. Levels and bonds are independent and normal, so that no modality
by itself, and no sum of what each says, tells the products: they take a modality that remembers another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectssm.corpora.demo.seeds import generator, smooth_noise

GRID = 50
KEPT, LASTS = 0.82, 8.0  # of what was lately, from step to step; steps that a process stays alike
ALONE, TOGETHER, NOISE = 0.34, 0.62, 0.2
SHARES = ("text", "audio", "vision", "met_audio", "met_vision")
SPREAD = np.array([0.28, 0.29, 0.29, 0.26, 0.26])  # of the five over clips, before they are scaled
LEVEL = 0.3  # of voice and face
BOND, WORD_SIGMA = 1.5, 0.6  # of a word's drive to the past of a process; words
POLAR, LEANING, FREE = (
    0.5,
    0.4,
    0.6,
)  # what a word's drive must exceed to be polar; how far a clip leans; noise


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
    slow = wandering(rng)
    voice, face = (LEVEL * level + process for level, process in zip(levels, slow.T, strict=True))
    at = ((np.arange(tokens) + 0.5) * GRID / tokens).astype(int)
    drawn = BOND * np.stack([past(process) for process in slow.T], axis=1)[at] @ bonds
    drive = LEANING * leaning + drawn + FREE * smooth_noise(rng, tokens, 1, WORD_SIGMA)[:, 0]
    words = np.sign(drive) * (np.abs(drive) > POLAR)
    words[[0, -1]] = 0
    found = shares_of(words, voice, face)
    weights = np.array([ALONE] * 3 + [TOGETHER] * 2)
    return Truth(words, voice, face, found, float((weights * found).sum() + NOISE * rng.standard_normal()))


def shares_of(words: np.ndarray, voice: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Return (5,) what each modality says, and what it says when it meets the words, in units of SPREAD."""
    polarity = centred(words)
    met = [(polarity * past(process - process.mean())).mean() for process in (voice, face)]
    return np.array([words.mean(), voice.mean(), face.mean(), *met]) / SPREAD


def wandering(rng: np.random.Generator) -> np.ndarray:
    """Return (GRID, 2) two processes of mean 0 that stay alike for some steps (Ornstein and Uhlenbeck's)."""
    kept, found = np.exp(-1 / LASTS), rng.standard_normal((GRID, 2))
    for k in range(1, GRID):
        found[k] = kept * found[k - 1] + np.sqrt(1 - kept**2) * found[k]
    return np.asarray(found - found.mean(axis=0))


def past(process: np.ndarray) -> np.ndarray:
    """Return (GRID,) what a process was lately, at each step: a mean that forgets, of the steps before it."""
    found = np.zeros(len(process))
    for k in range(1, len(process)):
        found[k] = KEPT * found[k - 1] + (1 - KEPT) * process[k - 1]
    return found


def centred(words: np.ndarray) -> np.ndarray:
    """Return (GRID,) polarity at each step, the clip's mean taken away."""
    on_grid = words[np.arange(GRID) * len(words) // GRID]
    return np.asarray(on_grid - on_grid.mean())


def at_frames(process: np.ndarray, frames: int) -> np.ndarray:
    """Return (frames,) a process at the middle of each frame, all of them as long as the clip."""
    return np.asarray(process[((np.arange(frames) + 0.5) * GRID / frames).astype(int)])
