"""How fast the scans are on this machine's GPU, against the physical floor; the one script of the GPU part.

    python benchmarks/gpu.py            # on a GPU; begins no case after eight minutes (--minutes)
    python benchmarks/gpu.py --tune     # also compares sizes of tiles at the first shape
    python benchmarks/gpu.py --check    # without one: the same at tiny sizes through Triton's interpreter

It needs torch with Triton and a C compiler (gcc or clang), and neither an installation of this package nor nvcc. First
every kernel that is timed, and every option, is compared with the float64 reference, in several processes because
compiling takes longest (float32 to 1e-4, bfloat16 to 2e-2 of a tensor's largest value). A scan that disagrees is not
timed. Then this project's scans are timed, and last mamba_ssm, mambapy's parallel scan and transformers' loop, those
that are installed, and the reference. What there is no time left for is skipped, and the page says so.

The floor is what no implementation can go below: one exponential a state and step (two for forward + backward, which
computes the states again) at the card's exp rate, or the bytes of inputs, outputs and gradients at its copy bandwidth,
whichever takes longer, both measured in the same run. Times are of CUDA graphs, so that Python's launches do not count,
replayed over so many sets of inputs that the second-level cache does not hold them; "launched" is the same from Python.
Memory is the peak beyond inputs, outputs and their gradients. Writes benchmarks/results/gpu-<card>.md anew after every
row, so that little is lost when it is stopped, and a plot beside it where matplotlib is installed.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

CHECK = "--check" in sys.argv
if CHECK:
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
NO_GPU = "no CUDA device: this measures a GPU (--check runs the kernels through Triton's interpreter)"
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "src"))

import torch  # noqa: E402
from scan import LOOP_STEPS, mambapy, plot, table, transformers  # noqa: E402
from torch import Tensor  # noqa: E402

from affectssm.ssm.coupled import coupled_scan  # noqa: E402
from affectssm.ssm.installed import trouble_with  # noqa: E402
from affectssm.ssm.scan import selective_scan  # noqa: E402
from affectssm.torchvision_ops import ensure_torchvision_ops  # noqa: E402

try:
    import triton
    import triton.language as tl
except ImportError:
    sys.exit(
        "triton is not installed (CUDA builds of torch bring it)" if torch.cuda.is_available() else NO_GPU
    )

SHAPES = ((128, 96, 256, 16), (32, 96, 512, 16), (16, 500, 256, 64), (4, 3000, 256, 8), (1, 7500, 256, 8))
TINY = ((2, 5, 6, 3),)
MODALITIES = 3
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2}
OPTIONS: tuple[dict[str, Any], ...] = (
    {"options": True, "groups": 2},
    {"options": True, "groups": 2, "dtype": "bfloat16"},
    {"options": True, "channels_first": True, "odd": True},
    {"options": True, "long": True},
    {"coupling": "mean", "options": True},
    {"coupling": "sum", "channels_first": True},
    {"coupling": "none", "options": True},
    {"coupling": "mix"},
)
# channels and recomputed steps of a thread; the first of each is the plan's own at the first shape
VARIANTS = {
    "selective": ((4, 8), (4, 4), (2, 8), (2, 4), (1, 8)),
    "coupled": ((2, 4), (2, 2), (1, 4), (1, 8), (4, 2)),
}
# of the time, what comparing and compiling may take; the figures are the point
COMPARING = 2 / 3
OUT_OF_TIME = "skipped: out of time"
PACKAGES = {
    "mamba_ssm": "mamba_ssm.ops.selective_scan_interface",
    "mambapy": "mambapy.mamba",
    "transformers": "transformers.models.mamba.modeling_mamba",
}
# what a kernel that does not compile, or a package of another version, may raise: the other rows are worth having
FAILURES = (
    RuntimeError, triton.TritonError, ImportError, OSError, AttributeError, TypeError, ValueError, AssertionError,
    LookupError, subprocess.SubprocessError,
)  # fmt: skip
Case = dict[str, Any]
Scan = Callable[..., Tensor]
Found = TypeVar("Found")


class Clock:
    """How much of the script's time is left."""

    def __init__(self, seconds: float) -> None:
        self.begin = time.monotonic()
        self.end = self.begin + seconds

    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def part(self, share: float) -> Clock:
        """A clock over a share of what is left."""
        return Clock(share * self.left())

    def tried(self, work: Callable[[], Found]) -> Found | str:
        """What it returns; or why there is nothing, in a few words."""
        if self.left() <= 0:
            return OUT_OF_TIME
        try:
            return work()
        except torch.cuda.OutOfMemoryError:
            return "OOM"
        except FAILURES as failure:
            traceback.print_exc()
            return f"failed: {in_a_line(failure)}"


