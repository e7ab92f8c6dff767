"""How fast the scans are on this machine's GPU, against the physical floor; the one script of the GPU part.

    python benchmarks/gpu.py            # on a GPU, at most ten minutes, most of them for compiling
    python benchmarks/gpu.py --tune     # also compares sizes of tiles at the first shape
    python benchmarks/gpu.py --check    # without one: the same at tiny sizes through Triton's interpreter

It needs torch with Triton and a C compiler (gcc or clang), and neither an installation of this package nor nvcc. First
every kernel that is timed, and every option, is compared with the float64 reference, in several processes because
compiling takes longest (float32 to 1e-4, bfloat16 to 2e-2 of a tensor's largest value). A scan that disagrees is not
timed.

The floor is what no implementation can go below: one exponential a state and step (two for forward + backward, which
computes the states again) at the card's exp rate, or the bytes of inputs, outputs and gradients at its copy bandwidth,
whichever takes longer, both measured in the same run. Times are of CUDA graphs, so that Python's launches do not count,
replayed over so many sets of inputs that the second-level cache does not hold them; "launched" is the same from Python.
Memory is the peak beyond inputs, outputs and their gradients. Writes benchmarks/results/gpu-<card>.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

CHECK = "--check" in sys.argv
if CHECK:
    os.environ["TRITON_INTERPRET"] = "1"  # read when triton is first imported
NO_GPU = "no CUDA device: this measures a GPU (--check runs the kernels through Triton's interpreter)"
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "src"))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from affectssm.ssm.coupled import coupled_scan  # noqa: E402
from affectssm.ssm.scan import selective_scan  # noqa: E402

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
Case = dict[str, Any]
Scan = Callable[..., Tensor]


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
    gradients = torch.autograd.grad(y.narrow(axis, 0, few), list(tensors.values()), weight.to(y.dtype))
    wanted = torch.autograd.grad(expected, list(exact.values()), weight)
    errors = {"y": error(y.narrow(axis, 0, few), expected)}
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


def compare_all(all_cases: list[Case]) -> list[tuple[Case, str]]:
    """Every case with its verdict: in children that compile side by side, or here for the interpreter."""

    def child(case: Case) -> tuple[Case, str]:
        command = [sys.executable, __file__, "--compare", json.dumps(case)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return case, f"failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}"
        errors = json.loads(done.stdout.splitlines()[-1])
        return case, verdict(case, errors) or f"ok, {max(errors.values()):.1e}"

    if CHECK:
        errors = [agreement(case, "cpu") for case in all_cases]
        pairs = zip(all_cases, errors, strict=True)
        return [(case, verdict(case, found) or f"ok, {max(found.values()):.1e}") for case, found in pairs]
    room = torch.cuda.get_device_properties(0).total_memory // 2**33
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1, room))) as pool:
        return list(pool.map(child, all_cases))


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
        with torch.cuda.stream(stream):
            for run in runs:
                run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for run in runs:
                run()
        graph.replay()
        return statistics.median(self.clock(graph.replay) for _ in range(15)) / len(runs)

    def launched(self, run: Callable[[], object]) -> float:
        """Median seconds of a run with its launches."""
        self.clock(run, 3)
        return statistics.median(self.clock(run, 10) for _ in range(5)) / 10

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
        width = 2 * source.nbytes / min(self.clock(lambda: target.copy_(source)) for _ in range(20))
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
    """Seconds below which neither a forward nor a forward + backward pass can go."""
    batch, length, channels, states = case["shape"]
    scans = MODALITIES if case.get("coupling") else 1
    signal, projection = 4 * scans * batch * length * channels, 4 * scans * batch * length * states
    read, exps = 2 * signal + 2 * projection, scans * batch * length * channels * states / rate
    return max(exps, (read + signal) / width), max(2 * exps, (3 * read + 2 * signal) / width)


def passes(case: Case, backend: str, device: str, seed: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A forward pass and a forward + backward pass on inputs of their own."""
    tensors = inputs(case, device, seed)
    scan, dy = scan_of(case, backend), torch.randn_like(tensors["u"])
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
    runs = [passes(case, backend, gpu.device, seed) for seed in range(gpu.sets(case))]
    forward, both = ([pair[k] for pair in runs] for k in (0, 1))
    found = {"forward": gpu.replayed(forward), "both": gpu.replayed(both), "launched": gpu.launched(both[0])}
    scans = MODALITIES if case.get("coupling") else 1
    batch, length, channels, states = case["shape"]
    found["memory"] = gpu.peak(both[0]) / (4 * scans * batch * length * channels * states)
    return found


def row(case: Case, gpu: Gpu, rate: float, width: float, wrong: dict[str, str]) -> list[str]:
    """A line of the table."""
    name = "coupled, mean, M = 3" if case["coupling"] else "selective"
    head = [name, str(tuple(case["shape"]))]
    if label(case) in wrong:
        return [*head, f"disagrees: {wrong[label(case)]}", *[""] * 7]
    try:
        return [*head, *figures(case, gpu, rate, width)]
    except (RuntimeError, triton.TritonError) as failure:  # the other lines are worth having
        return [*head, f"failed: {str(failure).splitlines()[0]}", *[""] * 7]


