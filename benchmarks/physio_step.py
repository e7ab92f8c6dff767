"""A training step of BiMamba-TTA: the folded formulation of its encoders against the layers one by one.

    python benchmarks/physio_step.py            # a few minutes on two cores
    python benchmarks/physio_step.py --quick    # a small batch, few rounds: proves that it runs

The released DEAP configuration (36 channels of 512 samples) at batch 64: forward, loss, backward and Adam. Both
formulations take turns in one run, and nothing is timed unless outputs and gradients agree to 1e-5 (of the largest,
where it exceeds one). Then the same step in parts, gradients handed from one to the next, so that the parts add up to
it. Every formulation's memory is measured in a process of its own. Where others work on the machine, threads that wait
are to give their core back: OMP_WAIT_POLICY=PASSIVE. Writes benchmarks/results/physio_step.md.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import torch
from cut import Cut
from measuring import Work, interleaved, memory
from pages import RESULTS, parser, processor, table, versions
from torch import Tensor

from affectssm.models.bimamba_tta import RELEASED, BiMambaTTA
from affectssm.models.filter_bank import FORMULATIONS
from affectssm.models.segments import SegmentOutput, classification_loss
from affectssm.settings.signal_models import BiMambaTTASettings
from affectssm.training.optimisers import Adam

RESULT = RESULTS / "physio_step.md"
ALLOWED = 0.4  # of the plain formulation's time
NAMES = {"auto": "folded", "plain": "plain"}
PARTS = {
    "first": "first layers: filters over time, norm, mean",
    "rows": "convolutions over channels, joining of branches",
    "intra": "intra-modal BiMamba",
    "dropout": "residual and dropout",
    "smooth": "smoothing",
    "inter": "inter-modal BiMamba, joining of modalities",
    "heads": "heads and loss",
    "adam": "Adam",
}


def build(formulation: str, dropout: float = 0.5) -> BiMambaTTA:
    """The released configuration, the same weights whatever the formulation."""
    torch.manual_seed(0)
    return BiMambaTTA(BiMambaTTASettings(dropout=dropout), RELEASED, 128, 512, formulation=formulation)


def data(batch: int) -> tuple[dict[str, Tensor], Tensor]:
    """Signals whose neighbours are alike, standardised, and labels."""
    rng = torch.Generator().manual_seed(1)
    noise = {name: torch.randn(batch, count, 512, generator=rng) for name, count in RELEASED.items()}
    slow = {name: x + 0.2 * x.cumsum(-1) for name, x in noise.items()}
    signals = {name: (x - x.mean()) / x.std() for name, x in slow.items()}
    return signals, torch.randint(0, 2, (batch,), generator=rng)


def differences(signals: dict[str, Tensor], labels: Tensor) -> tuple[float, float]:
    """Largest difference of outputs and of gradients between the formulations, and from the step in parts."""
    found = []
    for formulation in FORMULATIONS:
        model, other = build(formulation, dropout=0.0), build(formulation, dropout=0.0)
        out = model(signals)
        classification_loss(out, labels, 0.3).backward()
        outputs = [out.logits.detach(), *(x.detach() for x in out.modalities.values())]
        cut_losses(Cut(), other, signals, labels)
        gradients = [[p.grad for p in m.parameters() if p.grad is not None] for m in (model, other)]
        found += [(outputs, own) for own in gradients]

    def apart(ours: list[Tensor], theirs: list[Tensor]) -> float:
        largest = max(1.0, *(float(t.abs().max()) for t in theirs))
        return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True)) / largest

    first, *others = found
    return max(apart(first[0], other[0]) for other in others), max(apart(first[1], o[1]) for o in others)


def step(model: BiMambaTTA, signals: dict[str, Tensor], labels: Tensor) -> Work:
    """One training step."""
    optimiser = Adam(model.parameters(), 1e-3)

    def work() -> None:
        optimiser.zero_grad()
        classification_loss(model(signals), labels, 0.3).backward()
        optimiser.step()

    return work


def cut_losses(cut: Cut, model: BiMambaTTA, signals: dict[str, Tensor], labels: Tensor) -> None:
    """A step but for Adam: ``BiMambaTTA.forward`` and ``TemporalEncoder.forward`` written out."""
    features = []
    for name, encoder in model.encoders.items():
        filtered = cut.forward("first", lambda e=encoder, n=name: e.filtered(signals[n]))
        (h,) = cut.forward("rows", lambda *own, e=encoder: e.joined(list(own)), *filtered)
        (mixed,) = cut.forward("intra", encoder.mixer, h)
        (h,) = cut.forward("dropout", lambda a, b, e=encoder: e.dropout(a + b), h, mixed)
        features += cut.forward("smooth", encoder.smoothed, h)
    (fused,) = cut.forward("inter", lambda *own: model.fusion(torch.cat(own, dim=1)), *features)

    def loss(fused: Tensor, *own: Tensor) -> Tensor:
        alone = {name: model.heads[name](h) for name, h in zip(model.heads, own, strict=True)}
        return classification_loss(SegmentOutput(model.head(fused), alone), labels, 0.3)

    cut.forward("heads", loss, fused, *features)
    cut.backward()


def in_parts(signals: dict[str, Tensor], labels: Tensor, rounds: int) -> dict[str, dict[str, float]]:
    """Median CPU seconds of the parts of every formulation's step, in turns."""
    models = {formulation: build(formulation) for formulation in FORMULATIONS}
    optimisers = {formulation: Adam(model.parameters(), 1e-3) for formulation, model in models.items()}
    found: dict[str, list[Counter[str]]] = {formulation: [] for formulation in FORMULATIONS}
    for turn in range(1 + rounds):
        for formulation, model in models.items():
            cut = Cut()
            optimisers[formulation].zero_grad()
            cut_losses(cut, model, signals, labels)
            with cut.timed("adam"):
                optimisers[formulation].step()
            if turn:
                found[formulation].append(cut.seconds)
    return {
        formulation: {part: statistics.median(one[part] for one in each) for part in PARTS}
        for formulation, each in found.items()
    }


