"""A training step of Coupled Mamba at the paper's scale, on the CPU's scan and on the plain loop of the reference.

    python benchmarks/clip_step.py            # about five minutes on a core, 10 GB
    python benchmarks/clip_step.py --quick    # few clips, one round: proves that it runs

CMU-MOSEI's batch of 1024 clips of 50 steps, coupling mean: forward, loss, backward, Adam. The plain loop keeps every
state for the gradients, some 140 MB a clip, so its step goes over the batch part by part and adds the gradients up; at
fewer clips both scans take turns. Nothing is timed unless answers and gradients agree to 1e-4 of the largest. Peaks are
of a process that takes one step. Then a step of every fusion at CH-SIMS's batch. CPU seconds of all threads stand
beside the wall's, for machines that others use too.
Writes benchmarks/results/clip_step.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from measuring import Work, interleaved, memory
from pages import RESULTS, parser, processor, table, versions
from torch import Tensor, nn

from affectssm.models.build import clip_model, parameter_count
from affectssm.ssm.backends import use_backend
from affectssm.vocabulary.models import CLIP_MODELS, TITLES

RESULT = RESULTS / "clip_step.md"
DIMS = {"text": 768, "audio": 74, "vision": 35}
LENGTH = 50
CLIPS = 16_326  # CMU-MOSEI's to learn from
OURS, LOOP = "auto", "reference"
NAMES = {OURS: "own (numba)", LOOP: "plain loop"}


@dataclass(frozen=True)
class Sizes:
    """Clips a step: the paper's, those that both scans take and the loop at once, those of every fusion; rounds."""

    paper: int = 1024
    both: int = 16
    fusions: int = 128
    rounds: int = 2


def data(clips: int) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Noise, masks of clips of 20 steps and more, labels."""
    rng = torch.Generator().manual_seed(1)
    values = {name: torch.randn(clips, LENGTH, dim, generator=rng) for name, dim in DIMS.items()}
    there = torch.arange(LENGTH) < torch.randint(20, LENGTH + 1, (clips, 1), generator=rng)
    return values, dict.fromkeys(DIMS, there), torch.randn(clips, 1, generator=rng)


def built(name: str = "coupled_mamba") -> nn.Module:
    """The paper's scale, the same weights every time."""
    torch.manual_seed(0)
    return clip_model(name, {}, DIMS, 1)


def training_step(model: nn.Module, clips: int, scan: str = OURS, at_once: int = 0) -> Work:
    """Forward, L1 loss, backward, Adam; the gradients of parts of so many clips added up, or of all at once."""
    values, masks, target = data(clips)
    update = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=5e-4)

    def work() -> None:
        model.zero_grad()
        with use_backend(scan):
            for part in torch.arange(clips).split(at_once or clips):
                answer = model(*({name: t[part] for name, t in each.items()} for each in (values, masks)))
                (nn.functional.l1_loss(answer, target[part], reduction="sum") / clips).backward()
        update.step()

    return work


def difference() -> float:
    """Largest difference of answers and gradients between the scans, as a share of the largest."""
    found, (values, masks, _) = [], data(2)
    for scan in (OURS, LOOP):
        model = built()
        with use_backend(scan):
            answer = model(values, masks)
            answer.sum().backward()
        found.append([answer.detach(), *(p.grad for p in model.parameters())])
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(*found, strict=True))


def alone(scan: str, clips: int, threads: int, at_once: int = 0) -> tuple[float, float, float]:
    """Wall and CPU seconds of a step in a process of its own, after one of two clips, and the peak in GB."""
    asked = ("--alone", scan, str(clips), str(at_once), "--threads", str(threads))
    command = [sys.executable, str(Path(__file__)), *asked]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def one_step(scan: str, clips: int, at_once: int) -> None:
    """What ``alone`` runs."""
    training_step(built(), 2, scan)()
    wall, cpu = interleaved({"": training_step(built(), clips, scan, at_once)}, 1, warm=0)[""]
    print(json.dumps([wall, cpu, memory("VmHWM") / 1e9]))


def report(sizes: Sizes, threads: int) -> str:
    """Measure, and say what was found."""
    apart = difference()
    if not apart < 1e-4:
        sys.exit(f"the scans differ by {apart:.1e} of the largest value")
    works = {scan: training_step(built(), sizes.both, scan) for scan in NAMES}
    times = interleaved(works, sizes.rounds)
    peaks = {scan: alone(scan, sizes.both, threads)[2] for scan in NAMES}
    whole = {OURS: alone(OURS, sizes.paper, threads), LOOP: alone(LOOP, sizes.paper, threads, sizes.both)}
    rows = [["scan", "clips", "step s", "CPU s", "of ours", "peak GB"]]
    for scan, (one_wall, one_cpu) in times.items():
        share = f"{one_cpu / times[OURS][1]:.1f}"
        rows.append(
            [NAMES[scan], str(sizes.both), f"{one_wall:.2f}", f"{one_cpu:.2f}", share, f"{peaks[scan]:.1f}"]
        )
    for scan, (wall, cpu, peak) in whole.items():
        clips = f"{sizes.paper}" + (f", {sizes.both} at once" if scan == LOOP else "")
        share = f"{cpu / whole[OURS][1]:.1f}"
        rows.append([NAMES[scan], clips, f"{wall:.1f}", f"{cpu:.1f}", share, f"{peak:.1f}"])
    steps = -(-CLIPS // sizes.paper)
    epoch = {scan: (steps * wall / 60, steps * cpu / 60) for scan, (wall, cpu, _) in whole.items()}
    fusions = [["model", "parameters", "step s", "CPU s"]]
    models = {name: built(name) for name in CLIP_MODELS}
    taken = interleaved({name: training_step(model, sizes.fusions) for name, model in models.items()}, 1)
    for name, (one_wall, one_cpu) in taken.items():
        fusions.append(
            [TITLES[name], f"{parameter_count(models[name]):,}", f"{one_wall:.2f}", f"{one_cpu:.2f}"]
        )
    return f"""# A training step of Coupled Mamba on a CPU

Written by `python benchmarks/clip_step.py`. Threads: {torch.get_num_threads()}. {processor()},
{versions()}.
The paper's scale ({parameter_count(built()):,} parameters, coupling mean, {LENGTH} steps of 768, 74 and 35 columns):
forward, loss, backward, Adam. At {sizes.both} clips both scans took turns (median of {sizes.rounds} rounds); answers
and gradients differ by {apart:.0e} of the largest.

{table(rows)}

An epoch of CMU-MOSEI ({CLIPS:,} clips) is {steps} steps of {sizes.paper}: {epoch[OURS][1]:.0f} CPU minutes on the own
scan and {epoch[LOOP][1]:.0f} on the plain loop, {epoch[OURS][0]:.0f} and {epoch[LOOP][0]:.0f} minutes of the clock.

A step of every fusion at {sizes.fusions} clips:

{table(fusions)}
"""


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="few clips, one round; nothing is written")
    asked.add_argument("--threads", type=int, default=1, help="CPU threads")
    asked.add_argument(
        "--alone", nargs=3, metavar=("SCAN", "CLIPS", "AT_ONCE"), help="one step, for its peak"
    )
    chosen = asked.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.alone:
        one_step(chosen.alone[0], *map(int, chosen.alone[1:]))
        return
    text = report(Sizes(8, 2, 2, 1) if chosen.quick else Sizes(), chosen.threads)
    print(text)
    if not chosen.quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
