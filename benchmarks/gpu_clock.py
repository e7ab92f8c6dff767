"""How much time is left, and what becomes of a case that fails."""

from __future__ import annotations

import subprocess
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

import torch
import triton

# of the time, what comparing and compiling may take; the figures are the point
COMPARING = 2 / 3
OUT_OF_TIME = "skipped: out of time"
# what a kernel that does not compile, or a package of another version, may raise: the other rows are worth having
FAILURES = (
    RuntimeError, triton.TritonError, ImportError, OSError, AttributeError, TypeError, ValueError, AssertionError,
    LookupError, subprocess.SubprocessError,
)  # fmt: skip
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
