"""The planted valence and arousal, and how they show.

Each person has two processes of their own, smooth over ``SIGMA_S`` seconds and squashed into (-1, 1). What is seen of
them in a frame has noise of ``SEEN_SD`` that the next frame does not share: it pays to look at the frames around.
Valence makes a face warm or cold and opens the mouth, arousal gives it contrast and moves the head; where there is
sound, arousal is heard as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from affectssm.corpora.demo import face, speech
from affectssm.corpora.demo.affwild2_videos import FPS
from affectssm.corpora.demo.seeds import generator, smooth_noise
from affectssm.corpora.demo.world import GRID_HZ, PAD

SIGMA_S = 1.5
GAIN = 0.9  # of the processes, before they are squashed
SEEN_SD = 0.3
WARMTH = np.array([26.0, 0.0, -26.0])  # levels of red, green and blue a unit of valence
CONTRAST = 0.45  # share a unit of arousal
MIDDLE = 118.0  # the level that contrast turns about
CROP, FRAME = 112, 128  # pixels a side
CROPPED = 168.0  # pixels of the rendered picture a crop shows


@dataclass(frozen=True)
class Affect:
    """One person's truth: value (T, 2) valence and arousal in (-1, 1), seen (T, 2) as the pictures show them."""

    value: np.ndarray
    seen: np.ndarray


def affect(recording: str, person: str, frames: int) -> Affect:
    """Return what is planted in a person's frames, at :data:`FPS`."""
    latent = smooth_noise(generator("affwild2", recording, person, "affect"), frames, 2, SIGMA_S * FPS)
    value = np.tanh(GAIN * latent)
    noise = generator("affwild2", recording, person, "seen").standard_normal((frames, 2))
    return Affect(value, value + SEEN_SD * noise)


def render(recording: str, person: str, truth: Affect) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (112, 112, 3) crop, aligned to the face, and (128, 128, 3) picture, both uint8 RGB, of each frame."""
    moves = _motion(recording, person, truth)
    scale = CROPPED / CROP
    pictures = face.render(recording, person, moves)
    for picture, (right, down), (valence, arousal) in zip(pictures, moves.head, truth.seen, strict=True):
        left, top = face.PLACE[0] + right - CROPPED / 2, face.PLACE[1] + down - CROPPED / 2
        placed = np.array([[scale, 0, left], [0, scale, top]])
        crop = cv2.warpAffine(
            picture, placed, (CROP, CROP), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        small = cv2.resize(picture, (FRAME, FRAME), interpolation=cv2.INTER_AREA)
        yield _lit(crop, valence, arousal), _lit(small, valence, arousal)


def sound(recording: str, person: str, truth: Affect) -> np.ndarray:
    """Return (samples,) int16 at 16 kHz: speech that is the louder the higher arousal is."""
    count = len(truth.value) * GRID_HZ // FPS
    centres = (np.arange(len(truth.value)) + 0.5) / FPS
    arousal = np.interp((np.arange(-PAD, count) + 0.5) / GRID_HZ, centres, truth.value[:, 1])
    return speech.synthesise(recording, person, 1.5 * arousal)


def _motion(recording: str, person: str, truth: Affect) -> face.Motion:
    """The head moves the faster the higher arousal is, the lip hangs the lower the higher valence is."""
    rng = generator("affwild2", recording, person, "motion")
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(0.15 + 0.12 * truth.value[:, 1])
    head = face.RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return face.Motion(head, face.OPENING * np.clip(0.5 + 0.5 * truth.seen[:, 0], 0, 1))


def _lit(picture: np.ndarray, valence: float, arousal: float) -> np.ndarray:
    contrast = max(0.2, 1 + CONTRAST * arousal)
    shift = WARMTH * valence + MIDDLE * (1 - contrast)
    matrix = np.concatenate([contrast * np.eye(3), shift[:, None]], axis=1).astype(np.float32)
    return np.asarray(cv2.transform(picture, matrix))
