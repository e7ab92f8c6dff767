"""Run a compiled kernel over parts of its work in as many threads as torch uses.

The parts do not depend on the number of threads, and so neither does any sum over them: the result is the same on
every machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise

import torch

_pool: list[ThreadPoolExecutor] = []
os.register_at_fork(after_in_child=_pool.clear)  # threads do not survive a fork


def ranges(units: int, parts: int) -> list[tuple[int, int]]:
    """At most ``parts`` neighbouring ranges that cover 0 to ``units``."""
    parts = max(1, min(units, parts))
    edges = [units * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def run(work: Callable[[int, int, int], None], parts: list[tuple[int, int]]) -> None:
    """Call ``work(part, begin, end)`` for every part; it must release the interpreter's lock."""
    threads = min(torch.get_num_threads(), len(parts))
    taken = count()  # handing out a number is one uninterrupted operation

    def go_on() -> None:
        while (part := next(taken)) < len(parts):
            work(part, *parts[part])

    if threads == 1:
        return go_on()
    if not _pool:
        _pool.append(ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="scan"))
    others = [_pool[0].submit(go_on) for _ in range(threads - 1)]
    go_on()
    for other in others:
        other.result()
    return None
