"""How fast the scans are on this machine's CPU, against public implementations and the physical floor.

    python benchmarks/scan.py            # five minutes on two cores
    python benchmarks/scan.py --quick    # a minute, smaller shapes: proves that it runs

At five shapes (B, L, D, N), forward and forward + backward, interleaved in one run: every CPU backend, mambapy's
parallel scan, and transformers' loop, backward only where that (quadratic in L) ends in seconds. The floor is what no
implementation can go below: one exponential a state and step (two for forward + backward, which computes the states
again) at the machine's exp rate, or the bytes of inputs, outputs and gradients at its copy bandwidth, whichever takes
longer; both rates are measured with as many threads before and after every shape, and the best of the run counts.
Memory is the peak of a child process beyond inputs, outputs and their gradients. Nothing is timed whose outputs and
gradients do not agree with the float64 reference.

Signals lie in memory with channels last, as a block's activations do; the rows "channels first" are numba's on the
other layout. Writes benchmarks/results/scan.md and scan.png.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from measuring import memory
from pages import RESULTS, parser, plot, processor, table, versions
from peers import LOOP_STEPS, mambapy, transformers
from torch import Tensor

SHAPES = ((128, 96, 256, 16), (32, 96, 512, 16), (16, 500, 256, 64), (4, 3000, 256, 8), (1, 7500, 256, 8))
QUICK = ((16, 96, 64, 16), (1, 500, 64, 8))
CHECKED = (2, 33, 24, 5)
# outputs of more than 4 MiB, which numba writes past the caches; several chunks of steps
LARGE = (16, 260, 256, 4)
MODALITIES = 3
COUPLINGS = ("mean", "mix", "none")
OTHER_LAYOUT = "channels first"
COUPLED = ("mean", f"mean, {OTHER_LAYOUT}", "mix", "none")
ROUNDS = {"numba": 21, f"numba, {OTHER_LAYOUT}": 21, "reference": 2, "mambapy": 3, "transformers": 1}
COUPLED_ROUNDS = 15
SMALL, MORE_ROUNDS = 3e7, {"mambapy": 9}  # of shapes with fewer numbers in a (B, L, D, N) tensor
GIGA = 1e9
HEAD = [
    "(B, L, D, N)", "what", "forward ms", "numba is faster by", "forward + backward ms", "numba is faster by",
    "forward + backward over the floor", "memory",
]  # fmt: skip
Scan = Callable[..., Tensor]
# seconds of forward and of forward + backward, which is not always measured
Times = tuple[float, float | None]


TRIED = """## What brought it closer to the floor, and what did not

Found while the kernels were written, on an AMD EPYC with AVX-512; the run above does not measure it.

Kept: states in registers, four at a time, 16 channels a vector; chunks of at least 32 steps whose inputs stay in the
first-level cache; all that belongs to a step side by side, so that one address leads to it (a fifth fewer instructions
backward); outputs of 4 MiB and more past the caches; the next chunk's lines asked for in advance; 16 x 16 transposition
in registers for signals with channels first (20 to 40 % of their time); threads that wait awake; memory that stays with
the process.

Without gain: fewer passes over a chunk's inputs; states computed again and gone back through in one loop with shorter
chunks; AVX-512's own scaling for the exponential (0 to 7 %, on such processors alone); no reference counts (1.5 %).

What is left is the work beside the exponentials. It weighs most where N is small: step sizes, outputs and their
gradients are per step and channel, whatever N is."""


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


IMPLEMENTATIONS: dict[str, Scan] = {
    "numba": own("numba"),
    f"numba, {OTHER_LAYOUT}": own("numba"),
    "reference": own("reference"),
    "mambapy": mambapy,
    "transformers": transformers,
}


def backward_ends(name: str, shape: tuple[int, ...]) -> bool:
    """Whether an implementation's backward pass ends in seconds."""
    return name != "transformers" or shape[1] <= LOOP_STEPS


def once(scan: Scan, tensors: list[Tensor], backward: bool = True) -> Times:
    """Seconds of one forward pass and of forward + backward."""
    for t in tensors:
        t.grad = None
    dy = torch.ones_like(tensors[0].detach())
    begin = time.perf_counter()
    y = scan(*tensors)
    middle = time.perf_counter()
    if not backward:
        return middle - begin, None
    y.backward(dy)
    return middle - begin, time.perf_counter() - begin


def coupled(coupling: str, backend: str) -> Scan:
    """A coupled scan; the tensor after D is the weights."""
    from affectssm.ssm.coupled import coupled_scan

    def scan(*tensors: Tensor) -> Tensor:
        mix = tensors[6] if coupling == "mix" else None
        return coupled_scan(*tensors[:6], coupling=coupling, mix=mix, backend=backend)

    return scan


def coupled_inputs(shape: tuple[int, ...], coupling: str, channels_last: bool = True) -> list[Tensor]:
    """The inputs of several modalities, and the weights where states are mixed by them."""
    found = inputs(shape, channels_last, MODALITIES)
    if coupling == "mix":
        rng = torch.Generator().manual_seed(1)
        found.append(torch.randn(MODALITIES, MODALITIES, generator=rng).softmax(1).requires_grad_())
    return found


