"""A training step of Mamba-VA at the paper's scale, against the same model on mambapy's scan, and what takes the time.

    python benchmarks/video_step.py            # about ten minutes on two cores
    python benchmarks/video_step.py --quick    # small windows, one round: proves that it runs

Forward, loss, backward and AdamW at the folds' batches (windows, frames), both scans in turns in one run; nothing is
timed unless answers and gradients agree to 1e-4 of the largest. Then the parts alone, forward and backward, on the
inputs that they meet in the model. CPU seconds of all threads stand beside the wall's, for machines that others use
too. Writes benchmarks/results/video_step.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from measuring import Work, interleaved
from pages import RESULTS, parser, processor, table, versions
from parts import both_ways, inputs_of, leaf
from peers import mambapy
from torch import Tensor, nn
from video_work import DIM, loss_of, paper_model, training_step, updating, windows

from affectssm.families.video.stages.models.mamba_va import MambaVA
from affectssm.ssm import mamba
from affectssm.timeline.frame_batch import FrameBatch

RESULT = RESULTS / "video_step.md"
SHAPES = ((16, 300), (4, 1000))
QUICK = ((2, 20),)
CHECKED = (2, 33)

Times = dict[str, tuple[float, float]]


def peer_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, z: Tensor, **given: Any
) -> Tensor:
    """mambapy's scan, called as a mixer of one direction calls the project's."""
    step = F.softplus(delta + given["delta_bias"][:, None])
    return mambapy(u, step, a, b[:, 0], c[:, 0], d) * F.silu(z)


@contextmanager
def peer() -> Iterator[None]:
    """Mixers inside scan by mambapy."""
    with patch.object(mamba, "selective_scan", peer_scan):
        yield


def data(shape: tuple[int, int]) -> tuple[FrameBatch, Tensor]:
    """Windows of noise, and slow labels in [-1, 1]."""
    rng = torch.Generator().manual_seed(1)
    batch = windows(torch.randn(*shape, DIM, generator=rng))
    return batch, torch.tanh(0.1 * torch.randn(*shape, 2, generator=rng).cumsum(1))


def difference(model: MambaVA) -> float:
    """Largest difference of answers and gradients between the scans, as a share of the largest; without dropout."""
    batch, target = data(CHECKED)
    found = []
    for scans in (nullcontext, peer):
        model.zero_grad()
        with scans():
            answer = model(batch).prediction
            loss_of(answer, target, batch.frame_valid).backward()
        found.append([answer.detach(), *(p.grad for p in model.parameters())])
    model.zero_grad()
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(*found, strict=True))


def met(model: MambaVA, batch: FrameBatch) -> tuple[dict[nn.Module, Tensor], list[tuple[tuple, dict]]]:
    """What TCN, convolutions and encoder meet, and the arguments of every scan."""
    network, scans = model.network, []
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv1d)]

    def scan(*tensors: Tensor, **given: Any) -> Tensor:
        scans.append((tuple(map(leaf, tensors)), {name: leaf(value) for name, value in given.items()}))
        return own(*tensors, **given)

    own = mamba.selective_scan
    with patch.object(mamba, "selective_scan", scan):
        inputs = inputs_of([*convolutions, network.local, network.encoder], lambda: model(batch))
    return inputs, scans


def parts(model: MambaVA, batch: FrameBatch) -> dict[str, Work]:
    """The parts of a step, each alone."""
    inputs, scans = met(model, batch)
    network = model.network
    weights = [leaf(p) for p in model.parameters()]
    for weight in weights:
        weight.grad = torch.full_like(weight, 1e-4)
    convolutions = {m: leaf(m.weight) for m in inputs if isinstance(m, nn.Conv1d)}

    def module(own: nn.Module) -> None:
        model.zero_grad()
        both_ways(own, inputs[own])

    def convolve() -> None:
        for own, weight in convolutions.items():
            both_ways(F.conv1d, inputs[own], weight, own.bias, dilation=own.dilation)

    def scan(call: Callable[..., Tensor]) -> None:
        for tensors, given in scans:
            both_ways(call, *tensors, **given)

    return {
        "TCN": lambda: module(network.local),
        "convolutions": convolve,
        "encoder": lambda: module(network.encoder),
        "scans": lambda: scan(mamba.selective_scan),
        "update": updating(weights),
        "mambapy's scans": lambda: scan(peer_scan),
    }


def measure(shape: tuple[int, int], rounds: int) -> tuple[Times, Times]:
    """Wall and CPU seconds of a step by scan, and of the parts."""
    batch, target = data(shape)
    model = paper_model()
    step = training_step(model, batch, target)

    def by_peer() -> None:
        with peer():
            step()

    steps = interleaved({"own": step, "mambapy": by_peer}, rounds)
    return steps, interleaved(parts(model, batch), rounds)


def rows_of_steps(measured: dict[tuple[int, int], tuple[Times, Times]]) -> list[list[str]]:
    """A row a shape and scan."""
    rows = [["windows, frames", "scan", "step s", "CPU s", "of ours"]]
    for shape, (steps, _) in measured.items():
        for name, (wall, cpu) in steps.items():
            rows.append([
                f"{shape[0]}, {shape[1]}", name, f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / steps['own'][1]:.2f}",
            ])  # fmt: skip
    return rows


def rows_of_parts(measured: dict[tuple[int, int], tuple[Times, Times]]) -> list[list[str]]:
    """A row a part; what is left of TCN and encoder beside what was measured of them."""
    rows = [["part", *(f"{size}, {length}" for size, length in measured)]]
    cells: dict[str, list[str]] = {}
    for steps, found in measured.values():
        cpu = {name: seconds for name, (_, seconds) in found.items()}
        whole = steps["own"][1]
        shown = {
            "convolutions of the TCN": cpu["convolutions"],
            "weight norm, PReLU, dropout, padding": cpu["TCN"] - cpu["convolutions"],
            "scans": cpu["scans"],
            "the encoder's projections, convolutions and norms": cpu["encoder"] - cpu["scans"],
            "gradients cut, AdamW": cpu["update"],
            "(mambapy's scans, in their place)": cpu["mambapy's scans"],
        }
        for name, seconds in shown.items():
            cells.setdefault(name, []).append(f"{seconds:.2f} s, {seconds / whole:.1%}")
    return [*rows, *([name, *each] for name, each in cells.items())]


def report(shapes: tuple[tuple[int, int], ...], rounds: int) -> str:
    """Measure, and say what was found."""
    apart = difference(paper_model(dropout=0.0))
    if not apart < 1e-4:
        sys.exit(f"the scans differ by {apart:.1e} of the largest value")
    measured = {shape: measure(shape, rounds) for shape in shapes}
    return f"""# A training step of Mamba-VA on a CPU

Written by `python benchmarks/video_step.py`. {torch.get_num_threads()} threads, {processor()},
{versions()}.
The paper's scale (67.2 M parameters, features of {DIM}): forward, loss, backward, gradients cut, AdamW; median of
interleaved rounds ({rounds}). Answers and gradients on mambapy's scan differ by {apart:.0e} of the largest.

{table(rows_of_steps(measured))}

The parts alone, forward and backward, in CPU seconds of all threads and as a share of the step on the own scan; TCN
and encoder were measured as wholes, and their second rows are what is left of them.

{table(rows_of_parts(measured))}
"""


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="small windows, one round; nothing is written")
    asked.add_argument("--rounds", type=int, default=3, help="interleaved rounds")
    asked.add_argument("--threads", type=int, default=2, help="CPU threads")
    chosen = asked.parse_args()
    torch.set_num_threads(chosen.threads)
    text = report(QUICK, 1) if chosen.quick else report(SHAPES, chosen.rounds)
    print(text)
    if not chosen.quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
