"""How fast the scans are on this machine's CPU, against public implementations and the physical floor.

    python benchmarks/scan.py            # three minutes on two cores
    python benchmarks/scan.py --quick    # half a minute, smaller shapes: proves that it runs

At five shapes (B, L, D, N), forward and forward + backward, interleaved in one run: every CPU backend, mambapy's
parallel scan, and transformers' loop where its backward (quadratic in L) ends in seconds. The floor is what no
implementation can go below: one exponential a state and step (two for forward + backward, which computes the states
again) at the machine's exp rate, or the bytes of inputs, outputs and gradients at its copy bandwidth, whichever takes
longer; both rates are measured in the same run with as many threads. Memory is the peak of a child process beyond
inputs, outputs and their gradients. Nothing is timed that does not agree with the float64 reference.

Signals lie in memory with channels last, as a block's activations do; the rows "channels first" are numba's on the
other layout. Writes benchmarks/results/scan.md and scan.png.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
SHAPES = ((128, 96, 256, 16), (32, 96, 512, 16), (16, 500, 256, 64), (4, 3000, 256, 8), (1, 7500, 256, 8))
QUICK = ((16, 96, 64, 16), (1, 500, 64, 8))
MODALITIES = 3
LOOP_STEPS = 100  # transformers' loop: its backward takes time quadratic in L
ROUNDS = {"numba": 21, "numba, channels first": 21, "reference": 2, "mambapy": 3, "transformers": 1}
GIGA = 1e9
Scan = Callable[..., Tensor]


def inputs(shape: tuple[int, ...], channels_last: bool = True, modalities: int = 0) -> list[Tensor]:
    """u, delta, A, B, C, D of a scan, as leaves that want gradients."""
    batch, length, channels, states = shape
    rng = torch.Generator().manual_seed(0)
    lead = (modalities, batch) if modalities else (batch,)

    def signal(rows: int, scale: float = 0.0) -> Tensor:
        size = (*lead, length, rows) if channels_last else (*lead, rows, length)
        values = scale * torch.rand(size, generator=rng) if scale else torch.randn(size, generator=rng)
        return values.transpose(-1, -2) if channels_last else values

    rates = -torch.arange(1, states + 1).float().expand(channels, states)
    if modalities:
        rates = rates.expand(modalities, channels, states)
    skip = torch.ones(rates.shape[:-1])
    found = [
        signal(channels),
        signal(channels, 0.1),
        rates.contiguous(),
        signal(states),
        signal(states),
        skip,
    ]
    return [t.detach().requires_grad_() for t in found]


def own(name: str) -> Scan:
    """One of this project's backends."""
    from affectssm.ssm.scan import selective_scan

    return lambda *tensors: selective_scan(*tensors, backend=name)


def mambapy(*tensors: Tensor) -> Tensor:
    """mambapy's parallel scan as its own block calls it."""
    from mambapy.mamba import MambaBlock

    u, delta, A, B, C, D = tensors
    signals = (t.transpose(1, 2) for t in (u, delta))
    return MambaBlock.selective_scan(None, *signals, A, *(t.transpose(1, 2) for t in (B, C)), D).transpose(
        1, 2
    )


def transformers(*tensors: Tensor) -> Tensor:
    """transformers' loop over time."""
    from affectssm.torchvision_ops import ensure_torchvision_ops

    ensure_torchvision_ops()
    from transformers.models.mamba.modeling_mamba import mamba_selective_scan

    return mamba_selective_scan(*tensors)


IMPLEMENTATIONS: dict[str, Scan] = {
    "numba": own("numba"),
    "numba, channels first": own("numba"),
    "reference": own("reference"),
    "mambapy": mambapy,
    "transformers": transformers,
}


def once(scan: Scan, tensors: list[Tensor]) -> tuple[float, float]:
    """Seconds of one forward pass and of forward + backward."""
    for t in tensors:
        t.grad = None
    dy = torch.ones_like(tensors[0].detach())
    begin = time.perf_counter()
    y = scan(*tensors)
    middle = time.perf_counter()
    y.backward(dy)
    return middle - begin, time.perf_counter() - begin


def agree(name: str) -> None:
    """Stop unless an implementation's outputs and gradients are those of the float64 reference."""
    tensors = inputs((2, 33, 24, 5), channels_last="first" not in name)
    exact = [t.detach().double().requires_grad_() for t in tensors]
    for scan, given in ((IMPLEMENTATIONS[name], tensors), (own("reference"), exact)):
        y = scan(*given)
        y.backward(torch.ones_like(y))
    for t, expected in zip(tensors, exact, strict=True):
        error = (t.grad.double() - expected.grad).abs().max() / expected.grad.abs().max()
        if not error < 1e-5:
            sys.exit(f"{name} does not agree with the reference: error {error:.1e}")


