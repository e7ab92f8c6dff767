"""A head that moves: the photograph scikit-image carries, led around a small circle, its mouth opening.

The head moves on a circle of fixed radius with a speed of ``speed(zv)`` pixels a picture, and the lower lip
up and down at ``LIP`` of that speed, turning at fixed ends: the magnitude of the optical flow follows zv at
every instant, and a zv at the lower end of its range is a head at rest. What is far from the head stands
still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np

from affectssm.corpora.demo.seeds import generator
from affectssm.corpora.demo.world import GRID_HZ, LABEL_HZ, PAD, PER_LABEL

SIZE = 224
FPS = LABEL_HZ
RADIUS = 8.0  # pixels
SPEED, SPEED_PER_UNIT, SPEED_RANGE = 1.7, 0.75, (0.05, 4.0)  # pixels a picture
LIP = 0.6
OPENING = 7.0  # pixels
SCALE = 1.45  # pixels of the picture per pixel of the photograph: a face of 136 x 152
FACE = (225.6, 123.0)  # middle of the face in the photograph
MOUTH = (223.0, 147.0)  # between the teeth
PLACE = (112.0, 116.0)  # middle of the face in the picture


@dataclass(frozen=True)
class Motion:
    """Where the head and the lower lip are in each picture: (frames, 2) and (frames,) pixels."""

    head: np.ndarray
    lip: np.ndarray


def speed(zv: np.ndarray) -> np.ndarray:
    """Return the head's speed in pixels a picture."""
    return np.clip(SPEED + SPEED_PER_UNIT * zv, *SPEED_RANGE)


def motion(recording: str, participant: str, zv: np.ndarray) -> Motion:
    """Return the motion for ``zv`` (the grid latent with its pad), at the centres of the pictures."""
    rng = generator(recording, participant, "motion")
    way = np.cumsum(speed(zv[PAD:])) * FPS / GRID_HZ
    # picture k lies at (k + 0.5) / 25 s, between grid samples 4k+1 and 4k+2
    way = way[PER_LABEL // 2 - 1 :: PER_LABEL]
    angle = rng.uniform(0, 2 * np.pi) + rng.choice([-1, 1]) * way / RADIUS
    lip = np.abs((LIP * way + rng.uniform(0, 2 * OPENING)) % (2 * OPENING) - OPENING)
    return Motion(RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1), lip)


def render(recording: str, participant: str, moves: Motion) -> Iterator[np.ndarray]:
    """Yield one (224, 224, 3) uint8 RGB picture after another."""
    look = _Look.of(recording, participant)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    follows = _follows_head()
    for (right, down), lip in zip(moves.head.astype(np.float32), moves.lip.astype(np.float32), strict=True):
        face = look.still.copy()
        top, bottom, left, end = look.jaw_box
        face[top:bottom, left:end] = cv2.remap(
            look.still,
            columns[top:bottom, left:end],
            rows[top:bottom, left:end] - lip * look.jaw,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        yield cv2.remap(
            face,
            columns - right * follows,
            rows - down * follows,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )


def render_empty(frames: int) -> Iterator[np.ndarray]:
    """Yield pictures without a face: a chair's worth of suit and helmet, drifting slowly."""
    photograph = _photograph()
    for frame in range(frames):
        corner = 230 + (frame // 5) % 50
        yield np.ascontiguousarray(photograph[corner : corner + SIZE, 60 : 60 + SIZE])


@dataclass(frozen=True)
class _Look:
    """A participant's picture at rest, and how far each pixel of the jaw's box follows the lower lip."""

    still: np.ndarray
    jaw: np.ndarray
    jaw_box: tuple[int, int, int, int]

    @classmethod
    def of(cls, recording: str, participant: str) -> _Look:
        rng = generator(recording, participant, "look")
        scale = SCALE * rng.uniform(0.96, 1.04)
        side = rng.choice([-1, 1])  # half of the participants are mirrored
        shift = [PLACE[0] - side * scale * FACE[0], PLACE[1] - scale * FACE[1]]
        placed = np.array([[side * scale, 0, shift[0]], [0, scale, shift[1]]])
        still = cv2.warpAffine(
            _photograph(), placed, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        tint = rng.uniform(0.85, 1.1) * rng.uniform(0.95, 1.05, size=3)
        still = np.clip(still * tint, 0, 255).astype(np.uint8)
        mouth = placed[:, :2] @ MOUTH + shift
        return cls(still, *_jaw(mouth, scale / SCALE))


def _jaw(mouth: np.ndarray, scale: float) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Full motion at the lower lip, none above the teeth, fading towards the throat and the cheeks."""
    x, y = mouth
    box = (int(y - 4), SIZE, int(x - 60 * scale), int(x + 60 * scale))
    rows, columns = np.mgrid[box[0] : box[1], box[2] : box[3]].astype(np.float32)
    below = (rows - y) / scale
    aside = (columns - x) / scale
    follows = np.interp(below, [0, 12, 25, 62], [0, 1, 0.9, 0]) * np.exp(-((aside / 28) ** 2))
    return follows.astype(np.float32), box


@cache
def _follows_head() -> np.ndarray:
    """1 within 84 pixels of the middle, 0 at the edges of the picture, smooth between: (224, 224) float32."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    outside = np.clip((np.maximum(np.abs(rows), np.abs(columns)) - 84) / 27, 0, 1)
    return (1 - outside**2 * (3 - 2 * outside)).astype(np.float32)


@cache
def _photograph() -> np.ndarray:
    """Eileen Collins, NASA, public domain, from scikit-image's own package: (512, 512, 3) uint8 RGB."""
    file = resources.files("skimage").joinpath("data", "astronaut.png")
    encoded = np.frombuffer(file.read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1].copy()
