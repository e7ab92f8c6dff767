"""How benchmarks measure: times of works that take turns, and a process's memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Work = Callable[[], object]


def interleaved(works: Mapping[str, Work], rounds: int, warm: int = 1) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of every work, in turns, after some turns that are not counted."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for turn in range(warm + rounds):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if turn >= warm:
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (statistics.median(wall for wall, _ in each), statistics.median(cpu for _, cpu in each))
        for name, each in taken.items()
    }


def seconds(work: Work, rounds: int) -> float:
    """Median wall seconds of a work, after one turn that is not counted."""
    return interleaved({"": work}, rounds)[""][0]


def memory(field: str) -> int:
    """A field of this very process's memory, in bytes (Linux): ``VmRSS`` now, ``VmHWM`` its peak.

    getrusage would count the parent's peak too.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition(f"{field}:")[2].split()[0])