def exp_rate() -> float:
    """Exponentials a second with all threads: the faster of torch's and the kernels' own, on data in the cache."""
    import numpy as np
    from numba import njit

    from affectssm.ssm import threads
    from affectssm.ssm.numba_vectors import LANES, exp2, load, store

    @njit(nogil=True)
    def sweep(x: Any, y: Any, times: int) -> None:
        for _ in range(times):
            for i in range(0, len(x), LANES):
                store(y, i, exp2(load(x, i)))

    number = torch.get_num_threads()
    x, y = np.linspace(-3, 0, 4096).astype(np.float32), np.empty((number, 4096), np.float32)
    sweep(x, y[0], 1)
    best, many = 0.0, torch.linspace(-3, 0, 2**17 * number)
    out = torch.empty_like(many)
    for _ in range(20):
        begin = time.perf_counter()
        threads.run(lambda part, *_: sweep(x, y[part], 3000), threads.ranges(number, number))
        best = max(best, number * 3000 * x.size / (time.perf_counter() - begin))
        begin = time.perf_counter()
        for _ in range(20):
            torch.exp(many, out=out)
        best = max(best, 20 * many.numel() / (time.perf_counter() - begin))
    return best


def bandwidth() -> float:
    """Bytes a second, read and written together, of a copy that no cache holds."""
    source = torch.ones(2**26)
    target, best = torch.empty_like(source), 0.0
    for _ in range(8):
        begin = time.perf_counter()
        target.copy_(source)
        best = max(best, 2 * 4 * source.numel() / (time.perf_counter() - begin))
    return best


def floors(shape: tuple[int, ...], rate: float, width: float) -> tuple[float, float]:
    """Seconds below which neither a forward nor a forward + backward pass can go."""
    batch, length, channels, states = shape
    signal, projection = 4 * batch * length * channels, 4 * batch * length * states
    read = 2 * signal + 2 * projection
    exponentials = batch * length * channels * states / rate
    forward = max(exponentials, (read + signal) / width)
    # again: inputs and the outputs' gradient are read, the inputs' gradients written
    both = max(2 * exponentials, (read + signal + read + signal + read) / width)
    return forward, both


def measure(shape: tuple[int, ...], rounds: dict[str, int]) -> dict[str, tuple[float, float]]:
    """Median seconds of every implementation, interleaved."""
    given = {name: inputs(shape, "first" not in name) for name in rounds}
    for name in rounds:
        if rounds[name] > 1:
            once(IMPLEMENTATIONS[name], given[name])
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in rounds}
    for turn in range(max(rounds.values())):
        for name, number in rounds.items():
            if turn < number:
                times[name].append(once(IMPLEMENTATIONS[name], given[name]))
    return {
        name: (statistics.median(f for f, _ in found), statistics.median(b for _, b in found))
        for name, found in times.items()
    }


def status(field: str) -> int:
    """A field of this process's memory, in bytes."""
    line = next(li for li in Path("/proc/self/status").read_text().splitlines() if li.startswith(field))
    return 1024 * int(line.split()[1])


def peak(name: str, shape: tuple[int, ...]) -> None:
    """In a child: print the peak bytes of forward + backward beyond inputs, outputs and their gradients."""
    scan, tensors = IMPLEMENTATIONS[name], inputs(shape, "first" not in name)
    once(scan, inputs((2, 8, 32, shape[3])))
    dy = torch.ones_like(tensors[0])
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = status("VmRSS")
    scan(*tensors).backward(dy)
    gradients = sum(t.grad.numel() for t in tensors if t.grad is not None)
    print(max(0, status("VmHWM") - before - 4 * (gradients + tensors[0].numel())))


def peak_of(name: str, shape: tuple[int, ...]) -> float:
    """The same as a multiple of a (B, L, D, N) tensor."""
    command = [sys.executable, __file__, "--peak", name, json.dumps(shape)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr)
    batch, length, channels, states = shape
    return int(run.stdout) / (4 * batch * length * channels * states)


