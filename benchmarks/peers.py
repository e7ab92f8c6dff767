"""Public implementations of the selective scan, as functions of u, delta, A, B, C, D."""

from __future__ import annotations

import inspect

from torch import Tensor

LOOP_STEPS = 100  # transformers' loop: its backward takes time quadratic in L


def mambapy(*tensors: Tensor) -> Tensor:
    """mambapy's parallel scan as its own block calls it."""
    from mambapy.mamba import MambaBlock

    u, delta, A, B, C, D = tensors
    signals = (t.transpose(1, 2) for t in (u, delta))
    return MambaBlock.selective_scan(None, *signals, A, *(t.transpose(1, 2) for t in (B, C)), D).transpose(
        1, 2
    )


def transformers(*tensors: Tensor) -> Tensor:
    """transformers' loop over time, also where transformers itself would call another package's kernels instead."""
    from affectssm.torchvision_ops import ensure_torchvision_ops

    ensure_torchvision_ops()
    from transformers.models.mamba.modeling_mamba import mamba_selective_scan

    return inspect.unwrap(mamba_selective_scan)(*tensors)
