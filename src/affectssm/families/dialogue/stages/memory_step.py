"""The processes of memory.py: each builds a model, trains it for two steps and says what that took at its peak.

Asked on standard input, answered on standard output, both JSON, a line each; a last line says how the process ended.
What is measured is all that a step needs beyond what the process held before it: weights, gradients, the optimiser's
state, the weights' average, the batch and the activations. A step on a small batch comes first, so that compiled
kernels are there before the count begins; two steps, because the optimiser makes its state in the first.

On CUDA that is ``torch.cuda.max_memory_allocated``; on a CPU the peak of the resident memory over what was resident
before, under a limit on the process's data (RLIMIT_DATA).
"""

from __future__ import annotations

import gc
import json
import os
import platform
import resource
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.families.dialogue.run_settings import MemorySettings
from affectssm.families.dialogue.stages.memory import ENDED
from affectssm.families.dialogue.stages.memory_work import SEATS, Recipe, build, train
from affectssm.models.build import parameter_count
from affectssm.settings.dialogues import DATSettings
from affectssm.ssm.installed import trouble_with
from affectssm.timeline.clock import ratio

WARM_UP_WINDOWS = 2
STATUS, CLEAR, SCORE = (Path("/proc/self", name) for name in ("status", "clear_refs", "oom_score_adj"))
REFUSED = (  # by torch, the system, CUDA's libraries, oneDNN
    "can't allocate memory", "out of memory", "not enough memory", "Cannot allocate memory",
    "ALLOC_FAILED", "could not create a memory",
)  # fmt: skip


def main() -> None:
    """Answer the questions, a line each; libraries are loaded once, and a process is forked for every question."""
    asker = os.getppid()
    # Imports numba where that works. Not its kernels: their team of threads would not survive a fork.
    trouble_with("numba")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(step(json.loads(line)))
        say({ENDED: ended(child, asker)})


def ended(child: int, asker: int) -> int:
    """Wait for a step and return its exit status; where nobody is left who asked, the step ends as well."""
    while True:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return os.waitstatus_to_exitcode(status)
        if os.getppid() != asker:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def step(asked: Mapping[str, Any]) -> int:
    """Take the step that was asked for; returns the process's status, which is 1 after a complaint."""
    try:
        answer(asked)
    except BaseException:  # noqa: BLE001 - the forked process ends here, whatever it was
        traceback.print_exc()
        return 1
    return 0


def answer(asked: Mapping[str, Any]) -> None:
    """Answer one question; returns also where memory ran out in an orderly way."""
    there = "cuda" if torch.cuda.is_available() else "cpu"
    settings = MemorySettings.model_validate(asked["settings"])
    recipe = recipe_of(settings, asked["model"], asked["length"], there)
    found = facts(settings, recipe)
    say(found)
    take = on_gpu if found["kind"] == "cuda" else on_cpu
    try:
        say({"peak_bytes": take(recipe, found["limit_gb"])})
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or any(sign in str(error) for sign in REFUSED)):
            raise
        limit = "all the GPU has" if found["limit_gb"] is None else f"{found['limit_gb']:g} GB"
        say({"why": f"allocation refused beyond {limit}"})


def say(found: Mapping[str, Any]) -> None:
    """One line of the answer; the parent keeps what was said before a kill."""
    print(json.dumps(found), flush=True)


def recipe_of(settings: MemorySettings, model: str, length: int, there: str) -> Recipe:
    """The step that is measured, as training would take it, with length and device.

    Args:
        settings: of the measurement.
        model: a name of the vocabulary's models of dialogues.
        length: clock frames in a window.
        there: the device that there is.
    """
    device = torch.device(there if settings.device == "auto" else settings.device)
    scale = settings.scale if settings.scale != "auto" else "paper" if device.type == "cuda" else "demo"
    sizes = settings.sizes[scale]
    model_settings = getattr(sizes, model)
    if isinstance(model_settings, DATSettings):  # learned, as many as the longest window
        positions = max(model_settings.positions, length)
        model_settings = model_settings.model_copy(update={"positions": positions})
    training = sizes.training.model_copy(update={"batch": settings.batch or sizes.training.batch})
    per_label = ratio(settings.clock_hz, LABEL_HZ)
    return Recipe(
        model,
        model_settings,
        training,
        scale,
        device,
        length,
        per_label,
        settings.groups,
        settings.feature_dims,
    )


def facts(settings: MemorySettings, recipe: Recipe) -> dict[str, Any]:
    """What is known before anything is allocated."""
    with torch.device("meta"):
        parameters = parameter_count(build(recipe))
    device, windows = recipe.device, recipe.training.batch
    values = SEATS * windows * recipe.length * sum(recipe.feature_dims.values())
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU ({platform.machine()})"
    return {
        "model": recipe.model,
        "length": recipe.length,
        "device": name,
        "kind": device.type,
        "scale": recipe.scale,
        "batch": windows,
        "d_model": recipe.model_settings.d_model,
        "features": list(recipe.feature_dims),
        "positions_of_dat": settings.sizes[recipe.scale].dat.positions,
        "parameters": parameters,
        "input_bytes": 4 * values,
        "limit_gb": settings.gpu_limit_gb if device.type == "cuda" else settings.limit_gb,
    }


def on_gpu(recipe: Recipe, limit_gb: float | None) -> int:
    """Bytes allocated at the peak, weights included."""
    device = recipe.device
    warm_up(recipe)
    torch.cuda.empty_cache()
    if limit_gb is not None:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit_gb * 1e9 / total), device)
    torch.cuda.reset_peak_memory_stats(device)
    train(recipe, recipe.training.batch)
    return torch.cuda.max_memory_allocated(device)


def on_cpu(recipe: Recipe, limit_gb: float) -> int:
    """Bytes resident at the peak, beyond those resident before."""
    with suppress(OSError):
        SCORE.write_text("1000")  # where the machine runs out, this process goes and no other
    torch.set_num_threads(recipe.training.threads)
    warm_up(recipe)
    with suppress(OSError):
        CLEAR.write_text("5")  # the peak counts from here
    before = held("VmRSS")
    limit = held("VmData") + round(limit_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    train(recipe, recipe.training.batch)
    return held("VmHWM") - before


def warm_up(recipe: Recipe) -> None:
    """A step on a small batch; says which scan backends it ran on."""
    ran = train(recipe, WARM_UP_WINDOWS)
    gc.collect()
    say({"scan_backends": sorted(ran)})


def held(what: str) -> int:
    """Bytes of the process by the kernel's name; where there is no /proc, its largest resident size so far."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest * (1 if sys.platform == "darwin" else 1024)
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what + ":"))


if __name__ == "__main__":
    main()
    os._exit(0)  # to take down the libraries would take seconds
