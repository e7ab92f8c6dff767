"""Who forks the steps of step_processes.py, and what is measured of one: peak memory, time.

Asked on standard input, answered on standard output, both JSON, a line each; a last line says how the process ended.
Peak memory is all that a step needs beyond what the process held before it: on CUDA
``torch.cuda.max_memory_allocated``; on a CPU the peak of the resident memory over what was resident before, under a
limit on the process's data (RLIMIT_DATA). Time is the smallest of some runs: on CUDA seconds of the clock, on a CPU
seconds of the process, so that others on the machine count as little as can be.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from affectssm.settings.measuring import MeasuringSettings
from affectssm.ssm.installed import trouble_with
from affectssm.training.step_processes import ENDED

STATUS, CLEAR, SCORE = (Path("/proc/self", name) for name in ("status", "clear_refs", "oom_score_adj"))
PROCESSORS = Path("/proc/cpuinfo")
REFUSED = (  # by torch, the system, CUDA's libraries, oneDNN
    "can't allocate memory", "out of memory", "not enough memory", "Cannot allocate memory",
    "ALLOC_FAILED", "could not create a memory",
)  # fmt: skip
Work = Callable[[], None]


@dataclass(frozen=True)
class Room:
    """Where a step runs: device, GB that it may take (None: all there is), CPU threads."""

    device: torch.device
    limit_gb: float | None
    threads: int = 1


def serve(answer: Callable[[Mapping[str, Any]], None]) -> None:
    """Answer the questions, a line each; libraries are loaded once, and a process is forked for every question."""
    asker = os.getppid()
    # Imports numba where that works. Not its kernels: their team of threads would not survive a fork.
    trouble_with("numba")
    gc.freeze()  # a step that collects garbage need not look at, and so copy, what it shares with this process
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(step(answer, json.loads(line)))
        say({ENDED: ended(child, asker)})
    os._exit(0)  # to take down the libraries would take seconds


def ended(child: int, asker: int) -> int:
    """Wait for a step and return its exit status; where nobody is left who asked, the step ends as well."""
    while True:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return os.waitstatus_to_exitcode(status)
        if os.getppid() != asker:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def step(answer: Callable[[Mapping[str, Any]], None], asked: Mapping[str, Any]) -> int:
    """Take the step that was asked for; returns the process's status, which is 1 after a complaint."""
    try:
        answer(asked)
    except BaseException:  # noqa: BLE001 - the forked process ends here, whatever it was
        traceback.print_exc()
        return 1
    return 0


def say(found: Mapping[str, Any]) -> None:
    """One line of the answer; the parent keeps what was said before a kill."""
    print(json.dumps(found), flush=True)


def unless_refused(room: Room, work: Work) -> bool:
    """Do a work; where memory is refused, say so. Returns whether it was done."""
    try:
        work()
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or any(sign in str(error) for sign in REFUSED)):
            raise
        limit = "all the GPU has" if room.limit_gb is None else f"{room.limit_gb:g} GB"
        say({"why": f"allocation refused beyond {limit}"})
        return False
    return True


def chosen_device(settings: MeasuringSettings) -> torch.device:
    """The device that settings ask for."""
    there = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(there if settings.device == "auto" else settings.device)


def limit_of(settings: MeasuringSettings, device: torch.device) -> float | None:
    """GB that a step may take on a device."""
    return settings.gpu_limit_gb if device.type == "cuda" else settings.limit_gb


def name_of(device: torch.device) -> str:
    """The device as a table names it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError, StopIteration):
        lines = PROCESSORS.read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        return f"CPU ({model})"
    return f"CPU ({platform.machine()})"


def peak(room: Room, warm_up: Work, work: Work) -> int:
    """Bytes that a work takes at its peak, after a small one that makes compiled kernels.

    On a GPU what was allocated before counts as well: nothing, of a step that makes all it needs.
    """
    return (_on_gpu if room.device.type == "cuda" else _on_cpu)(room, warm_up, work)


def _on_gpu(room: Room, warm_up: Work, work: Work) -> int:
    device = room.device
    warm_up()
    gc.collect()
    torch.cuda.empty_cache()
    if room.limit_gb is not None:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, room.limit_gb * 1e9 / total), device)
    torch.cuda.reset_peak_memory_stats(device)
    work()
    return torch.cuda.max_memory_allocated(device)


def _on_cpu(room: Room, warm_up: Work, work: Work) -> int:
    torch.set_num_threads(room.threads)
    with suppress(OSError):
        SCORE.write_text("1000")  # where the machine runs out, this process goes and no other
    warm_up()
    gc.collect()
    with suppress(OSError, AttributeError):  # what is free would be taken again and not counted
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        CLEAR.write_text("5")  # the peak counts from here
    before = held("VmRSS")
    _limit(room)
    work()
    return held("VmHWM") - before


def _limit(room: Room) -> None:
    """Limit the process's data beyond what it holds."""
    assert room.limit_gb is not None, "the GB of a CPU"
    limit = held("VmData") + round(room.limit_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def seconds(room: Room, work: Work, repeats: int, enough_s: float) -> float:
    """The smallest time of some runs; none is repeated once they took ``enough_s`` together."""
    on_gpu = room.device.type == "cuda"
    if not on_gpu:
        torch.set_num_threads(room.threads)
        _limit(room)
    clock = time.perf_counter if on_gpu else time.process_time
    taken: list[float] = []
    while not taken or (len(taken) < repeats and sum(taken) < enough_s):
        begun = clock()
        work()
        if on_gpu:
            torch.cuda.synchronize(room.device)
        taken.append(clock() - begun)
    return min(taken)


def held(what: str) -> int:
    """Bytes of the process by the kernel's name; where there is no /proc, its largest resident size so far."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest * (1 if sys.platform == "darwin" else 1024)
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what + ":"))
