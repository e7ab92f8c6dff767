"""The supplied feature streams: five of the challenge's set, with its dimensions, columns and value scales.

Audio streams carry za, visual streams zv, each in some columns, among nuisance processes of their own, white
noise and a mild offset a recording. How a latent loads on the columns is the same everywhere, so that what is
learnt on one recording holds on another. All streams have one row per label row (25 Hz).
"""

from __future__ import annotations

import numpy as np

from affectssm.corpora.demo.face import SIZE, Motion
from affectssm.corpora.demo.seeds import generator, smooth_noise

DIMS = {"egemapsv2": 88, "w2vbert2": 1024, "clip": 512, "openface2": 714, "openpose": 139}
NUISANCES = 6
NUISANCE_SIGMA_ROWS = 20.0
OFFSET_SD = 0.25
LARGEST = 5e4  # unit of the largest eGeMAPS columns, which reach some 2.6e5
UNDETECTED = -1.0
LANDMARKS, EYE_LANDMARKS, SHAPES = 68, 56, 34
AU_INTENSITIES = 17
FOCAL, DISTANCE = 500.0, 700.0  # pixels; millimetres from the camera
KEYPOINTS = 46  # x, y, confidence each, and one more column


def audio_streams(recording: str, participant: str, za: np.ndarray) -> dict[str, np.ndarray]:
    """Return {feature: (rows, dim) float32} for ``za`` at the label rows."""
    return {
        "egemapsv2": _egemaps(_loaded(recording, participant, "egemapsv2", za, share=0.4)),
        "w2vbert2": np.clip(0.6 * _loaded(recording, participant, "w2vbert2", za, share=0.5), -4, 4),
    }


def visual_streams(
    recording: str, participant: str, zv: np.ndarray, motion: Motion | None
) -> dict[str, np.ndarray]:
    """Return {feature: (rows, dim) float32} for ``zv`` at the label rows; no ``motion``: nobody is seen."""
    clip = _clip(_loaded(recording, participant, "clip", zv, share=0.4))
    if motion is None:
        nobody = np.full((len(zv), DIMS["openpose"]), UNDETECTED, np.float32)
        return {"clip": clip, "openface2": _openface_nobody(len(zv)), "openpose": nobody}
    return {
        "clip": clip,
        "openface2": _openface(recording, participant, zv, motion),
        "openpose": _openpose(recording, participant, zv, motion),
    }


def other_stream(recording: str, participant: str, name: str, rows: int, dim: int) -> np.ndarray:
    """Return (rows, dim) float32 of a stream outside the set of five, which carries nothing."""
    return generator(recording, participant, name).standard_normal((rows, dim), dtype=np.float32)


def _loaded(recording: str, participant: str, feature: str, latent: np.ndarray, share: float) -> np.ndarray:
    """Return (rows, dim) with unit-sized columns, a ``share`` of which the latent drives."""
    return _columns(recording, participant, feature, latent, share, DIMS[feature])


def _columns(
    recording: str, participant: str, what: str, latent: np.ndarray, share: float, dim: int
) -> np.ndarray:
    fixed = generator("loadings", what)
    load = fixed.uniform(0.4, 0.9, dim) * fixed.choice([-1, 1], dim) * (fixed.random(dim) < share)
    mixing = 0.4 * fixed.standard_normal((NUISANCES, dim)) / np.sqrt(NUISANCES)
    own = generator(recording, participant, what)
    nuisance = smooth_noise(own, len(latent), NUISANCES, NUISANCE_SIGMA_ROWS)
    offset = OFFSET_SD * own.standard_normal(dim)
    white = own.standard_normal((len(latent), dim), dtype=np.float32)
    return (latent[:, None] * load + nuisance @ mixing + offset + 0.6 * white).astype(np.float32)


def _egemaps(unit: np.ndarray) -> np.ndarray:
    """Columns from hundredths to tens of thousands, around means of their own, as functionals are."""
    fixed = generator("scales", "egemapsv2")
    scale = np.power(10.0, fixed.uniform(-2, 3, unit.shape[1]))
    scale[[9, 19]] = LARGEST
    return (scale * (fixed.uniform(-1, 3, unit.shape[1]) + unit)).astype(np.float32)


