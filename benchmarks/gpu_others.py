"""The times of other implementations, beside this project's."""

from __future__ import annotations

import torch
from gpu_agreement import TOLERANCE, error
from gpu_cases import Case, Scan, inputs, scan_of
from gpu_device import Gpu
from gpu_setup import CHECK
from gpu_times import measure, passes
from peers import LOOP_STEPS, mambapy, transformers

from affectssm.ssm.installed import trouble_with
from affectssm.torchvision_ops import ensure_torchvision_ops

PACKAGES = {
    "mamba_ssm": "mamba_ssm.ops.selective_scan_interface",
    "mambapy": "mambapy.mamba",
    "transformers": "transformers.models.mamba.modeling_mamba",
}


def others(case: Case) -> list[str]:
    """The implementations that a scan is timed against."""
    batch, length = case["shape"][:2]
    slow = ["reference"] if batch == 1 else []  # a second or more
    if case["coupling"]:
        return slow
    return ["mamba_ssm", "mambapy", *(["transformers"] if length <= LOOP_STEPS else []), *slow]


def absent(name: str) -> str:
    """Why a package cannot be used here; empty where it can."""
    ensure_torchvision_ops()  # transformers imports torchvision
    if why := trouble_with(PACKAGES[name]):
        return " ".join(why.split()).replace("|", "/")[:120]
    return "runs on CUDA" if CHECK and name == "mamba_ssm" else ""


def other_times(case: Case, gpu: Gpu, name: str, own: dict[str, float]) -> tuple[list[str], float]:
    """The cells of another implementation, and its seconds of forward + backward.

    mamba_ssm's launches are as few as this project's: both are replayed. The others are launched from Python, as this
    project's are for the ratio.
    """
    gpu.free()
    if name == "mamba_ssm":
        agrees(case, gpu, scan_of(case, name))
        found = measure(case, gpu, name)
        cells = [f(found[key], own[key]) for key in ("forward", "both") for f in (microseconds, ratio)]
        return cells, found["both"]
    scan = scan_of(case, name) if name == "reference" else positional(name)
    agrees(case, gpu, scan)
    seconds = gpu.slow(passes(case, scan, gpu.device, 0)[1])
    return ["", "", microseconds(seconds, 0), ratio(seconds, own["launched"])], seconds


def microseconds(seconds: float, _: float) -> str:
    """Of a time."""
    return f"{1e6 * seconds:.1f}"


def ratio(seconds: float, own: float) -> str:
    """Of a time to this project's."""
    return f"{seconds / own:.2f}"


def positional(name: str) -> Scan:
    """mambapy's or transformers' scan as a function of the tensors by name."""
    run = {"mambapy": mambapy, "transformers": transformers}[name]
    return lambda **tensors: run(*tensors.values())


def agrees(case: Case, gpu: Gpu, scan: Scan) -> None:
    """Raise unless another implementation's outputs are this project's, which were compared with the reference."""
    tensors = inputs(case, gpu.device)
    with torch.no_grad():
        wrong = error(scan(**tensors), scan_of(case, "triton")(**tensors).double())
    if not wrong <= TOLERANCE["float32"]:
        raise RuntimeError(f"disagrees: y {wrong:.1e}")
