"""Steps that are measured, each in a process of its own: who asks for them. step_server.py is who forks them.

A step that does not fit is a finding, not a failure: an allocation that is refused (by the GPU, or by the limit
set on the process) and a process that the kernel ends for want of memory are both recorded as out of memory, with
which it was.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from affectssm.errors import DataError

ENDED = "ended"  # key of a step's last line: its process's exit status, negative for a signal
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # to ask for a GPU begins nothing that a forked process could not use
}
# One thread, one heap, and freed blocks handed back at once: what is resident is what is in use.
ENVIRONMENT = ONE_THREAD | {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
SIGNS = ("bad_alloc", "MemoryError", "out of memory", "Cannot allocate memory")  # of a library that gave up


class Steps:
    """Steps, each in a process of its own.

    Args:
        server: the module that forks them and says what they answer (step_server.serve).
        environment: of those processes: ENVIRONMENT to measure memory, ONE_THREAD to measure time, for which the heap
            has to be the usual one.
    """

    def __init__(self, server: str, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        self._module, self._environment = server, environment

    def __enter__(self) -> Steps:
        self._complaints = tempfile.TemporaryFile()
        self._server = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **self._environment},
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
        asked: what it was asked, ``model`` and ``length`` among it; named in an error.
        code: its exit status, negative for a signal.
        said: its answers, later ones over earlier ones.
        complained: its standard error.

    Raises:
        DataError: when it ended for another reason than memory.
    """
    found: dict[str, Any] = {"why": "", "scan_backends": []}
    for answer in said:
        found |= answer
    if code == -signal.SIGKILL:
        return found | {"why": "killed by the kernel (signal 9)"}
    if code and any(sign in complained for sign in SIGNS):
        return found | {"why": "allocation refused"}
    if code:
        raise _not_a_step(asked, _last_of(complained) or f"exit status {code}")
    return found


def _last_of(complained: str) -> str:
    return "\n".join(complained.strip().splitlines()[-4:])


def _not_a_step(asked: Mapping[str, Any], found: str) -> DataError:
    return DataError(
        f"a step of {asked['model']} at length {asked['length']}", found, "a step that is measured",
        "run the measurement with these settings by hand",
    )  # fmt: skip
