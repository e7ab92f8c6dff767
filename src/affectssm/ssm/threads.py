"""Run a compiled kernel over parts of its work in as many threads as torch uses.

The parts do not depend on the number of threads, and so neither does any sum over them: the result is the same on
every machine.

The threads are torch's own, the team of its OpenMP runtime. For some milliseconds after each of torch's operations
they wait for the next one without giving their processor away, so that any other threads would share it with them;
and a team that is awake begins at once. A pool of threads takes their place where torch has another runtime, and
after a fork, which OpenMP's threads do not survive.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import Any

import torch

_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def _torchs_team() -> list[Any]:
    """GOMP_parallel(body, data, threads, flags) of the runtime that torch is linked with, if it has one."""
    try:
        start = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (OSError, AttributeError):
        return []
    start.restype, start.argtypes = None, [_BODY, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    return [start]


_team = _torchs_team()
_pool: list[ThreadPoolExecutor] = []
for _threads in (_team, _pool):
    os.register_at_fork(after_in_child=_threads.clear)


def ranges(units: int, parts: int) -> list[tuple[int, int]]:
    """At most ``parts`` neighbouring ranges that cover 0 to ``units``."""
    parts = max(1, min(units, parts))
    edges = [units * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def parts_for_all() -> int:
    """In how many parts to divide work whose result does not depend on it: enough that no thread waits for long."""
    threads = torch.get_num_threads()
    return 1 if threads == 1 else 32 * threads


def run(
    work: Callable[[int, int, int], None], parts: list[tuple[int, int]], last_first: bool = False
) -> None:
    """Call ``work(part, begin, end)`` for every part; it must release the interpreter's lock.

    ``last_first`` is for what comes back over the same memory: the end of it is still in the cache.
    """
    threads = torch.get_num_threads()
    taken = count()  # handing out a number is one uninterrupted operation

    def go_on() -> None:
        while (turn := next(taken)) < len(parts):
            part = len(parts) - 1 - turn if last_first else turn
            work(part, *parts[part])

    if min(threads, len(parts)) == 1:
        go_on()
    elif _team:
        # all of the team even where there are fewer parts: a team of another size would have to be made anew
        _in_team(go_on, threads)
    else:
        _in_pool(go_on, min(threads, len(parts)))


def _in_team(go_on: Callable[[], None], threads: int) -> None:
    errors: list[BaseException] = []

    def body(_: Any) -> None:
        try:
            go_on()
        except BaseException as error:  # noqa: BLE001 - the runtime would lose it; it is raised below
            errors.append(error)

    _team[0](_BODY(body), None, threads, 0)
    if errors:
        raise errors[0]


def _in_pool(go_on: Callable[[], None], threads: int) -> None:
    if not _pool:
        _pool.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="scan"))
    others = [_pool[0].submit(go_on) for _ in range(threads - 1)]
    go_on()
    for other in others:
        other.result()