def _clip(unit: np.ndarray) -> np.ndarray:
    """Around one fixed picture's embedding, of length about ten."""
    fixed = generator("scales", "clip").standard_normal(unit.shape[1])
    return (10 * fixed / np.linalg.norm(fixed) + 0.15 * unit).astype(np.float32)


def _openface(recording: str, participant: str, zv: np.ndarray, motion: Motion) -> np.ndarray:
    """OpenFace's columns in its order: numbering, gaze, eyes, pose, landmarks, shape, action units."""
    rows = len(zv)
    rng = generator(recording, participant, "openface2")
    fixed = generator("shape", "openface2")
    jitter = rng.normal(0, 0.3, (rows, 2))
    centre = SIZE / 2 + motion.head + jitter  # pixels, (rows, 2)
    turn = 0.1 * smooth_noise(rng, rows, 3, NUISANCE_SIGMA_ROWS) + 0.1 * rng.standard_normal(3)
    lid = 0.05 * smooth_noise(rng, rows, 2, NUISANCE_SIGMA_ROWS)
    gaze = np.column_stack([lid, -np.ones(rows)])
    place = (centre - SIZE / 2) * DISTANCE / FOCAL  # millimetres
    depth = DISTANCE + 5 * smooth_noise(rng, rows, 1, NUISANCE_SIGMA_ROWS)
    eyes = _points(fixed, EYE_LANDMARKS, 15.0)
    face = _points(fixed, LANDMARKS, 60.0)
    mouth = np.where(np.arange(LANDMARKS) >= 55, 1.0, 0.0)  # the lower lip follows the opening
    face_y = face[1] + motion.lip[:, None] * mouth
    shapes = _columns(recording, participant, "openface2-shape", zv, 0.5, SHAPES)
    units = _columns(recording, participant, "openface2-units", np.abs(zv + 2.5), 0.6, AU_INTENSITIES)
    units = np.clip(units, 0, 5)
    presences = np.column_stack([units, units[:, :1]]) > 1
    parts = [
        _numbering(rows, confidence=0.98, success=1),
        gaze, gaze, lid,
        centre[:, :1] + eyes[0], centre[:, 1:] + eyes[1],
        place[:, :1] + eyes[0], place[:, 1:] + eyes[1], depth + eyes[2],
        place, depth, turn,
        centre[:, :1] + face[0], centre[:, 1:] + face_y,
        place[:, :1] + face[0], place[:, 1:] + face_y, depth + face[2],
        np.full((rows, 1), 1.4), turn, centre, shapes,
        units, presences,
    ]  # fmt: skip
    return np.column_stack(parts).astype(np.float32)


def _openface_nobody(rows: int) -> np.ndarray:
    values = np.zeros((rows, DIMS["openface2"]), np.float32)
    values[:, :5] = _numbering(rows, confidence=0, success=0)
    return values


def _numbering(rows: int, confidence: float, success: int) -> np.ndarray:
    """frame (from 1), face_id, timestamp, confidence, success."""
    frame = np.arange(rows)
    constants = np.broadcast_to([confidence, success], (rows, 2))
    return np.column_stack([frame + 1, np.zeros(rows), frame / 25, constants])


def _points(fixed: np.random.Generator, count: int, spread: float) -> np.ndarray:
    """(3, count): where landmarks lie around the middle of the face."""
    return fixed.uniform(-spread, spread, (3, count))


def _openpose(recording: str, participant: str, zv: np.ndarray, motion: Motion) -> np.ndarray:
    """Key points that follow the head, gestures that follow zv, and -1 for what the camera does not see."""
    rows = len(zv)
    fixed = generator("shape", "openpose")
    rest = fixed.uniform(20, 200, (KEYPOINTS, 2))
    gesture = _columns(recording, participant, "openpose", zv, 0.5, KEYPOINTS * 2).reshape(rows, KEYPOINTS, 2)
    values = np.empty((rows, KEYPOINTS, 3), np.float32)
    values[..., :2] = rest + motion.head[:, None] + 5 * gesture
    values[..., 2] = 0.8
    below_the_picture = np.arange(KEYPOINTS) % 9 == 8
    values[:, below_the_picture] = UNDETECTED
    hidden = smooth_noise(generator(recording, participant, "hidden"), rows, KEYPOINTS, 10.0) > 2
    values[hidden] = UNDETECTED
    return np.column_stack([values.reshape(rows, -1), np.ones(rows, np.float32)])