def figures(case: Case, gpu: Gpu, rate: float, width: float) -> list[str]:
    """What was measured of one scan at one shape."""
    times = measure(case, gpu)
    forward, both = floors(case, rate, width)
    reference = mamba = ""
    if case["shape"][0] == 1:  # the reference loop takes a second or more
        run = passes(case, "reference", gpu.device, 0)[1]
        gpu.clock(run)
        reference = f"{gpu.clock(run) / times['launched']:.0f}"
    if not case["coupling"] and mamba_ssm_runs(gpu):
        other = measure(case, gpu, "mamba_ssm")
        mamba = f"{1e6 * other['forward']:.0f} / {1e6 * other['both']:.0f}"
    return [
        f"{1e6 * forward:.1f} / {1e6 * both:.1f}", f"{1e6 * times['forward']:.1f} / {1e6 * times['both']:.1f}",
        f"{times['forward'] / forward:.2f}", f"{times['both'] / both:.2f}", f"{1e6 * times['launched']:.0f}",
        reference, mamba, f"{times['memory']:.3f}",
    ]  # fmt: skip


HEAD = [
    "scan", "(B, L, D, N)", "floor f / f+b, us", "Triton f / f+b, us", "f over floor", "f+b over floor",
    "f+b launched, us", "reference loop over it", "mamba_ssm f / f+b, us", "memory",
]  # fmt: skip


def mamba_ssm_runs(gpu: Gpu) -> bool:
    """Whether mamba_ssm is installed and works."""
    if gpu.device != "cuda":
        return False
    try:
        import mamba_ssm.ops.selective_scan_interface  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def tuned(shape: tuple[int, ...], gpu: Gpu, rate: float, width: float) -> str:
    """Times of other tiles at a shape."""
    wanted = [
        {"shape": shape, "coupling": coupling, "variant": variant}
        for coupling, kind in (("", "selective"), ("mean", "coupled"))
        for variant in VARIANTS[kind]
    ]
    rows = [["scan", "channels of a thread", "steps at once", "f, us", "f+b, us", "f+b over floor"]]
    for case, found in compare_all(wanted):
        from affectssm.ssm import triton_scan

        original = triton_scan.plan
        use_variant(case)
        times = measure(case, gpu) if found.startswith("ok") else {}
        triton_scan.plan = original
        figures = [f"{1e6 * times['forward']:.1f}", f"{1e6 * times['both']:.1f}"] if times else [found, ""]
        ratio = f"{times['both'] / floors(case, rate, width)[1]:.2f}" if times else ""
        rows.append([label(case), *map(str, case["variant"]), *figures, ratio])
    return table(rows)


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def report(gpu: Gpu, tune: bool) -> tuple[str, bool]:
    """Compare, measure; the page, and whether everything agreed."""
    shapes = TINY if CHECK else SHAPES
    begin = time.perf_counter()
    compared = compare_all(cases(shapes))
    print(table([["compared with float64", ""], *([label(c), found] for c, found in compared)]), flush=True)
    wrong = {label(case): found for case, found in compared if not found.startswith("ok")}
    rate, width = gpu.rates()
    rows = [HEAD]
    for coupling in ("", "mean"):
        for shape in shapes:
            rows.append(row({"shape": shape, "coupling": coupling}, gpu, rate, width, wrong))
            print(*rows[-1], sep=" | ", flush=True)
    more = f"\n## Tiles\n\n{tuned(shapes[0], gpu, rate, width)}\n" if tune else ""
    worst = "\n".join(f"* {name}: {found}" for name, found in wrong.items()) or "none"
    page = f"""# Selective and coupled scan on {gpu.name}

Written by `python benchmarks/gpu.py` in {time.perf_counter() - begin:.0f} s. torch {torch.__version__}, Triton
{triton.__version__}. Floor: {rate / 1e12:.2f} Texp/s and {width / 1e12:.2f} TB/s (read + written), measured in the same
run; forward + backward (f+b) needs two exponentials a state and step. Times are of CUDA graphs over inputs that the
second-level cache does not hold; "launched" is from Python, and so is the reference loop, whose time is given as a
multiple of it. float32. Memory: peak beyond inputs, outputs and their gradients, in (B, L, D, N) tensors of all
modalities.

{table(rows)}
{more}
Compared with the float64 reference first: {len(compared)} cases (float32 1e-4, bfloat16 2e-2 of a tensor's largest
value); disagreements: {worst}.
"""
    return page, not wrong


def main() -> None:
    """Compare, measure, print and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="tiny sizes through the interpreter; writes nothing"
    )
    parser.add_argument("--tune", action="store_true", help="also compare sizes of tiles at the first shape")
    parser.add_argument("--compare", metavar="CASE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not CHECK and not torch.cuda.is_available():
        sys.exit(
            "no CUDA device: this measures a GPU (--check runs the kernels through Triton's interpreter)"
        )
    if given.compare:
        return compare(given.compare)
    page, agreed = report(Interpreter() if CHECK else Gpu(), given.tune)
    print("\n" + page)
    if not CHECK:
        slug = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name(0).lower()).strip("-")
        (HERE / "results" / f"gpu-{slug}.md").write_text(page)
    return sys.exit(0 if agreed else "some scans disagree with the reference")


if __name__ == "__main__":
    main()
