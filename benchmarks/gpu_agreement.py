"""Whether the kernels agree with the float64 reference, each case in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from gpu_cases import Case, inputs, label, scan_of, variant
from gpu_clock import OUT_OF_TIME, Clock, in_a_line
from gpu_setup import CHECK
from torch import Tensor

SCRIPT = Path(__file__).with_name("gpu.py")
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}


def compare_all(all_cases: list[Case], clock: Clock) -> list[tuple[Case, str]]:
    """Every case with its verdict: in children that compile side by side, or here for the interpreter."""
    if CHECK:
        return [(case, compared_here(case, clock)) for case in all_cases]
    room = torch.cuda.get_device_properties(0).total_memory // 2**33
    with ThreadPoolExecutor(max(1, min(len(all_cases), (os.cpu_count() or 1) - 2, room))) as pool:
        found = pool.map(lambda case: compared_in_child(case, clock), all_cases)
        return list(zip(all_cases, found, strict=True))


def compared_here(case: Case, clock: Clock) -> str:
    """What is said of a case, by the interpreter."""
    if clock.left() <= 0:
        return OUT_OF_TIME
    return judged(case, agreement(case, "cpu"))


def compared_in_child(case: Case, clock: Clock) -> str:
    """What is said of a case, by a process of its own."""
    if (left := clock.left()) <= 0:
        return OUT_OF_TIME
    command = [sys.executable, str(SCRIPT), "--compare", json.dumps(case)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=left)
    except subprocess.TimeoutExpired:
        return OUT_OF_TIME
    if done.returncode or not done.stdout.strip():
        print(f"{label(case)}:\n{done.stderr}", file=sys.stderr, flush=True)
        return f"failed: {in_a_line(RuntimeError(done.stderr))}"
    return judged(case, json.loads(done.stdout.splitlines()[-1]))


def compare(job: str) -> None:
    """In a child: compare one case, and print its errors."""
    case = json.loads(job)
    with variant(case):
        print(json.dumps(agreement(case, "cpu" if CHECK else "cuda")))


def judged(case: Case, errors: dict[str, float]) -> str:
    """What is said of a case that ran."""
    wrong = verdict(case, errors)
    return f"disagrees: {wrong}" if wrong else f"ok, {max(errors.values()):.1e}"


def verdict(case: Case, errors: dict[str, float]) -> str:
    """Empty, or which results are wrong."""
    limit = TOLERANCE[case.get("dtype", "float32")]
    return ", ".join(f"{name} {value:.1e}" for name, value in errors.items() if not value <= limit)


def agreement(case: Case, device: str) -> dict[str, float]:
    """The largest error of y and of every gradient over the largest value, against float64.

    The loss looks at two batch elements; only these are given to the reference, which keeps every state of them.
    """
    tensors = inputs(case, device, seed=1)
    axis = 1 if case.get("coupling") else 0
    exact = {}
    for name, t in tensors.items():
        seen = t.narrow(axis, 0, min(2, t.shape[axis])) if name in ("u", "delta", "B", "C", "z") else t
        exact[name] = seen.detach().double().requires_grad_()
    y, expected = scan_of(case, "triton")(**tensors), scan_of(case, "reference")(**exact)
    weight = torch.randn_like(expected)
    few = expected.shape[axis]
    dy = torch.zeros_like(y)  # strides of y, as the timed passes have: these are the kernels that are timed
    dy.narrow(axis, 0, few).copy_(weight)
    gradients = torch.autograd.grad(y, list(tensors.values()), dy)
    wanted = torch.autograd.grad(expected, list(exact.values()), weight)
    errors = {"y": error(y.narrow(axis, 0, few), expected)}
    with torch.no_grad():  # keeps nothing for a backward pass: what the timed forward pass runs
        alone = scan_of(case, "triton")(**tensors)
    errors["y without gradients"] = error(alone.narrow(axis, 0, few), expected)
    for name, found, true in zip(exact, gradients, wanted, strict=True):
        if found.shape != true.shape:
            found = found.narrow(axis, 0, few)
        errors[f"d{name}"] = error(found, true)
    return errors


def error(found: Tensor, expected: Tensor) -> float:
    """The largest error over the largest value."""
    found, expected = found.detach().double(), expected.detach()
    return float((found - expected).abs().max() / expected.abs().max())