def in_a_line(failure: BaseException) -> str:
    """What it says last, short enough for a table's cell; a compiler's first lines are places."""
    lines = [line for line in str(failure).splitlines() if line.strip()] or [type(failure).__name__]
    return lines[-1].strip().replace("|", "/")[:120]


@triton.jit
def exponentials(out, TIMES: tl.constexpr):
    """16 * TIMES exponentials of each of 1024 numbers a program."""
    at = tl.arange(0, 1024)
    x = at.to(tl.float32) * 1e-3
    for _ in range(TIMES):
        for _ in tl.static_range(16):
            x = tl.exp2(-x)
    tl.store(out + tl.program_id(0) * 1024 + at, x)


def cases(shapes: tuple[tuple[int, ...], ...]) -> list[Case]:
    """What is compared with the reference: all that is timed, the first shape in bfloat16 too, and all options."""
    timed: list[Case] = [{"shape": s, "coupling": c} for s in shapes for c in ("", "mean")]
    half = [{"shape": shapes[0], "coupling": c, "dtype": "bfloat16"} for c in ("", "mean")]
    sizes = {"odd": (2, 33, 37, 5), "long": (1, 300, 64, 8), "": (2, 40, 64, 16)}
    if CHECK:
        sizes = {"odd": (1, 3, 5, 3), "long": (1, 20, 2, 2), "": (1, 4, 4, 2)}
    more = [
        {"shape": next(s for key, s in sizes.items() if not key or option.get(key))} | option
        for option in OPTIONS
    ]
    return timed + half + more