def coupled_ratio(shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Milliseconds of a selective and of a coupled scan (mean, M = 3), forward + backward, and their ratio."""
    from affectssm.ssm.coupled import coupled_scan

    single, joint = inputs(shape), inputs(shape, modalities=MODALITIES)
    scans = ((own("numba"), single), (lambda *t: coupled_scan(*t, backend="numba"), joint))
    times: list[list[float]] = [[], []]
    for turn in range(8):
        for number, (scan, tensors) in enumerate(scans):
            seconds = once(scan, tensors)[1]
            if turn:
                times[number].append(seconds)
    one, several = (1e3 * statistics.median(found) for found in times)
    return one, several, several / one


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def report(shapes: tuple[tuple[int, ...], ...]) -> tuple[str, dict[str, Any]]:
    """Measure everything; the Markdown page, and the times for the plot."""
    for name in IMPLEMENTATIONS:
        agree(name)
    rate, width = exp_rate(), bandwidth()
    head = [
        "(B, L, D, N)",
        "what",
        "forward ms",
        "forward + backward ms",
        "over the floor",
        "numba is faster by",
        "memory",
    ]
    rows, drawn = [head], {}
    for shape in shapes:
        rounds = {n: r for n, r in ROUNDS.items() if n != "transformers" or shape[1] <= LOOP_STEPS}
        times = measure(shape, rounds)
        rate = max(rate, exp_rate())
        forward, both = floors(shape, rate, width)
        rows.append([str(shape), "floor", f"{1e3 * forward:.1f}", f"{1e3 * both:.1f}", "1", "", ""])
        for name, (f, b) in times.items():
            memory = peak_of(name, shape) if name in ("numba", "numba, channels first", "mambapy") else None
            rows.append([
                "", name, f"{1e3 * f:.1f}", f"{1e3 * b:.1f}", f"{b / both:.1f}",
                f"{b / times['numba'][1]:.1f}", "" if memory is None else f"{memory:.3f}",
            ])  # fmt: skip
        drawn[str(shape)] = {"floor": both} | {name: b for name, (_, b) in times.items()}
        print(table([head, *rows[1:]][-len(times) - 2 :]), flush=True)
    first = shapes[0]
    longer = (first[0], 2 * first[1], *first[2:])
    short, long = (measure(shape, {"numba": 7})["numba"][1] for shape in (first, longer))
    one, several, ratio = coupled_ratio(first)
    page = f"""# Selective and coupled scan on a CPU

Written by `python benchmarks/scan.py`. {torch.get_num_threads()} threads, {processor()}, torch {torch.__version__},
Python {platform.python_version()}.
Median of interleaved rounds in one run ({", ".join(f"{n} {r}" for n, r in ROUNDS.items())}).
Floor: {rate / GIGA:.1f} Gexp/s and {width / GIGA:.1f} GB/s, measured in the same run; forward + backward needs two
exponentials a state and step. Memory: peak of forward + backward beyond inputs, outputs and their gradients, in
(B, L, D, N) tensors of float32. transformers' loop is left out where L > {LOOP_STEPS} (its backward is quadratic in L).

{table(rows)}

Doubling L at {first}: {long / short:.2f} times the time ({1e3 * short:.1f} and {1e3 * long:.1f} ms).

Coupled scan (mean, M = {MODALITIES}) at {first}, forward + backward: {several:.1f} ms, {ratio:.2f} times one selective
scan ({one:.1f} ms).

![forward + backward](scan.png)
"""
    return page, drawn


def processor() -> str:
    """The CPU's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (li.split(":", 1)[1].strip() for li in lines if li.startswith("model name")), platform.machine()
    )


def plot(drawn: dict[str, dict[str, float]], path: Path) -> None:
    """Time over the floor of every implementation at every shape, on a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(IMPLEMENTATIONS)
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    for number, name in enumerate(names):
        found = [(i, times[name] / times["floor"]) for i, times in enumerate(drawn.values()) if name in times]
        places = [i + (number - (len(names) - 1) / 2) * 0.16 for i, _ in found]
        bars = axes.bar(places, [ratio for _, ratio in found], width=0.15, label=name)
        axes.bar_label(
            bars, [f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}" for _, ratio in found], fontsize=7
        )
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(drawn)), list(drawn))
    axes.set_xlabel("(B, L, D, N)")
    axes.set_ylabel("time over the floor")
    axes.set_title("Selective scan on a CPU, forward + backward")
    axes.legend(fontsize=8, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Measure, print and write the page and the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small shapes; prints, and writes nothing")
    parser.add_argument("--peak", nargs=2, metavar=("NAME", "SHAPE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        return peak(given.peak[0], tuple(json.loads(given.peak[1])))
    page, drawn = report(QUICK if given.quick else SHAPES)
    print("\n" + page)
    if not given.quick:
        (HERE / "results" / "scan.md").write_text(page)
        plot(drawn, HERE / "results" / "scan.png")
    return None


if __name__ == "__main__":
    main()
