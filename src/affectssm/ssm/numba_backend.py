"""The CPU's backend: kernels that numba compiles for the machine at first use and keeps in its cache.

States live in registers and in the first-level cache; what stays in memory is the state at the beginning of every
chunk of steps, from which the backward pass computes the others again.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

from affectssm.ssm.arguments import Coupled, Selective

NAME = "numba"


def why_not(asked: Selective | Coupled) -> str | None:
    """CPU tensors, discretisation ``mamba``, not float64."""
    if asked.u.device.type != "cpu":
        return f"the tensors lie on {asked.u.device.type}, numba runs on CPUs"
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed (it is in envs/requirements.lock)"
    if asked.discretisation != "mamba":
        return f"numba has no discretisation {asked.discretisation!r}"
    if isinstance(asked, Coupled) and asked.coupling == "mix":
        return "numba has no coupling 'mix'"
    if asked.u.dtype == torch.float64:
        return "numba keeps float32 states, float64 inputs want the reference"
    return None


def selective(asked: Selective) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N)."""
    from affectssm.ssm.numba_selective_scan import SelectiveScan

    y, last = SelectiveScan.apply(*_single(asked), asked.delta_softplus, asked.reverse)
    return y.to(asked.u.dtype), last


def coupled(asked: Coupled) -> tuple[Tensor, Tensor]:
    """y (M, B, D, L) and the last states (M, B, D, N)."""
    from affectssm.ssm.numba_coupled_scan import CoupledScan

    if asked.coupling == "none":
        return _side_by_side(asked)
    modalities_and_batch = asked.u.shape[:2]
    joined = [t if t is None else t.flatten(0, 1) for t in _single(asked)]
    y, last = CoupledScan.apply(*joined, len(asked.u), asked.delta_softplus, asked.reverse, asked.coupling)
    return y.unflatten(0, modalities_and_batch).to(asked.u.dtype), last.unflatten(0, modalities_and_batch)


def _side_by_side(asked: Coupled) -> tuple[Tensor, Tensor]:
    """Without coupling every modality has a scan of its own."""
    from affectssm.ssm.numba_selective_scan import SelectiveScan

    u, delta, A, B, C, D, z, bias = _single(asked)
    found = [
        SelectiveScan.apply(
            u[m], delta[m], A[m], B[m, :, None], C[m, :, None],
            *(t if t is None else t[m] for t in (D, z, bias)), asked.delta_softplus, (asked.reverse,),
        )
        for m in range(len(u))
    ]  # fmt: skip
    y, last = (torch.stack(parts) for parts in zip(*found, strict=True))
    return y.to(asked.u.dtype), last


def _single(asked: Selective | Coupled) -> list[Any]:
    """The scan's tensors in float32, which half precision becomes first."""
    tensors = asked.u, asked.delta, asked.A, asked.B, asked.C, asked.D, asked.z, asked.delta_bias
    return [t if t is None else t.float() for t in tensors]
