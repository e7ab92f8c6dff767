"""Memory for a scan's large outputs that stays with the process when it is freed.

glibc takes blocks above a threshold from the system and gives them back when they are freed. To get the pages of every
output anew takes a fifth of a scan's time. 32 MiB is the largest threshold there is, and less than the outputs of a
coupled scan of a usual batch. So the scans take their outputs from the heap, whose free memory is kept up to ``KEPT``
bytes. They ask for it by malloc, through numpy: of aligned requests, which are torch's, glibc may keep a splinter for
small blocks, and what is freed is then too small for the next request of its size, again and again. Other allocators,
and other systems' C libraries, take no notice; and where the environment sets these limits (glibc's
MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_), they stay as they are.
"""

from __future__ import annotations

import ctypes
import os

import numpy as np
import torch
from torch import Tensor

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # glibc's malloc.h
LARGEST_THRESHOLD = 32 << 20
KEPT = 1 << 30
LARGE = 1 << 20
_ALIGNMENT = 64  # bytes: torch's, and what the kernels' streaming stores want
_USUAL_MMAP_MAX = int(os.environ.get("MALLOC_MMAP_MAX_", 65536))
_CHOSEN = bool({"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys())
_mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda option, value: 1)


def keep_freed_memory() -> None:
    """Large blocks come from the heap up to glibc's limit, and the heap gives memory back only beyond ``KEPT``."""
    if _CHOSEN:
        return
    _mallopt(_MMAP_THRESHOLD, LARGEST_THRESHOLD)
    _mallopt(_TRIM_THRESHOLD, KEPT)


def empty_like(tensor: Tensor) -> Tensor:
    """torch.empty_like, for tensors of ``LARGE`` bytes and more from the heap, also beyond glibc's limit."""
    if _CHOSEN or tensor.nbytes < LARGE:
        return torch.empty_like(tensor)
    _mallopt(_MMAP_MAX, 0)
    try:
        block = np.empty(tensor.nbytes + _ALIGNMENT, np.uint8)
    finally:
        _mallopt(_MMAP_MAX, _USUAL_MMAP_MAX)
    begin = -block.ctypes.data % _ALIGNMENT
    aligned = torch.from_numpy(block[begin : begin + tensor.nbytes]).view(tensor.dtype)
    return aligned.as_strided(tensor.shape, torch.empty_like(tensor, device="meta").stride())
