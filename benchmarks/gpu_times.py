"""The times of a scan and the floor below them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gpu_cases import MODALITIES, Case, Scan, inputs, scan_of
from gpu_device import Gpu
from torch import Tensor


def floors(case: Case, rate: float, width: float) -> tuple[float, float]:
    """Seconds below which neither a forward nor a forward + backward pass can go.

    Inputs, the outputs' gradient, outputs and gradients count once: what forward has read, backward may find in the
    cache.
    """
    batch, length, channels, states = case["shape"]
    scans = MODALITIES if case.get("coupling") else 1
    signal, projection = 4 * scans * batch * length * channels, 4 * scans * batch * length * states
    read, exps = 2 * signal + 2 * projection, scans * batch * length * channels * states / rate
    return max(exps, (read + signal) / width), max(2 * exps, (2 * read + 2 * signal) / width)


def passes(case: Case, scan: Scan, device: str, seed: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A forward pass and a forward + backward pass on inputs of their own."""
    tensors = inputs(case, device, seed)
    dy = torch.randn_like(tensors["u"])
    leaves = list(tensors.values())

    def forward() -> Tensor:
        with torch.no_grad():
            return scan(**tensors)

    def both() -> list[Tensor]:
        y = scan(**tensors)
        return [y.detach(), *torch.autograd.grad(y, leaves, dy)]

    return forward, both


def measure(case: Case, gpu: Gpu, backend: str = "triton") -> dict[str, float]:
    """Seconds of both passes, replayed and launched, and the memory in (B, L, D, N) tensors of all modalities."""
    gpu.free()
    runs = [passes(case, scan_of(case, backend), gpu.device, seed) for seed in range(gpu.sets(case))]
    forward, both = ([pair[k] for pair in runs] for k in (0, 1))
    found = {"forward": gpu.replayed(forward), "both": gpu.replayed(both), "launched": gpu.launched(both[0])}
    scans = MODALITIES if case.get("coupling") else 1
    batch, length, channels, states = case["shape"]
    found["memory"] = gpu.peak(both[0]) / (4 * scans * batch * length * channels * states)
    return found