def inputs(case: Case, device: str, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of a case, channels last in memory unless it says otherwise, as leaves that want gradients."""
    batch, length, channels, states = case["shape"]
    rng = torch.Generator(device).manual_seed(seed)
    front = (MODALITIES,) if case.get("coupling") else ()
    groups = (case["groups"],) if case.get("groups") else ()

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, device=device)

    def signal(*rows: int) -> Tensor:
        if case.get("channels_first"):
            return draw(*front, batch, *rows, length)
        return draw(*front, batch, length, *rows).movedim(len(front) + 1, -1)

    rates = -torch.arange(1.0, states + 1, device=device).expand(*front, channels, states)
    found = {"u": signal(channels), "delta": signal(channels), "A": rates.contiguous()}
    found |= {"B": signal(*groups, states), "C": signal(*groups, states), "D": draw(*front, channels)}
    if case.get("options"):
        found |= {"z": signal(channels), "delta_bias": draw(*front, channels)}
    else:
        found["delta"] = 0.1 * torch.sigmoid(found["delta"])
    if case.get("coupling") == "mix":
        found["mix"] = draw(*front, *front).softmax(1)
    dtype = getattr(torch, case.get("dtype", "float32"))
    return {name: t.to(dtype).requires_grad_() for name, t in found.items()}


def scan_of(case: Case, backend: str) -> Scan:
    """The case's scan as a function of its tensors."""
    settings: dict[str, Any] = {"delta_softplus": bool(case.get("options")), "backend": backend}
    if case.get("coupling"):
        return lambda **tensors: coupled_scan(**tensors, **settings, coupling=case["coupling"])  # type: ignore[return-value]
    turned = (False, True) if case.get("groups") else False
    return lambda **tensors: selective_scan(**tensors, **settings, reverse=turned)  # type: ignore[return-value]


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


def label(case: Case) -> str:
    """A case in a few words."""
    kind = f"coupled ({case['coupling']})" if case.get("coupling") else "selective"
    more = [key for key in ("options", "groups", "channels_first") if case.get(key)]
    return " ".join([kind, str(tuple(case["shape"])), case.get("dtype", "float32"), *more])


def verdict(case: Case, errors: dict[str, float]) -> str:
    """Empty, or which results are wrong."""
    limit = TOLERANCE[case.get("dtype", "float32")]
    return ", ".join(f"{name} {value:.1e}" for name, value in errors.items() if not value <= limit)


def compare(job: str) -> None:
    """In a child: compare one case, and print its errors."""
    case = json.loads(job)
    use_variant(case)
    print(json.dumps(agreement(case, "cpu" if CHECK else "cuda")))


def judged(case: Case, errors: dict[str, float]) -> str:
    """What is said of a case that ran."""
    wrong = verdict(case, errors)
    return f"disagrees: {wrong}" if wrong else f"ok, {max(errors.values()):.1e}"


def compared_here(case: Case, clock: Clock) -> str:
    """What is said of a case, by the interpreter."""
    if clock.left() <= 0:
        return OUT_OF_TIME
    return judged(case, agreement(case, "cpu"))


def compared_in_child(case: Case, clock: Clock) -> str:
    """What is said of a case, by a process of its own."""
    if (left := clock.left()) <= 0:
        return OUT_OF_TIME
    command = [sys.executable, __file__, "--compare", json.dumps(case)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=left)
    except subprocess.TimeoutExpired:
        return OUT_OF_TIME
    if done.returncode or not done.stdout.strip():
        print(f"{label(case)}:\n{done.stderr}", file=sys.stderr, flush=True)
        return f"failed: {in_a_line(RuntimeError(done.stderr))}"
    return judged(case, json.loads(done.stdout.splitlines()[-1]))


def compare_all(all_cases: list[Case], clock: Clock) -> list[tuple[Case, str]]:
    """Every case with its verdict: in children that compile side by side, or here for the interpreter."""
    if CHECK:
        return [(case, compared_here(case, clock)) for case in all_cases]
    room = torch.cuda.get_device_properties(0).total_memory // 2**33
    with ThreadPoolExecutor(max(1, min(len(all_cases), (os.cpu_count() or 1) - 2, room))) as pool:
        found = pool.map(lambda case: compared_in_child(case, clock), all_cases)
        return list(zip(all_cases, found, strict=True))


def use_variant(case: Case) -> None:
    """Replace the plan's tile by the one that the case names, if it does."""
    if "variant" not in case:
        return
    from affectssm.ssm import triton_scan
    from affectssm.ssm.triton_plan import plan

    channels, sub = case["variant"]
    triton_scan.plan = lambda *shape: replace(plan(*shape), DV=channels, sub=sub, ahead=sub)


class Gpu:
    """How a GPU is measured."""

    device = "cuda"
    name = property(lambda self: torch.cuda.get_device_name(0))

    def clock(self, run: Callable[[], object], times: int = 1) -> float:
        """Seconds of ``times`` runs in a row, by the GPU's own events."""
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(times):
            run()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / 1e3

    def replayed(self, runs: list[Callable[[], object]]) -> float:
        """Median seconds of one of the runs, as replays of a graph of all of them."""
        stream = torch.cuda.Stream()
        torch.cuda.synchronize()  # the inputs were made in another stream
        with torch.cuda.stream(stream):
            for run in runs:
                run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            kept = [
                run() for run in runs
            ]  # outputs of their own: the next run's would else be found in the cache
        for _ in range(5):  # the card comes up to speed
            self.clock(graph.replay, 20)
        median = statistics.median(self.clock(graph.replay, 20) for _ in range(7))
        del kept
        return median / 20 / len(runs)

    def launched(self, run: Callable[[], object]) -> float:
        """Median seconds of a run with its launches."""
        self.clock(run, 3)
        return statistics.median(self.clock(run, 10) for _ in range(5)) / 10

    def slow(self, run: Callable[[], object]) -> float:
        """The same of what may take seconds."""
        self.clock(run)
        return statistics.median(self.clock(run) for _ in range(3))

    def free(self) -> None:
        """Give back the memory that torch keeps of earlier measurements."""
        torch.cuda.empty_cache()

    def peak(self, run: Callable[[], list[Tensor]]) -> int:
        """Peak bytes of a run beyond what was there and what it returns."""
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        kept = run()
        return torch.cuda.max_memory_allocated() - before - sum(t.nbytes for t in kept)

    def rates(self) -> tuple[float, float]:
        """Exponentials a second, and bytes a second of a copy, read and written together."""
        programs = 16 * torch.cuda.get_device_properties(0).multi_processor_count
        out = torch.empty(programs * 1024, device="cuda")
        launch = lambda: exponentials[(programs,)](out, 1000, num_warps=4)  # noqa: E731
        launch()
        rate = 16 * 1000 * out.numel() / min(self.clock(launch) for _ in range(10))
        source = torch.ones(2**28, device="cuda")
        target = torch.empty_like(source)
        width = 2 * source.nbytes / (min(self.clock(lambda: target.copy_(source), 5) for _ in range(8)) / 5)
        return rate, width

    def sets(self, case: Case) -> int:
        """How many sets of inputs the second-level cache does not hold."""
        batch, length, channels, _ = case["shape"]
        cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 2**26)
        return max(2, min(16, -(-3 * cache // (8 * batch * length * channels))))


class Interpreter(Gpu):
    """The same calls without a GPU, to see that they run; the times mean nothing."""

    device = "cpu"
    name = "interpreter"

    def clock(self, run: Callable[[], object], times: int = 1) -> float:
        """Seconds."""
        begin = time.perf_counter()
        run()
        return time.perf_counter() - begin

    def replayed(self, runs: list[Callable[[], object]]) -> float:
        """Seconds of the first."""
        return self.clock(runs[0])

    def launched(self, run: Callable[[], object]) -> float:
        """Seconds."""
        return self.clock(run)

    def free(self) -> None:
        """Nothing is kept."""

    def peak(self, run: Callable[[], list[Tensor]]) -> int:
        """Bytes of what it returns."""
        return sum(t.nbytes for t in run())

    def rates(self) -> tuple[float, float]:
        """Made up; the kernel runs."""
        exponentials[(1,)](torch.empty(1024), 1)
        return 1e9, 1e9

    def sets(self, case: Case) -> int:
        """One."""
        return 1


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


HEAD = [
    "scan", "(B, L, D, N)", "floor f / f+b, us", "f / f+b, us", "f over floor", "f+b over floor", "f+b launched, us",
    "memory",
]  # fmt: skip
OTHERS_HEAD = [
    "scan", "(B, L, D, N)", "implementation", "f, us", "Triton is faster by", "f+b, us", "Triton is faster by",
]  # fmt: skip


def title(case: Case) -> list[str]:
    """What a row begins with."""
    return ["coupled, mean, M = 3" if case["coupling"] else "selective", str(tuple(case["shape"]))]


def figures(times: dict[str, float], floor: tuple[float, float]) -> list[str]:
    """The rest of the row of one of this project's scans."""
    return [
        f"{1e6 * floor[0]:.1f} / {1e6 * floor[1]:.1f}", f"{1e6 * times['forward']:.1f} / {1e6 * times['both']:.1f}",
        f"{times['forward'] / floor[0]:.2f}", f"{times['both'] / floor[1]:.2f}", f"{1e6 * times['launched']:.0f}",
        f"{times['memory']:.3f}",
    ]  # fmt: skip


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


def tuned(shape: tuple[int, ...], gpu: Gpu, rates: tuple[float, float], clock: Clock) -> list[list[str]]:
    """Times of other tiles at a shape."""
    wanted = [
        {"shape": shape, "coupling": coupling, "variant": variant}
        for coupling, kind in (("", "selective"), ("mean", "coupled"))
        for variant in VARIANTS[kind]
    ]
    rows = [["scan", "channels of a thread", "steps at once", "f, us", "f+b, us", "f+b over floor"]]
    for case, found in compare_all(wanted, clock.part(COMPARING)):
        times = clock.tried(lambda c=case: with_variant(c, gpu)) if found.startswith("ok") else found
        cells = [times, "", ""]
        if not isinstance(times, str):
            over = times["both"] / floors(case, *rates)[1]
            cells = [f"{1e6 * times['forward']:.1f}", f"{1e6 * times['both']:.1f}", f"{over:.2f}"]
        rows.append([label(case), *map(str, case["variant"]), *cells])
    return rows


def with_variant(case: Case, gpu: Gpu) -> dict[str, float]:
    """Times with the tile that a case names."""
    from affectssm.ssm import triton_scan

    original = triton_scan.plan
    use_variant(case)
    try:
        return measure(case, gpu)
    finally:
        triton_scan.plan = original


@dataclass
class Page:
    """What has been found so far, and the file it is written to."""

    gpu: Gpu
    clock: Clock
    path: Path | None  # none: nothing is written
    compared: list[tuple[Case, str]] = field(default_factory=list)
    rates: tuple[float, float] = (math.nan, math.nan)
    rows: list[list[str]] = field(default_factory=lambda: [HEAD])
    others: list[list[str]] = field(default_factory=lambda: [OTHERS_HEAD])
    tiles: list[list[str]] = field(default_factory=list)
    drawn: dict[str, dict[str, float]] = field(default_factory=dict)  # seconds of f+b, and of the floor
    absent: dict[str, str] = field(default_factory=dict)  # packages that cannot be used here, and why
    plotted: bool = False

    def add(self, rows: list[list[str]], row: list[str]) -> None:
        """Put a row below a table, print it and write the page."""
        rows.append(row)
        print(*row, sep=" | ", flush=True)
        self.write()

    def write(self) -> None:
        """Write what there is."""
        if self.path:
            self.path.write_text(str(self))

    def wrong(self) -> dict[str, str]:
        """Cases that were not found to agree, with what was found instead."""
        return {label(case): found for case, found in self.compared if not found.startswith("ok")}

    def __str__(self) -> str:
        """The page in Markdown."""
        worst = "\n".join(f"* {name}: {found}" for name, found in self.wrong().items()) or "none"
        missing = [f"{name} ({why})" for name, why in self.absent.items()]
        lines = f"\nNot installed, or not usable here: {'; '.join(missing)}.\n" if missing else ""
        tiles = f"\n## Tiles\n\n{table(self.tiles)}\n" if self.tiles else ""
        picture = f"\n![forward + backward]({self.path.stem}.png)\n" if self.plotted and self.path else ""
        return f"""# Selective and coupled scan on {self.gpu.name}

Written by `python benchmarks/gpu.py` in {time.monotonic() - self.clock.begin:.0f} s. torch {torch.__version__}, Triton
{triton.__version__}. Floor: {self.rates[0] / 1e12:.2f} Texp/s and {self.rates[1] / 1e12:.2f} TB/s (read + written),
measured in the same run; forward + backward (f+b) needs two exponentials a state and step. Times are of CUDA graphs
over inputs that the second-level cache does not hold; "launched" is from Python. float32. Memory: peak beyond inputs,
outputs and their gradients, in (B, L, D, N) tensors of all modalities.

{table(self.rows)}

## Other implementations

mamba_ssm is replayed as a CUDA graph and compared with this project's replayed scan. The others are launched from
Python and compared with this project's launched scan. OOM: the card's memory does not suffice.

{table(self.others)}
{lines}{picture}{tiles}
## Agreement

Compared with the float64 reference first: {len(self.compared)} cases (float32 1e-4, bfloat16 2e-2 of a tensor's
largest value); what did not agree or was not compared:

{worst}
"""


def time_own(page: Page, timed: list[Case]) -> dict[str, dict[str, float]]:
    """This project's rows; the times by case."""
    wrong, found = page.wrong(), {}
    for case in timed:
        times = wrong.get(label(case)) or page.clock.tried(functools.partial(measure, case, page.gpu))
        if isinstance(times, str):
            page.add(page.rows, [*title(case), times, *[""] * (len(HEAD) - 3)])
            continue
        floor = floors(case, *page.rates)
        page.drawn[place(case)] = {"floor": floor[1], "Triton": times["both"]}
        page.add(page.rows, [*title(case), *figures(times, floor)])
        found[label(case)] = times
    return found


def time_others(page: Page, timed: list[Case], own: dict[str, dict[str, float]]) -> None:
    """The other implementations' rows, of the scans that were timed."""
    if page.clock.left() <= 0:
        return
    page.absent = {name: why for name in PACKAGES if (why := absent(name))}
    page.write()
    for case in timed:
        for name in others(case):
            if label(case) not in own or name in page.absent:
                continue
            work = functools.partial(other_times, case, page.gpu, name, own[label(case)])
            found = page.clock.tried(work)
            cells = ["", "", found, ""] if isinstance(found, str) else found[0]
            if not isinstance(found, str):
                page.drawn[place(case)][name] = found[1]
            page.add(page.others, [*title(case), name, *cells])


def place(case: Case) -> str:
    """A scan's name on the plot."""
    return f"{'coupled' if case['coupling'] else 'selective'}\n{tuple(case['shape'])}"


def draw(page: Page) -> None:
    """A plot beside the page, where matplotlib is installed and there is something to show."""
    if not page.path or not page.drawn:
        return
    try:
        plot(page.drawn, page.path.with_suffix(".png"), f"Scans on {page.gpu.name}, forward + backward")
    except FAILURES as failure:
        print(f"no plot: {in_a_line(failure)}")
        return
    page.plotted = True
    page.write()


def report(page: Page, tune: bool) -> None:
    """Compare and measure everything; the page is written on the way."""
    shapes, clock = TINY if CHECK else SHAPES, page.clock
    rates = clock.tried(page.gpu.rates)  # first: a floor is wanted for every row
    if isinstance(rates, str):
        print(f"the card's rates: {rates}")
    else:
        page.rates = rates
    page.compared = compare_all(cases(shapes), clock.part(COMPARING))
    print(
        table([["compared with float64", ""], *([label(c), found] for c, found in page.compared)]), flush=True
    )
    page.write()
    timed: list[Case] = [{"shape": s, "coupling": coupling} for coupling in ("", "mean") for s in shapes]
    own = time_own(page, timed)
    time_others(page, timed, own)
    draw(page)
    if tune:
        page.tiles = tuned(shapes[0], page.gpu, page.rates, clock)
        page.write()


def page_path(folder: Path | None) -> Path | None:
    """Where the page is written to, its folder made; the interpreter's is worth no page unless one asks for it."""
    if folder is None and CHECK:
        return None
    folder = folder or HERE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    card = "interpreter" if CHECK else torch.cuda.get_device_name(0)
    return folder / f"gpu-{re.sub(r'[^a-z0-9]+', '-', card.lower()).strip('-')}.md"


def main() -> None:
    """Compare, measure, print and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="tiny sizes through the interpreter; writes nothing without --out",
    )
    parser.add_argument("--tune", action="store_true", help="also compare sizes of tiles at the first shape")
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="that all of it may take (8); what runs then is finished"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the page (benchmarks/results)")
    parser.add_argument("--compare", metavar="CASE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not CHECK and not torch.cuda.is_available():
        sys.exit(NO_GPU)
    if given.compare:
        return compare(given.compare)
    page = Page(Interpreter() if CHECK else Gpu(), Clock(60 * given.minutes), page_path(given.out))
    report(page, given.tune)
    print(f"\n{page}")
    disagree = any(found != OUT_OF_TIME for found in page.wrong().values())
    return sys.exit("some scans disagree with the reference" if disagree else 0)


if __name__ == "__main__":
    main()
