"""Peak memory of one training step, by model and window length; each step runs in a process of its own.

A step that does not fit is a finding, not a failure: an allocation that is refused (by the GPU, or by the limit
set on the process) and a process that the kernel ends for want of memory are both recorded as out of memory, with
which it was.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.training.registry import memory_modules

log = logging.getLogger(__name__)
CHILD = "affectssm.training.memory_step"
# One thread, one heap, and freed blocks handed back at once: what is resident is what is in use.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
SIGNS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate memory")  # of a library that gave up


def measure(settings: Mapping[str, Any], out: Path) -> None:
    """Measure every model at every length and write ``out`` (JSON: ``rows`` and ``card``).

    Args:
        settings: ``catalogue.memory_settings``.
        out: results/memory/{fingerprint}.json.

    Raises:
        DataError: when a step ends for another reason than memory.
    """
    rows = []
    for model in settings["models"]:
        for length in settings["lengths"]:
            asked = {key: value for key, value in settings.items() if key != "lengths"}
            found = measure_step({**asked, "model": model, "length": length})
            peak = f"{found['peak_bytes'] / 1e9:.3f} GB" if found["peak_bytes"] else f"OOM ({found['why']})"
            log.info("%s, %d frames: %s", model, length, peak)
            rows.append(found)
    card = make_card("training/memory", memory_modules(), dict(settings))
    write_json(out, {"rows": rows, "card": card})


def measure_step(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Run one step in a process of its own and return what it found (memory_step.py says what that is)."""
    done = subprocess.run(
        [sys.executable, "-m", CHILD],
        input=json.dumps(asked),
        env=os.environ | ENVIRONMENT,
        text=True,
        capture_output=True,
        check=False,
    )
    return read_outcome(asked, done.returncode, done.stdout, done.stderr)


def read_outcome(asked: Mapping[str, Any], code: int, said: str, complained: str) -> dict[str, Any]:
    """What a finished process tells: its own words or, where it did not come so far, why it ended.

    Args:
        asked: what it was asked; named in an error.
        code: its exit status, negative for a signal.
        said: its standard output, one JSON object a line, later ones over earlier ones.
        complained: its standard error.

    Raises:
        DataError: when it ended for another reason than memory.
    """
    found: dict[str, Any] = {"peak_bytes": None, "why": "", "scan_backends": []}
    for line in said.splitlines():
        found |= json.loads(line)
    if code == -signal.SIGKILL:
        return found | {"peak_bytes": None, "why": "killed by the kernel (signal 9)"}
    if code and any(sign in complained for sign in SIGNS):
        return found | {"peak_bytes": None, "why": "allocation refused"}
    if code:
        last = "\n".join(complained.strip().splitlines()[-4:]) or f"exit status {code}"
        raise DataError(
            f"memory of {asked['model']} at {asked['length']} frames", last, "a training step",
            "run affectssm memory with these settings by hand",
        )  # fmt: skip
    return found
