"""A training step of BiMamba-TTA: the folded formulation of its first layers against the layers one by one.

    python benchmarks/physio_step.py            # a few minutes on two cores
    python benchmarks/physio_step.py --quick    # a small batch, few rounds: proves that it runs

The released DEAP configuration (36 channels of 512 samples) at batch 64: forward, loss, backward and Adam. Both
formulations take turns in one run, and nothing is timed unless outputs and gradients agree to 1e-5 (of the largest,
where it exceeds one). Then every part alone, forward and backward, on the inputs it meets in the model, both
formulations in turns again. Writes benchmarks/results/physio_step.md.
"""

from __future__ import annotations

import sys

import torch
from measuring import Work, interleaved
from pages import RESULTS, parser, processor, versions
from parts import both_ways, inputs_of
from torch import Tensor, nn

from affectssm.models.bimamba_tta import RELEASED, BiMambaTTA
from affectssm.models.filter_bank import FORMULATIONS
from affectssm.models.pooled_filters import pooled_filters
from affectssm.models.segments import classification_loss
from affectssm.settings.signal_models import BiMambaTTASettings

RESULT = RESULTS / "physio_step.md"
ALLOWED = 2 / 3  # of the plain formulation's time
NAMES = {"auto": "folded", "plain": "plain"}


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
    """Largest difference of outputs and of gradients between the formulations, without dropout."""
    found = []
    for formulation in FORMULATIONS:
        model = build(formulation, dropout=0.0)
        out = model(signals)
        classification_loss(out, labels, 0.3).backward()
        outputs = [out.logits.detach(), *(x.detach() for x in out.modalities.values())]
        found.append((outputs, [p.grad for p in model.parameters()]))

    def apart(ours: list[Tensor], theirs: list[Tensor]) -> float:
        largest = max(1.0, *(float(t.abs().max()) for t in theirs))
        return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True)) / largest

    return apart(found[0][0], found[1][0]), apart(found[0][1], found[1][1])


def step(model: BiMambaTTA, signals: dict[str, Tensor], labels: Tensor) -> Work:
    """One training step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def work() -> None:
        optimiser.zero_grad()
        classification_loss(model(signals), labels, 0.3).backward()
        optimiser.step()

    return work


def parts(model: BiMambaTTA, signals: dict[str, Tensor]) -> dict[str, Work]:
    """The parts of a step, each alone."""
    encoders = list(model.encoders.values())
    branches = [branch for encoder in encoders for branch in encoder.branches]
    groups = {
        "convolutions over channels": branches,
        "intra-modal BiMamba": [encoder.mixer for encoder in encoders],
        "smoothing and heads": [*(e.smooth for e in encoders), *model.heads.values(), model.head],
        "inter-modal BiMamba": [model.fusion],
    }
    met = inputs_of([one for modules in groups.values() for one in modules], lambda: model(signals))

    def filters() -> None:
        for name, encoder in model.encoders.items():
            layers = [(branch.temporal, branch.norm) for branch in encoder.branches]
            found = pooled_filters(signals[name], layers, encoder.pool, 0.01, encoder.formulation)
            torch.autograd.backward(found, [torch.ones_like(h) for h in found])

    def alone(modules: list[nn.Module]) -> Work:
        def work() -> None:
            for module in modules:
                both_ways(module, met[module].requires_grad_())

        return work

    return {"first layers": filters} | {name: alone(modules) for name, modules in groups.items()}


def walls(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """Median seconds of every work, in turns."""
    return {name: wall for name, (wall, _) in interleaved(works, rounds).items()}


def report(batch: int, rounds: int) -> str:
    """Measure, and say what was found."""
    signals, labels = data(batch)
    of_outputs, of_gradients = differences(signals, labels)
    if not max(of_outputs, of_gradients) < 1e-5:
        sys.exit(f"the formulations differ: outputs by {of_outputs:.1e}, gradients by {of_gradients:.1e}")
    models = {formulation: build(formulation) for formulation in FORMULATIONS}
    whole = walls({f: step(model, signals, labels) for f, model in models.items()}, rounds)
    each = {(f, part): w for f, model in models.items() for part, w in parts(model, signals).items()}
    keys = {f"{f}|{part}": work for (f, part), work in each.items()}
    alone = walls(keys, rounds)
    ratio = whole["auto"] / whole["plain"]
    lines = [
        "# A training step of BiMamba-TTA on a CPU",
        "",
        f"Written by `python benchmarks/physio_step.py`. {torch.get_num_threads()} threads, {processor()},",
        f"{versions()}.",
        f"Released DEAP configuration, batch {batch}: forward, loss, backward and Adam; median of {rounds} interleaved",
        f"rounds. Outputs differ by {of_outputs:.0e}, gradients by {of_gradients:.0e}.",
        "",
        "| formulation | step ms | of plain |",
        "|---|---|---|",
        *(f"| {NAMES[f]} | {1e3 * whole[f]:.0f} | {whole[f] / whole['plain']:.2f} |" for f in FORMULATIONS),
        "",
        f"At most {ALLOWED:.2f} was asked for: {'met' if ratio <= ALLOWED else 'not met'}.",
        "",
        "Every part alone, forward and backward, as a share of its formulation's step; what is left is loss, Adam,",
        "dropout and the joins.",
        "",
        "| part | folded | plain | folded of plain |",
        "|---|---|---|---|",
    ]
    left = dict.fromkeys(FORMULATIONS, 1.0)
    for part in dict.fromkeys(part for _, part in each):
        share = {f: alone[f"{f}|{part}"] / whole[f] for f in FORMULATIONS}
        left = {f: left[f] - share[f] for f in FORMULATIONS}
        faster = alone[f"auto|{part}"] / alone[f"plain|{part}"]
        lines.append(f"| {part} | {share['auto']:.0%} | {share['plain']:.0%} | {faster:.2f} |")
    lines.append(f"| left | {left['auto']:.0%} | {left['plain']:.0%} | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="batch 8, two rounds; nothing is written")
    asked.add_argument("--rounds", type=int, default=15, help="interleaved rounds")
    asked.add_argument("--threads", type=int, default=2, help="CPU threads")
    chosen = asked.parse_args()
    torch.set_num_threads(chosen.threads)
    text = report(8, 2) if chosen.quick else report(64, chosen.rounds)
    print(text)
    if not chosen.quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
