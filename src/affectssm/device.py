"""What a job computes on: said in one line of its log, and refused where a GPU that it was given cannot be used.

Torch without a usable GPU computes on the CPU and says nothing, and a GPU would be reserved for a day for nothing.
Whether a job was given one stands in variables that SLURM and others set; a person who wants the CPU all the same
empties ``CUDA_VISIBLE_DEVICES``, or sets ``device: cpu`` where there is such a setting.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from affectssm.errors import ConfigError

# Which of a machine's GPUs a process may use (NVIDIA, then AMD); one of HIDDEN: none.
VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
HIDDEN = ("", "-1", "NoDevFiles")
# What SLURM says of a job or step that has a GPU, by --gpus and --gres, of a MIG slice too.
ALLOCATED = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")
NO_GPUS = ("SLURM_JOB_GPUS=", "SLURM_STEP_GPUS=", "SLURM_GPUS_ON_NODE=", "SLURM_GPUS_ON_NODE=0")
DRIVER = Path("/proc/driver/nvidia/version")
CARDS = (Path("/dev/nvidia0"), Path("/dev/kfd"))
ANSWER_S = 45.0  # a driver that has not answered after this time hangs
INSTALL = "install a build of torch for this GPU (on NVIDIA's, that of the package index)"
MEND = "have the node's driver mended, or ask for another node or GPU"
INSTEAD = "to compute on the CPU, ask for no GPU or set CUDA_VISIBLE_DEVICES to nothing"
_LOG = logging.getLogger(__name__)


class Gpu(NamedTuple):
    """One that computes: name, bytes of memory, how many are visible."""

    name: str
    memory: int
    visible: int


class Unusable(NamedTuple):
    """Why torch has no GPU to compute on, and what to do about it."""

    why: str
    remedy: str = MEND


def begin(what: str, asked: str = "auto", threads: int | None = None, scans: str | None = None) -> None:
    """Say in a line what a job computes on, before it reads any data.

    Args:
        what: the job, as the line names it.
        asked: the job's setting ``device``: ``auto``, ``cpu`` or ``cuda``.
        threads: of the CPU, where the job's settings say it.
        scans: the setting ``scan_backend``, where there is one.

    Raises:
        ConfigError: when the job was given a GPU, or asks for one, and cannot use it.
    """
    wanted = {"cpu": "", "cuda": "device: cuda"}.get(asked) or (given() if asked == "auto" else "")
    found = Unusable("device: cpu") if asked == "cpu" else usable()
    if wanted and isinstance(found, Unusable):
        raise ConfigError(
            f"the GPU of {what} ({wanted})", found.why, "a GPU that computes", f"{found.remedy}; {INSTEAD}"
        )
    place = _said(found) if isinstance(found, Gpu) else _processor(found)
    scans_said = "" if scans is None else f", scan backend {scans}"
    _LOG.info("%s computes on %s, %s%s", what, place, _threads(threads), scans_said)


def given() -> str:
    """Return the variables by which this process was given a GPU; empty when it was not, or when one hides it."""
    if _hidden_by():
        return ""
    names = [name for name in (*ALLOCATED, *VISIBLE) if name in os.environ]
    return ", ".join(said for name in names if (said := f"{name}={os.environ[name]}") not in NO_GPUS)


def _hidden_by() -> str:
    """The variable that keeps all GPUs from this process, if one does."""
    return next((name for name in VISIBLE if os.environ.get(name, "all").strip() in HIDDEN), "")


def usable() -> Gpu | Unusable:
    """Return the GPU that torch computes on, once it has computed something; else why there is none."""
    import torch

    build = f"torch {torch.__version__}"
    if torch.version.cuda is None and torch.version.hip is None:
        return Unusable(f"{build}, a build for the CPU alone", INSTALL)
    if name := _hidden_by():
        return Unusable(f"{name} is set to {os.environ[name]!r}", f"unset {name}")
    found = answered(_try)
    if isinstance(found, Gpu):
        return found
    return Unusable(f"{found} ({build}, {_version()}{_driver()})")


def answered(ask: Callable[[], Gpu], seconds: float = ANSWER_S) -> Gpu | str:
    """Ask in a process of its own, so that a driver may hang, and nothing of ours stays on the GPU.

    Returns:
        The answer, or what is wrong: the first line of what was raised, or that there was no answer.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(ask, writer)
    os.close(writer)
    try:
        if not select.select([reader], [], [], seconds)[0]:
            return f"no answer in {seconds:g} s"
        with os.fdopen(os.dup(reader), "rb") as file:
            said = file.read()
    finally:
        os.close(reader)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, os.WNOHANG)  # one that hangs in the driver is not waited for
    if not said:
        return "the process that asked it died"
    answer = json.loads(said)
    return answer if isinstance(answer, str) else Gpu(*answer)


def _answer(ask: Callable[[], Gpu], writer: int) -> None:
    """Write the answer and end the process."""
    try:
        try:
            found: Gpu | str = ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong with the GPU
            found = (str(error).strip() or type(error).__name__).splitlines()[0]
        os.write(writer, json.dumps(found).encode())
    finally:
        os._exit(0)


def _try() -> Gpu:
    """Compute something on the GPU.

    Raises:
        RuntimeError: when it cannot: no driver, one that is too old, a GPU that this build has no code for.
    """
    import torch

    if torch.arange(3, device="cuda").square().sum().item() != 5:
        raise RuntimeError("its sums are wrong")
    found = torch.cuda.get_device_properties(0)
    return Gpu(found.name, found.total_memory, torch.cuda.device_count())


def driver_version() -> str:
    """Return the version of NVIDIA's driver; empty where there is none."""
    with suppress(OSError):
        if found := re.search(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)", DRIVER.read_text(encoding="utf-8")):
            return found[1]
    return ""


def _driver() -> str:
    return f", driver {driver_version()}" if driver_version() else ""


def _version() -> str:
    import torch

    return f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"


def _said(gpu: Gpu) -> str:
    import torch

    several = f", the first of {gpu.visible}" if gpu.visible > 1 else ""
    memory = f"{gpu.memory / 2**30:.1f} GiB"
    return f"{gpu.name} ({memory}{several}, torch {torch.__version__}, {_version()}{_driver()})"


def _processor(why: Unusable) -> str:
    """The processor; where a GPU is in sight, why not on that."""
    import torch

    from affectssm.training.step_server import name_of

    name = name_of(torch.device("cpu"))
    return f"{name} and no GPU ({why.why})" if any(card.exists() for card in CARDS) else name


def _threads(threads: int | None) -> str:
    mine = len(os.sched_getaffinity(0))
    return f"{mine} processors" if threads is None else f"{threads} of {mine} processors"
