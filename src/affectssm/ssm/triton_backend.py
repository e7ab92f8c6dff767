"""The GPU's backend: Triton kernels, which need no nvcc.

They are compiled for the card at first use, the gradients of a coupled scan for up to half a minute, and kept in
Triton's cache; Triton builds a small launcher with the machine's C compiler. Its interpreter runs the same kernels on
CPU tensors, very slowly: for tests. It has to be asked for by TRITON_INTERPRET=1 before triton is first imported.
"""

from __future__ import annotations

import functools
import os
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from affectssm.ssm.arguments import Coupled, Missing, Selective
from affectssm.ssm.installed import trouble_with
from affectssm.ssm.triton_plan import MAX_MODALITIES, MAX_STATES

NAME = "triton"
DIRECTIONS = 31  # groups whose directions may differ: a bit each


def why_not(asked: Selective | Coupled) -> str | None:
    """CUDA tensors (or the interpreter), ``mamba`` steps, no coupling ``pairwise``, not float64, sizes to address."""
    elsewhere = {t.device.type for t in asked.tensors} - {"cuda"}
    if elsewhere and not interpreted():
        return f"the tensors lie on {elsewhere.pop()}, triton runs on CUDA"
    if asked.discretisation != "mamba":
        return f"triton has no discretisation {asked.discretisation!r}"
    if isinstance(asked, Coupled) and asked.coupling == "pairwise":
        return "triton has no coupling 'pairwise', which the reference alone computes"
    if torch.float64 in {t.dtype for t in asked.tensors}:
        return "triton keeps float32 states, float64 inputs want the reference"
    return _too_much(asked) or _missing(interpreted())


def _too_much(asked: Selective | Coupled) -> str | None:
    if not asked.u.numel():
        return "triton wants at least one batch element"
    if asked.A.shape[-1] > MAX_STATES:
        return f"triton takes at most {MAX_STATES} states a channel"
    if isinstance(asked, Coupled):
        if len(asked.u) > MAX_MODALITIES:
            return f"triton takes at most {MAX_MODALITIES} modalities"
    elif len(set(asked.reverse)) > 1 and len(asked.reverse) > DIRECTIONS:
        return f"triton takes at most {DIRECTIONS} groups of different directions"
    signals = (asked.u, asked.delta, asked.B, asked.C, asked.z)
    if any(_reach(t) >= 2**31 for t in signals if t is not None):
        return "a batch element spans more memory than triton's 32-bit addresses reach"
    return None


def selective(asked: Selective) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N)."""
    groups = len(asked.reverse)

    def split(tensor: Tensor | None, axis: int) -> Tensor | None:
        """The axis of channels becomes (G, 1, W)."""
        return None if tensor is None else tensor.unflatten(axis, (groups, 1, -1))

    signals = split(asked.u, 1), split(asked.delta, 1)
    y, last = _run(
        *signals, split(asked.A, 0), asked.B.unsqueeze(2), asked.C.unsqueeze(2), split(asked.D, 0), split(asked.z, 1),
        split(asked.delta_bias, 0), None, asked.delta_softplus, asked.reverse, 1.0, False,
    )  # fmt: skip
    return y.flatten(1, 3), last.flatten(1, 3)


def coupled(asked: Coupled) -> tuple[Tensor, Tensor]:
    """y (M, B, D, L) and the last states (M, B, D, N)."""
    modalities = len(asked.u)
    apart = asked.coupling == "none"

    def signal(tensor: Tensor | None) -> Tensor | None:
        """(M, B, ...) -> (B, 1, M, ...), or (B, M, 1, ...) for modalities that know nothing of each other."""
        return None if tensor is None else tensor.transpose(0, 1).unsqueeze(2 if apart else 1)

    def parameter(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.unsqueeze(1 if apart else 0)

    y, last = _run(
        signal(asked.u), signal(asked.delta), parameter(asked.A), signal(asked.B), signal(asked.C), parameter(asked.D),
        signal(asked.z), parameter(asked.delta_bias), asked.mix, asked.delta_softplus,
        (asked.reverse,) * (modalities if apart else 1), 1 / modalities if asked.coupling == "mean" else 1.0,
        asked.coupling == "sum",
    )  # fmt: skip
    return (y.flatten(1, 2).transpose(0, 1), last.flatten(1, 2).transpose(0, 1))


def interpreted() -> bool:
    """Whether Triton's interpreter was asked for."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "yes", "on", "y")


def _run(*arguments: object) -> tuple[Tensor, Tensor]:
    from affectssm.ssm.triton_scan import Scan

    with torch.cuda.device_of(arguments[0]):
        return Scan.apply(*arguments, torch.is_grad_enabled())


@functools.cache
def _missing(interpreted: bool) -> Missing | None:
    """What this machine lacks, asked once."""
    if trouble := trouble_with("triton"):
        return Missing(f"triton {trouble} (CUDA builds of torch bring it)")
    if interpreted:
        return None
    if not any(map(shutil.which, (os.environ.get("CC", ""), "gcc", "clang"))):
        return Missing("triton finds no C compiler (gcc or clang, or the one that CC names)")
    scheme = sysconfig.get_default_scheme()
    if scheme == "posix_local":
        scheme = "posix_prefix"  # a Debian system's Python: triton looks where the distribution's headers are
    if not (Path(sysconfig.get_paths(scheme=scheme)["include"]) / "Python.h").exists():
        return Missing(
            "Python.h is missing, which triton compiles its launcher with (the system's python3-dev)"
        )
    return None


def _reach(signal: Tensor) -> int:
    """How far apart the numbers of one batch element lie, in numbers; the axes after the batch's."""
    sizes: Sequence[int] = signal.shape[-2:]
    return sum((size + 16) * abs(stride) for size, stride in zip(sizes, signal.stride()[-2:], strict=True))
