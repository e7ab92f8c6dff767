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
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import MemorySettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.vocabulary.stages import memory_modules

log = logging.getLogger(__name__)
SERVER = "affectssm.families.dialogue.stages.memory_step"
ENDED = "ended"  # key of a step's last line: its process's exit status, negative for a signal
# One thread, one heap, and freed blocks handed back at once: what is resident is what is in use.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # to ask for a GPU begins nothing that a forked process could not use
}
SIGNS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate memory")  # of a library that gave up


def measure(settings: MemorySettings, out: Path) -> None:
    """Measure every model at every length and write ``out`` (JSON: ``rows`` and ``card``).

    Args:
        settings: of the measurement.
        out: results/memory/{fingerprint}.json.

    Raises:
        DataError: when a step ends for another reason than memory.
    """
    rows, told = [], settings.told()
    with Steps() as steps:
        for model in settings.models:
            for length in settings.lengths:
                found = steps.take({"settings": told, "model": model, "length": length})
                peak = (
                    f"{found['peak_bytes'] / 1e9:.3f} GB" if found["peak_bytes"] else f"OOM ({found['why']})"
                )
                log.info("%s, %d frames: %s", model, length, peak)
                rows.append(found)
    card = make_card("training/memory", memory_modules(settings.models), told)
    write_json(out, {"rows": rows, "card": card})


class Steps:
    """Training steps, each in a process of its own; memory_step.py, which forks them, says what they answer."""

    def __enter__(self) -> Steps:
        self._complaints = tempfile.TemporaryFile()
        self._server = subprocess.Popen(
            [sys.executable, "-m", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=os.environ | ENVIRONMENT,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, kind: type | None, *raised: object) -> None:
        if kind is not None and self._server.poll() is None:  # nobody waits for the step that is under way
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._server.pid, signal.SIGKILL)
        self._server.communicate()
        self._complaints.close()

    def take(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Run one step and return what it found.

        Raises:
            DataError: when it ended for another reason than memory.
        """
        before = os.fstat(self._complaints.fileno()).st_size
        said = list(self._answers(asked))
        if not said or ENDED not in said[-1]:  # the server itself is gone: that says nothing about the step
            found = f"the process that starts the steps ended, status {self._server.wait()}"
            raise _not_a_step(asked, f"{found}\n{_last_of(self._complained(0))}")
        return read_outcome(asked, said.pop()[ENDED], said, self._complained(before))

    def _complained(self, since: int) -> str:
        """What was written to standard error since a position; the file's own, shared with its writers, stays."""
        file = self._complaints.fileno()
        return os.pread(file, os.fstat(file).st_size - since, since).decode(errors="replace")

    def _answers(self, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What the server says until the step has ended, or until the server has."""
        assert self._server.stdin and self._server.stdout
        with suppress(BrokenPipeError):
            print(json.dumps(asked), file=self._server.stdin, flush=True)
        for line in self._server.stdout:
            yield (answer := json.loads(line))
            if ENDED in answer:
                return


def read_outcome(
    asked: Mapping[str, Any], code: int, said: Sequence[Mapping[str, Any]], complained: str
) -> dict[str, Any]:
    """What a finished process tells: its own words or, where it did not come so far, why it ended.

    Args:
        asked: what it was asked; named in an error.
        code: its exit status, negative for a signal.
        said: its answers, later ones over earlier ones.
        complained: its standard error.

    Raises:
        DataError: when it ended for another reason than memory.
    """
    found: dict[str, Any] = {"peak_bytes": None, "why": "", "scan_backends": []}
    for answer in said:
        found |= answer
    if code == -signal.SIGKILL:
        return found | {"peak_bytes": None, "why": "killed by the kernel (signal 9)"}
    if code and any(sign in complained for sign in SIGNS):
        return found | {"peak_bytes": None, "why": "allocation refused"}
    if code:
        raise _not_a_step(asked, _last_of(complained) or f"exit status {code}")
    return found


def _last_of(complained: str) -> str:
    return "\n".join(complained.strip().splitlines()[-4:])


def _not_a_step(asked: Mapping[str, Any], found: str) -> DataError:
    return DataError(
        f"memory of {asked['model']} at {asked['length']} frames", found, "a training step",
        "run affectssm memory with these settings by hand",
    )  # fmt: skip
