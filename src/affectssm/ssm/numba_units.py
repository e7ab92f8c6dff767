"""How a scan's work is divided for the numba kernels, and their arrays.

A *unit* of work is a part of the channels of one batch element (and group). Gradients that are summed over units are
summed part by part. Units and parts depend on the shape alone, so the result is the same with any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from affectssm.ssm import heap

LANES, FOUR = 16, 4
PARTS = 16  # in how many parts a gradient that is summed over the batch is summed, at most
WORK_OF_PART = 2**16
CHUNK_STATES = 1024  # of one channel: then a chunk's states and gradients fit a second-level cache of 512 KiB
MIN_CHUNK = 32  # steps, however many states there are
BLOCKS_OF_UNIT = 4  # at least: the gradients of B and C of 64 channels are summed before they are stored
LINE = 4 * LANES  # bytes of a row of a tile, and of the caches' lines
STREAMED = (
    4 << 20
)  # bytes, more than a second-level cache holds; measured: smaller outputs are better kept there

heap.keep_freed_memory()  # once, before a process's first scan


def steps_of_chunk(length: int, states: int) -> int:
    """Steps between two kept states: about a thirty-second of all states is kept at most.

    They are a multiple of 16, so that tiles of signals whose steps are neighbours are read line by line.
    """
    return max(1, min(length, max(MIN_CHUNK, CHUNK_STATES // states // LANES * LANES)))


def parts_of(work: int) -> int:
    """In how many parts a gradient is summed that takes so many states, or so many numbers: every part has a price."""
    return max(1, min(PARTS, work // WORK_OF_PART))


def splits_of(rows: int, blocks: int) -> int:
    """In how many units a row's channels are worked on: enough for the threads, few enough for the memory."""
    return max(1, min(-(-PARTS // max(1, rows)), blocks // BLOCKS_OF_UNIT))


def array(tensor: Tensor | None, *axes: int) -> np.ndarray:
    """The tensor's memory as an array with its axes in this order; one number where there is no tensor."""
    if tensor is None:
        return np.zeros((1,) * len(axes), np.float32)
    found = tensor.detach().numpy()
    return found.transpose(axes) if axes else found


def room_for_kept(like: Tensor, ctx: Any, rows: int, length: int, states: int) -> Tensor:
    """Memory for the states at the beginning of every chunk, where there will be a backward pass."""
    chunks = -(-length // ctx.every)
    return like.new_empty(rows * ctx.blocks * chunks * states * LANES if ctx.keep else 1)


def blocks(channels: int) -> int:
    """A block is 16 channels."""
    return -(-channels // LANES)


def fours(states: int) -> int:
    """The kernels work on states in fours."""
    return -(-states // FOUR) * FOUR


def parts_like(projection: Tensor, splits: int) -> Tensor:
    """Memory for what every unit of a row adds to a gradient, (splits, B, G, N, L) or (splits, M * B, N, L)."""
    if splits == 1:
        return torch.empty_like(projection)[None]
    *outer, states, length = projection.shape
    return projection.new_empty(splits, *outer, length, states).transpose(-1, -2)


def signal_gradients(u: Tensor, delta: Tensor, z: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Memory for the gradients of what has time and channels."""
    return heap.empty_like(u), heap.empty_like(delta), None if z is None else heap.empty_like(z)


def streams(width: int, *written: Tensor | None) -> bool:
    """Whether outputs (B, D, L) are written past the caches: all are large, and every row of a tile is a whole line.

    width: channels of a group. To write a part of a line, or through the caches, reads it from memory first; for long
    scans that takes a tenth of their time.
    """
    return width % LANES == 0 and all(t.nbytes >= STREAMED and _in_lines(t) for t in written if t is not None)


def _in_lines(signal: Tensor) -> bool:
    """Whether 16 neighbouring channels of (B, D, L) are a line of memory each."""
    outer = [stride for axis, stride in enumerate(signal.stride()) if axis != 1 and signal.shape[axis] > 1]
    return signal.stride(1) == 1 and signal.data_ptr() % LINE == 0 and all(s % LANES == 0 for s in outer)


def vectors(A: Tensor, *given: Tensor | None) -> list[np.ndarray]:
    """D and the bias, a number a row of A; zeros where there is none."""
    return [np.zeros(len(A), np.float32) if t is None else array(t.contiguous()) for t in given]


def per_channel(sums: Tensor, width: int, n: int) -> Tensor:
    """Sums (parts, rows, blocks, n or more, 16) -> (rows * width, n), without the lanes of no channel."""
    return sums.sum(0).transpose(2, 3).flatten(1, 2)[:, :width, :n].flatten(0, 1)


def joined(parts: Tensor) -> Tensor:
    """The sum of what the units add to a gradient."""
    # in the order in which they lie in memory, which is four times as fast
    return parts[0] if len(parts) == 1 else parts.transpose(-1, -2).sum(0).transpose(-1, -2)