def work(name: str, shape: tuple[int, ...]) -> tuple[Scan, list[Tensor]]:
    """An implementation, or a coupling of numba's, and its inputs."""
    kind, _, layout = name.partition(", ")
    channels_last = layout != OTHER_LAYOUT
    if kind in COUPLINGS:
        return coupled(kind, "numba"), coupled_inputs(shape, kind, channels_last)
    return IMPLEMENTATIONS[name], inputs(shape, channels_last)


def agree(name: str, scan: Scan, reference: Scan, tensors: list[Tensor]) -> None:
    """Stop unless an implementation's outputs and gradients are those of the float64 reference."""
    exact = [t.detach().double().requires_grad_() for t in tensors]
    found = []
    for run, given in ((scan, tensors), (reference, exact)):
        y = run(*given)
        y.backward(torch.ones_like(y))
        found.append([y.detach(), *(t.grad for t in given)])
    for got, expected in zip(*found, strict=True):
        error = (got.double() - expected).abs().max() / expected.abs().max()
        if not error < 1e-5:
            sys.exit(f"{name} does not agree with the reference: error {error:.1e}")


def agree_all() -> None:
    """Stop unless all that is timed agrees with the reference, numba's large outputs too."""
    reference = own("reference")
    for name, scan in IMPLEMENTATIONS.items():
        for shape in (CHECKED, LARGE) if "numba" in name else (CHECKED,):
            agree(f"{name} at {shape}", scan, reference, work(name, shape)[1])
    for name in COUPLED:
        scan, tensors = work(name, CHECKED)
        agree(f"coupling {name}", scan, coupled(name.partition(", ")[0], "reference"), tensors)


def exp_rate() -> float:
    """Exponentials a second with all threads: the faster of torch's and the kernels' own, on data in the cache."""
    import numpy as np
    from numba import njit

    from affectssm.ssm import threads
    from affectssm.ssm.numba_memory import load, store
    from affectssm.ssm.numba_vectors import LANES, exp2

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


def measure(shape: tuple[int, ...], rounds: dict[str, int]) -> dict[str, Times]:
    """Median seconds of every implementation, interleaved."""
    given = {name: work(name, shape) for name in rounds}
    for name in rounds:
        if rounds[name] > 1:
            once(*given[name])
    times: dict[str, list[Times]] = {name: [] for name in rounds}
    for turn in range(max(rounds.values())):
        for name, number in rounds.items():
            if turn < number:
                times[name].append(once(*given[name], backward_ends(name, shape)))
    return {name: medians(found) for name, found in times.items()}


def medians(times: list[Times]) -> Times:
    """Of the forward passes and of the forward + backward passes."""
    both = [b for _, b in times if b is not None]
    return statistics.median(f for f, _ in times), statistics.median(both) if both else None


def peak(name: str, shape: tuple[int, ...]) -> None:
    """In a child: print the peak bytes of forward + backward beyond inputs, outputs and their gradients."""
    scan, tensors = work(name, shape)
    once(*work(name, (2, 8, 32, shape[3])))
    dy = torch.ones_like(tensors[0])
    ctypes.CDLL(None).malloc_trim(0)  # what is free but kept would hide what the scan takes
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = memory("VmRSS")
    scan(*tensors).backward(dy)
    gradients = sum(t.grad.numel() for t in tensors if t.grad is not None)
    print(max(0, memory("VmHWM") - before - 4 * (gradients + tensors[0].numel())))


def peak_of(name: str, shape: tuple[int, ...]) -> float:
    """The same as a multiple of a (B, L, D, N) tensor, one a modality."""
    command = [sys.executable, __file__, "--peak", name, json.dumps(shape)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr)
    return int(run.stdout) / (4 * math.prod(shape) * (MODALITIES if name in COUPLED else 1))


def coupled_section(shape: tuple[int, ...]) -> list[list[str]]:
    """The rows of the coupled scans, each beside one selective scan of the same layout in the same rounds."""
    single = {"": "numba", OTHER_LAYOUT: f"numba, {OTHER_LAYOUT}"}
    times = measure(shape, dict.fromkeys((*single.values(), *COUPLED), COUPLED_ROUNDS))
    rows = [["coupling", "forward ms", "forward + backward ms", "times one selective scan", "memory"]]
    for name in COUPLED:
        forward, both = times[name]
        one = times[single[name.partition(", ")[2]]][1]
        rows.append([
            name, f"{1e3 * forward:.1f}", cell(both and 1e3 * both), cell(over(both, one), 2),
            cell(peak_of(name, shape), 3),
        ])  # fmt: skip
    return rows


def cell(value: float | None, digits: int = 1) -> str:
    """A number, or nothing where nothing was measured."""
    return "" if value is None else f"{value:.{digits}f}"


def over(value: float | None, by: float | None) -> float | None:
    """Their ratio, where both were measured."""
    return None if value is None or by is None else value / by


