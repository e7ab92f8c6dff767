"""How a long sound track is cut into passes that overlap, and how loud it is as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from affectssm.media.audio import AudioBlock

_EPSILON = 1e-7  # added to the variance, as the encoders' own preprocessing does


@dataclass(frozen=True)
class Chunk:
    """Frames ``first`` to ``last`` (exclusive) are computed, ``keep_first`` to ``keep_last`` of them are kept."""

    first: int
    last: int
    keep_first: int
    keep_last: int


def plan_chunks(frames: int, length: int, context: int) -> list[Chunk]:
    """Cover ``frames`` by as few chunks of at most ``length`` frames as keep each frame once.

    A kept frame has at least ``context`` frames of its chunk on either side, except at the ends of the track. All
    chunks have the same length, so that no pass has to be padded, and they share what the last one would lack.
    """
    if frames <= 0:
        return []
    count = 1 if frames <= length else -(-(frames - 2 * context) // (length - 2 * context))
    same = min(frames, -(-(frames + 2 * context * (count - 1)) // count))
    starts = [number * (frames - same) // max(1, count - 1) for number in range(count)]
    # the border between two chunks lies in the middle of what both compute
    borders = [(left + same + right) // 2 for left, right in pairwise(starts)]
    kept = [0, *borders, frames]
    return [
        Chunk(start, start + same, low, high)
        for start, low, high in zip(starts, kept[:-1], kept[1:], strict=True)
    ]


@dataclass(frozen=True)
class Level:
    """What a whole track sounds like.

    Attributes:
        samples: how many there are.
        mean: of the samples.
        scale: one over their standard deviation.
        peak: the largest magnitude.
        window_mean: (K,) means of the samples a first convolution of K samples sees, over all its places.
        window_cov: (K, K) their covariances.
    """

    samples: int
    mean: float
    scale: float
    peak: float
    window_mean: np.ndarray
    window_cov: np.ndarray

    @classmethod
    def of(cls, blocks: Iterable[AudioBlock], window: int, hop: int) -> Level:
        """Measure a track block by block, with windows of ``window`` samples every ``hop`` samples."""
        count, places, total, squares, peak = 0, 0, 0.0, 0.0, 0.0
        first, second = np.zeros(window), np.zeros((window, window))
        tail = np.zeros(0)
        for block in blocks:
            wave = block.samples.astype(np.float64)
            count += len(wave)
            total += float(wave.sum())
            squares += float(wave @ wave)
            peak = max(peak, float(np.abs(wave).max()))
            tail = np.concatenate([tail, wave])
            if len(tail) >= window:
                seen = np.lib.stride_tricks.sliding_window_view(tail, window)[::hop]
                places += len(seen)
                first += seen.sum(0)
                second += seen.T @ seen
                tail = tail[len(seen) * hop :]
        mean, window_mean = total / max(1, count), first / max(1, places)
        variance = max(0.0, squares / max(1, count) - mean**2)
        covariance = second / max(1, places) - np.outer(window_mean, window_mean)
        return cls(count, mean, (variance + _EPSILON) ** -0.5, peak, window_mean, covariance)
