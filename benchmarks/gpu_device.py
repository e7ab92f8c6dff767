"""How a GPU is measured, and the same calls without one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import triton
import triton.language as tl
from gpu_cases import Case
from torch import Tensor


@triton.jit
def exponentials(out, TIMES: tl.constexpr):
    """16 * TIMES exponentials of each of 1024 numbers a program."""
    at = tl.arange(0, 1024)
    x = at.to(tl.float32) * 1e-3
    for _ in range(TIMES):
        for _ in tl.static_range(16):
            x = tl.exp2(-x)
    tl.store(out + tl.program_id(0) * 1024 + at, x)


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