def section(
    shape: tuple[int, ...], floor: Times, times: dict[str, Times], memory: dict[str, float]
) -> list[list[str]]:
    """The rows of a shape."""
    rows = [[str(shape), "floor", f"{1e3 * floor[0]:.1f}", "", f"{1e3 * floor[1]:.1f}", "", "1", ""]]
    for name, (forward, both) in times.items():
        rows.append([
            "", name, f"{1e3 * forward:.1f}", cell(over(forward, times["numba"][0])), cell(both and 1e3 * both),
            cell(over(both, times["numba"][1])), cell(over(both, floor[1])), cell(memory.get(name), 3),
        ])  # fmt: skip
    return rows


def show(shape: tuple[int, ...], times: dict[str, Times], memory: dict[str, float]) -> None:
    """Print what was measured at a shape; its floor is known when all have been."""
    print(shape)
    for name, pair in times.items():
        forward, both = (cell(t and 1e3 * t) or "-" for t in pair)
        print(f"    {name}: {forward} / {both} ms, memory {cell(memory.get(name), 3) or '-'}", flush=True)


def rounds_at(shape: tuple[int, ...]) -> dict[str, int]:
    """How often every implementation runs at a shape."""
    return ROUNDS | (MORE_ROUNDS if math.prod(shape) < SMALL else {})


def figures(
    shapes: tuple[tuple[int, ...], ...],
) -> tuple[list[list[str]], dict[str, dict[str, float]], float, float]:
    """Measure every shape; the table, the times for the plot, and the machine's rates.

    Floors come last, from the best rates of the run, so that they are the same for every shape.
    """
    rate, width = exp_rate(), bandwidth()
    measured = {}
    for shape in shapes:
        times = measure(shape, rounds_at(shape))
        memory = {name: peak_of(name, shape) for name in ROUNDS if backward_ends(name, shape)}
        measured[shape] = times, memory
        rate, width = max(rate, exp_rate()), max(width, bandwidth())
        show(shape, times, memory)
    rows, drawn = [HEAD], {}
    for shape, (times, memory) in measured.items():
        floor = floors(shape, rate, width)
        rows += section(shape, floor, times, memory)
        drawn[str(shape)] = {"floor": floor[1]} | {name: b for name, (_, b) in times.items() if b is not None}
    return rows, drawn, rate, width


def report(shapes: tuple[tuple[int, ...], ...]) -> tuple[str, dict[str, dict[str, float]]]:
    """Measure everything; the Markdown page, and the times for the plot."""
    agree_all()
    rows, drawn, rate, width = figures(shapes)
    first = shapes[0]
    longer = (first[0], 2 * first[1], *first[2:])
    short, long = (measure(shape, {"numba": 7})["numba"][1] for shape in (first, longer))
    lines = coupled_section(first)
    beside = ", ".join(cell(over(t.get("mambapy"), t.get(f"numba, {OTHER_LAYOUT}"))) for t in drawn.values())
    page = f"""# Selective and coupled scan on a CPU

Written by `python benchmarks/scan.py`. {torch.get_num_threads()} threads, {processor()},
{versions()}.
Median of interleaved rounds in one run ({", ".join(f"{n} {r}" for n, r in ROUNDS.items())}; at the shapes
with less than {SMALL:.0e} states and steps mambapy {MORE_ROUNDS["mambapy"]}).
Floor: {rate / GIGA:.1f} Gexp/s and {width / GIGA:.1f} GB/s, the best of the same run; forward + backward needs two
exponentials a state and step. Memory: peak of forward + backward beyond inputs, outputs and their gradients, in
(B, L, D, N) tensors of float32. The backward pass of transformers' loop takes time quadratic in L: where
L > {LOOP_STEPS} only its forward pass is measured, and the other cells are empty.

{table(rows)}

Signals have channels last in memory, as the blocks make them; "{OTHER_LAYOUT}" is how mamba_ssm lays them out. Beside
numba on those, mambapy (on channels last, its own layout) takes {beside} times as long, in the order of the shapes.

Doubling L at {first}: {long / short:.2f} times the time ({1e3 * short:.1f} and {1e3 * long:.1f} ms).

Coupled scan of numba (M = {MODALITIES}) at {first}, beside one selective scan of the same layout in the same
{COUPLED_ROUNDS} rounds. The weights of mix want gradients too. Memory in (M, B, L, D, N) tensors.

{table(lines)}

{TRIED}

![forward + backward](scan.png)
"""
    return page, drawn


def main() -> None:
    """Measure, print and write the page and the plot."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="small shapes; prints, and writes nothing")
    asked.add_argument("--peak", nargs=2, metavar=("NAME", "SHAPE"), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.peak:
        return peak(given.peak[0], tuple(json.loads(given.peak[1])))
    page, drawn = report(QUICK if given.quick else SHAPES)
    print("\n" + page)
    if not given.quick:
        (RESULTS / "scan.md").write_text(page)
        plot(drawn, RESULTS / "scan.png", "Selective scan on a CPU, forward + backward")
    return None


if __name__ == "__main__":
    main()