def peak(formulation: str, batch: int) -> float:
    """MB that a formulation's steps add to a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--peak", formulation, str(batch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def two_steps(formulation: str, batch: int) -> None:
    """What ``peak`` runs."""
    torch.set_num_threads(1)
    model, (signals, labels) = build(formulation), data(batch)
    step(model, *data(2))()  # imports and libraries' own memory
    before, work = memory("VmRSS"), step(model, signals, labels)
    for _ in range(2):
        work()
    print((memory("VmHWM") - before) / 1e6)


def steps_table(signals: dict[str, Tensor], labels: Tensor, rounds: int) -> tuple[str, float]:
    """Times of whole steps with one and with two threads, and the largest share of the plain formulation's."""
    rows = [["threads", "formulation", "CPU ms", "of plain", "wall ms", "of plain"]]
    largest = 0.0
    for threads in (1, 2):
        torch.set_num_threads(threads)
        works = {f: step(build(f), signals, labels) for f in FORMULATIONS}
        taken = interleaved(works, rounds)
        for f, (wall, cpu) in taken.items():
            shares = wall / taken["plain"][0], cpu / taken["plain"][1]
            largest = max(largest, *shares) if f == "auto" else largest
            rows.append(
                [
                    str(threads),
                    NAMES[f],
                    f"{1e3 * cpu:.0f}",
                    f"{shares[1]:.2f}",
                    f"{1e3 * wall:.0f}",
                    f"{shares[0]:.2f}",
                ]
            )
    return table(rows), largest


def parts_table(found: dict[str, dict[str, float]]) -> str:
    """Every part's time in either formulation, and their sums."""
    rows = [["part", "folded ms", "share", "plain ms", "share", "folded of plain"]]
    sums = {formulation: sum(each.values()) for formulation, each in found.items()}
    for part, title in PARTS.items():
        own = [(1e3 * found[f][part], found[f][part] / sums[f]) for f in FORMULATIONS]
        cells = [cell for ms, share in own for cell in (f"{ms:.1f}", f"{share:.0%}")]
        rows.append([title, *cells, f"{own[0][0] / own[1][0]:.2f}"])
    rows.append(
        [
            "all",
            f"{1e3 * sums['auto']:.0f}",
            "",
            f"{1e3 * sums['plain']:.0f}",
            "",
            f"{sums['auto'] / sums['plain']:.2f}",
        ]
    )
    return table(rows)


def report(batch: int, rounds: int) -> str:
    """Measure, and say what was found."""
    signals, labels = data(batch)
    of_outputs, of_gradients = differences(signals, labels)
    if not max(of_outputs, of_gradients) < 1e-5:
        sys.exit(f"the formulations differ: outputs by {of_outputs:.1e}, gradients by {of_gradients:.1e}")
    waiting = f" OMP_WAIT_POLICY={policy}." if (policy := os.environ.get("OMP_WAIT_POLICY")) else ""
    whole, largest = steps_table(signals, labels, rounds)
    torch.set_num_threads(1)
    parts = parts_table(in_parts(signals, labels, rounds))
    peaks = [["formulation", "MB"], *([NAMES[f], f"{peak(f, batch):.0f}"] for f in FORMULATIONS)]
    return f"""# A training step of BiMamba-TTA on a CPU

Written by `python benchmarks/physio_step.py`. {processor()}, {versions()}.
Released DEAP configuration, batch {batch}: forward, loss, backward and Adam; median of {rounds} interleaved rounds.
Outputs differ by {of_outputs:.0e}, gradients by {of_gradients:.0e}. The machine is shared: a wall clock counts others'
work too, CPU time only what they push out of the caches.{waiting}

{whole}

At most {ALLOWED:.2f} was asked for: {"met" if largest <= ALLOWED else "not met"}, {largest:.2f} at worst.

The step in parts, forward and backward, each on what the others hand it; CPU time of one thread. Nothing is left over:
the sums are the steps of the first table, up to the noise.

{parts}

What the steps add to a process's memory at their peak:

{table(peaks)}
"""


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="batch 8, two rounds; nothing is written")
    asked.add_argument("--rounds", type=int, default=15, help="interleaved rounds")
    asked.add_argument("--peak", nargs=2, metavar=("FORMULATION", "BATCH"), help="memory of one alone")
    chosen = asked.parse_args()
    if chosen.peak:
        two_steps(chosen.peak[0], int(chosen.peak[1]))
        return
    text = report(8, 2) if chosen.quick else report(64, chosen.rounds)
    print(text)
    if not chosen.quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
