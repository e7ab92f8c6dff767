"""mamba_ssm's own CUDA kernels, used when the package is installed and the scan is one they know."""

from __future__ import annotations

import torch
from torch import Tensor

from affectssm.ssm.arguments import Coupled, Selective
from affectssm.ssm.installed import trouble_with

NAME = "mamba_ssm"
MAX_STATES = 256


def why_not(asked: Selective | Coupled) -> str | None:
    """CUDA, forward in time, one format below float64, at most 256 states; selective scans alone.

    Its gradient leaves out the last state, so a scan that asks for that, and may be differentiated, is another's.
    """
    if isinstance(asked, Coupled):
        return "mamba_ssm has no coupled scan"
    if asked.u.device.type != "cuda":
        return f"the tensors lie on {asked.u.device.type}, mamba_ssm runs on CUDA"
    if reason := _unsuited(asked):
        return reason
    # no Missing: triton does as well, and asks for no build
    trouble = trouble_with("mamba_ssm.ops.selective_scan_interface")
    return trouble and f"mamba_ssm {trouble} (envs/gpu.txt)"


def _unsuited(asked: Selective) -> str | None:
    if asked.discretisation != "mamba":
        return f"mamba_ssm has no discretisation {asked.discretisation!r}"
    if any(asked.reverse):
        return "mamba_ssm runs forward only"
    if asked.u.dtype == torch.float64:
        return "mamba_ssm has no float64"
    if asked.delta.dtype.itemsize > asked.u.dtype.itemsize:
        return f"mamba_ssm would round step sizes from {asked.delta.dtype} to {asked.u.dtype}"
    if asked.wants_state and torch.is_grad_enabled() and any(t.requires_grad for t in asked.tensors):
        return "mamba_ssm has no gradient of the last state"
    if asked.A.shape[1] > MAX_STATES:
        return f"mamba_ssm takes at most {MAX_STATES} states a channel"
    return None


def selective(asked: Selective) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N)."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    half = asked.u.dtype
    parameters = (t if t is None else t.float() for t in (asked.D, asked.delta_bias))
    D, bias = parameters
    z = None if asked.z is None else asked.z.to(half)
    y, state = selective_scan_fn(
        asked.u, asked.delta.to(half), asked.A.float(), asked.B.to(half), asked.C.to(half), D, z, bias,
        asked.delta_softplus, return_last_state=True,
    )  # fmt: skip
    return y, state


def coupled(asked: Coupled) -> tuple[Tensor, Tensor]:
    """Not there."""
    raise NotImplementedError(why_not(asked))
