"""A training step of DA-Mamba on a GPU: on this project's kernels and on mamba_ssm's, in both precisions.

    python benchmarks/gpu_step.py            # the paper's scale: 128 windows of two people, 96 frames; a few minutes
    python benchmarks/gpu_step.py --check    # tiny, on the device there is: proves that it runs

A step is a whole one: features made ready, forward, loss, backward, gradients cut, AdamW, the weights'
average. A backend that cannot run is named with what it lacks. Memory is the most that was allocated in a step; that of
all lengths, and of DAT, is in the table damamba_memory. Writes benchmarks/results/gpu-step.md.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from itertools import product

import torch
from measuring import Work
from pages import RESULTS, parser, table, versions

from affectssm.errors import ConfigError
from affectssm.families.configuration import load_config
from affectssm.families.dialogue.catalogue import memory_settings
from affectssm.families.dialogue.run_settings import MeasuredStep, MemorySettings
from affectssm.families.dialogue.stages.memory_step import recipe_of
from affectssm.families.dialogue.stages.memory_work import Recipe, in_training, random_windows
from affectssm.training.scans import scans_of
from affectssm.training.step_server import name_of

RESULT = RESULTS / "gpu-step.md"
LENGTH = 96
BACKENDS = {True: ("triton", "mamba_ssm"), False: ("numba", "reference")}  # with a GPU, without


def recipes(check: bool) -> dict[tuple[str, str, str], Recipe]:
    """Backend, precision and what is computed twice -> the step."""
    asked = {"scale": "tiny" if check else "paper", "device": "auto" if check else "cuda"}
    settings = MemorySettings.model_validate(memory_settings(load_config({"dialogue": {"memory": asked}})))
    gpu = torch.cuda.is_available()
    found = {}
    ways = product(BACKENDS[gpu], ("float32", "bfloat16") if gpu else ("float32",), ("none", "blocks"))
    for backend, precision, recompute in ways:
        step = MeasuredStep(model="da_mamba", length=LENGTH, precision=precision, recompute=recompute)
        recipe = recipe_of(settings, step)
        training = recipe.training.model_copy(update={"scan_backend": backend})
        found[backend, precision, recompute] = replace(recipe, training=training)
    return found


def step_of(recipe: Recipe) -> Work:
    """One step, waited for."""
    training = in_training(recipe)
    batch = random_windows(recipe, recipe.training.batch).to(recipe.device)

    def work() -> None:
        with scans_of(training.recipe, "dialogue"):
            training.learn(batch)
        if recipe.device.type == "cuda":
            torch.cuda.synchronize()

    return work


def measured(recipe: Recipe, rounds: int) -> list[str]:
    """Median milliseconds and GB of a step, or what is wrong; kernels are compiled before."""
    gpu = recipe.device.type == "cuda"
    try:
        work = step_of(recipe)
        for _ in range(2):
            work()
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
    except (ConfigError, torch.cuda.OutOfMemoryError) as error:
        return [str(error).splitlines()[0], ""]
    peak = f"{torch.cuda.max_memory_allocated() / 1e9:.2f}" if gpu else ""
    return [f"{1e3 * statistics.median(taken):.0f}", peak]


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("--check", action="store_true", help="tiny; nothing is written")
    asked.add_argument("--rounds", type=int, default=10, help="steps that are timed")
    chosen = asked.parse_args()
    if not chosen.check and not torch.cuda.is_available():
        sys.exit("no GPU: benchmarks/gpu_step.py --check runs without one")
    rows = [["scan", "precision", "recompute", "step ms", "peak GB"]]
    found = recipes(chosen.check)
    for (backend, *how), recipe in found.items():
        rows.append([backend, *how, *measured(recipe, 2 if chosen.check else chosen.rounds)])
    one = next(iter(found.values()))
    text = f"""# A training step of DA-Mamba on a GPU

Written by `python benchmarks/gpu_step.py`. {name_of(one.device)}, {versions()}.
{one.training.batch} windows of two people, {LENGTH} frames, {one.scale} scale; median of {chosen.rounds} steps.

{table(rows)}
"""
    print(text)
    if not chosen.check:
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
