"""The CPU's backend: kernels that numba compiles for the machine at first use and keeps in its cache.

States live in registers and in the caches; what stays in memory is the state at the beginning of every chunk of steps,
from which the backward pass computes the others again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from affectssm.ssm.arguments import Coupled, Missing, Selective
from affectssm.ssm.installed import trouble_with

NAME = "numba"


def why_not(asked: Selective | Coupled) -> str | None:
    """CPU tensors, discretisation ``mamba``, no coupling ``pairwise``, not float64."""
    elsewhere = {t.device.type for t in asked.tensors} - {"cpu"}
    if elsewhere:
        return f"the tensors lie on {elsewhere.pop()}, numba runs on CPUs"
    if asked.discretisation != "mamba":
        return f"numba has no discretisation {asked.discretisation!r}"
    if isinstance(asked, Coupled) and asked.coupling == "pairwise":
        return "numba has no coupling 'pairwise', which the reference alone computes"
    if asked.u.dtype == torch.float64:
        return "numba keeps float32 states, float64 inputs want the reference"
    if trouble := trouble_with("numba"):
        return Missing(f"numba {trouble} (make environment has it, and pip install 'affectssm[fast]')")
    if trouble := trouble_with(_kernels(asked)):  # compiled at import, for which a cache is written
        remedy = "if no folder for its cache can be written, set NUMBA_CACHE_DIR to one"
        return Missing(f"numba's kernels cannot be compiled here: {_kernels(asked)} {trouble} ({remedy})")
    return None


def _kernels(asked: Selective | Coupled) -> str:
    """The module whose kernels compute this; modalities without coupling are selective scans side by side."""
    coupled = isinstance(asked, Coupled) and asked.coupling != "none"
    return f"affectssm.ssm.numba_{'coupled' if coupled else 'selective'}_scan"


def selective(asked: Selective) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N)."""
    from affectssm.ssm.numba_selective_scan import SelectiveScan

    y, last = SelectiveScan.apply(*_single(asked), asked.delta_softplus, asked.reverse)
    return y.to(asked.u.dtype), last


def coupled(asked: Coupled) -> tuple[Tensor, Tensor]:
    """y (M, B, D, L) and the last states (M, B, D, N)."""
    modalities_and_batch = asked.u.shape[:2]
    joined: list[Any] = [t if t is None else t.flatten(0, 1) for t in _single(asked)]
    if asked.coupling == "none":
        from affectssm.ssm.numba_selective_scan import SelectiveScan

        u, delta, A, B, C, *rest = joined
        grouped = u, delta, A, B.unsqueeze(1), C.unsqueeze(1), *rest
        y, last = SelectiveScan.apply(*grouped, asked.delta_softplus, (asked.reverse,), len(asked.u))
    else:
        from affectssm.ssm.numba_coupled_scan import CoupledScan

        mix = None if asked.mix is None else asked.mix.float()
        y, last = CoupledScan.apply(
            *joined, mix, len(asked.u), asked.delta_softplus, asked.reverse, asked.coupling
        )
    return y.unflatten(0, modalities_and_batch).to(asked.u.dtype), last.unflatten(0, modalities_and_batch)


def _single(asked: Selective | Coupled) -> list[Any]:
    """The scan's tensors in float32, which half precision becomes first."""
    tensors = asked.u, asked.delta, asked.A, asked.B, asked.C, asked.D, asked.z, asked.delta_bias
    return [t if t is None else t.float() for t in tensors]
