"""The full-size plan of the tables of bio-signals: jobs, disk and hours.

    python benchmarks/full_size.py            # a few minutes on one core
    python benchmarks/full_size.py --quick    # one measurement of everything: proves that it runs

32 subjects of DEAP (40 trials of 60 s) and 27 of MAHNOB-HCI (20 trials of 81 s, the mean of 35 to 117), two labels, ten
folds, five seeds, at the paper's scale. The jobs are counted by ``snakemake -n`` in a temporary folder with made-up
manifests in place. The hours follow from steps and streams that are timed here on one thread, on random signals; disk
from the sizes of what every stage writes. Writes benchmarks/results/full_size.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from made_up import planned_jobs
from measuring import seconds
from pages import RESULTS, parser, processor, versions
from torch import Tensor

from affectssm.adaptation.build import build_method
from affectssm.adaptation.missing import draw
from affectssm.adaptation.stream import run_stream
from affectssm.corpora.channels import LEADS
from affectssm.corpora.manifest import StreamRow, shard_of
from affectssm.families.biosignals.stages.dimensions import DIMENSIONS
from affectssm.families.configuration import load_config
from affectssm.models.build import segment_model
from affectssm.models.segments import classification_loss
from affectssm.plan.plan import Plan
from affectssm.settings.config import Config

RESULT = RESULTS / "full_size.md"
TABLES = ("results/tables/bimtta_accuracy.csv", "results/tables/bimtta_missing.csv")
SUBJECTS = {"deap": 32, "mahnob": 27}
TRIALS = {"deap": 40, "mahnob": 20}
SECONDS = {"deap": 60.0, "mahnob": 81.0}
RATE = {"deap": 128.0, "mahnob": 256.0}
FLOAT = 4


def segments(corpus: str, config: Config) -> int:
    """Segments a trial."""
    return int(SECONDS[corpus] / config.biosignals.epochs.length_s)


def channels(corpus: str, config: Config) -> dict[str, int]:
    """Channels of every modality that models see."""
    return {name: len(LEADS[corpus][name]) for name in getattr(config.biosignals.modalities, corpus)}


# -- jobs ----------------------------------------------------------------------------------------------------


def rows_of(corpus: str, shards: int) -> list[StreamRow]:
    """Manifest rows of a made-up corpus."""
    frames = round(SECONDS[corpus] * RATE[corpus])
    rows = []
    for subject in (f"s{number:02d}" for number in range(1, SUBJECTS[corpus] + 1)):
        for trial in range(1, TRIALS[corpus] + 1):
            for kind, leads in (*LEADS[corpus].items(), ("ratings", ("one",))):
                own = (f"{subject}_v{trial:02d}", subject, kind, f"{subject}.dat", "root", RATE[corpus])
                size = (1 if kind == "ratings" else frames, len(leads), SECONDS[corpus], 1)
                rest = (f"sha256:{trial}", subject, "", shard_of(subject, shards))
                rows.append(StreamRow(corpus, "all", *own, *size, *rest))
    return rows


def jobs(folder: Path) -> dict[str, int]:
    """Rule -> jobs that ``snakemake -n`` plans."""
    given = {"scale": "paper", "corpora": {corpus: {"root": str(folder / corpus)} for corpus in SUBJECTS}}
    settings = Plan(given).places.settings_of
    rows = {corpus: rows_of(corpus, settings(corpus).shards) for corpus in SUBJECTS}
    return planned_jobs(folder, given, rows, TABLES)


# -- hours ---------------------------------------------------------------------------------------------------


def signals(shape: Mapping[str, int], count: int) -> dict[str, Tensor]:
    """Random segments of 4 s at 128 Hz."""
    return {name: torch.randn(count, c, 512) for name, c in shape.items()}


def step_seconds(model: str, shape: Mapping[str, int], config: Config, rounds: int) -> float:
    """Seconds of a training step on a whole batch."""
    asked = config.biosignals
    built = segment_model(model, getattr(asked, model), shape, 128.0, 512)
    optimiser = torch.optim.Adam(built.parameters(), lr=asked.training.learning_rate)
    given, labels = signals(shape, asked.training.batch), torch.arange(asked.training.batch) % 2

    def step() -> None:
        optimiser.zero_grad()
        classification_loss(built(given), labels, 0.3).backward()
        optimiser.step()

    return seconds(step, rounds)


def stream_seconds(corpus: str, config: Config, rounds: int) -> float:
    """Seconds that all methods take for one fold, pattern and ratio."""
    asked, shape = config.biosignals, channels(corpus, config)
    count = TRIALS[corpus] // asked.protocol.folds * segments(corpus, config)
    given, size = signals(shape, count), asked.adaptation.batch
    names = [str(number) for number in range(count)]
    masked = draw(names, shape, 512, 0.6, 0).apply(given, names)
    batches = [{name: x[at : at + size] for name, x in masked.items()} for at in range(0, count, size)]
    methods = [
        build_method(
            name,
            segment_model("bimamba_tta", asked.bimamba_tta, shape, 128.0, 512),
            asked.adaptation,
            [given],
        )
        for name in asked.methods
    ]
    return seconds(lambda: [run_stream(method, batches) for method in methods], rounds)


def hours(config: Config, rounds: int) -> dict[str, float]:
    """What -> core hours over both corpora."""
    asked, found = config.biosignals, {}
    runs = {corpus: SUBJECTS[corpus] * len(DIMENSIONS) * len(asked.seeds) for corpus in SUBJECTS}
    for model in asked.models:
        total = 0.0
        for corpus in SUBJECTS:
            learnt = TRIALS[corpus] * (1 - 1 / asked.protocol.folds) * segments(corpus, config)
            steps = -(-learnt // asked.training.batch) * asked.training.epochs * asked.protocol.folds
            total += runs[corpus] * steps * step_seconds(model, channels(corpus, config), config, rounds)
        found[f"training {model}"] = total / 3600
    cells = len(asked.missing.patterns) * len(asked.missing.ratios) * asked.protocol.folds
    adapting = {corpus: stream_seconds(corpus, config, max(1, rounds // 3)) for corpus in SUBJECTS}
    found["adaptation, all methods"] = sum(runs[c] * cells * adapting[c] for c in SUBJECTS) / 3600
    return found


# -- disk ----------------------------------------------------------------------------------------------------


def disk(config: Config) -> dict[str, float]:
    """What -> bytes over both corpora."""
    asked, found = (
        config.biosignals,
        dict.fromkeys(("signals", "epochs", "masks", "checkpoints", "answers"), 0.0),
    )
    for corpus in SUBJECTS:
        trials, wide = SUBJECTS[corpus] * TRIALS[corpus], sum(len(leads) for leads in LEADS[corpus].values())
        count, seen = trials * segments(corpus, config), channels(corpus, config)
        found["signals"] += trials * SECONDS[corpus] * RATE[corpus] * (wide * FLOAT + len(LEADS[corpus]) * 9)
        found["epochs"] += count * wide * 512 * FLOAT
        bits = {"modality": len(seen), "channel": sum(seen.values()), "sample": 512 * sum(seen.values())}
        units = sum(bits[pattern] for pattern in asked.missing.patterns)
        found["masks"] += count * len(asked.missing.ratios) * len(asked.seeds) * units / 8
        trained = SUBJECTS[corpus] * asked.protocol.folds * len(DIMENSIONS) * len(asked.seeds)
        for model in asked.models:
            built = segment_model(model, getattr(asked, model), seen, 128.0, 512)
            size = sum(t.numel() * t.element_size() for t in built.state_dict().values())
            found["checkpoints"] += trained * (size + 2 * 8 * sum(seen.values()))
        streams = len(asked.missing.patterns) * len(asked.missing.ratios) * len(asked.methods)
        answers = len(asked.models) + streams
        found["answers"] += count * len(DIMENSIONS) * len(asked.seeds) * answers * 8
    return found


def main() -> None:
    """Count, measure, and write the page."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true")
    rounds = 1 if asked.parse_args().quick else 3
    torch.set_num_threads(1)
    config = load_config({"scale": "paper"})
    with tempfile.TemporaryDirectory() as name:
        planned = jobs(Path(name))
    text = page(config, planned, hours(config, rounds), disk(config))
    if rounds > 1:
        RESULT.write_text(text, encoding="utf-8")
    print(text)


def page(
    config: Config, planned: Mapping[str, int], spent: Mapping[str, float], held: Mapping[str, float]
) -> str:
    """The page."""
    asked = config.biosignals
    trained = sum(SUBJECTS.values()) * len(DIMENSIONS) * asked.protocol.folds * len(asked.seeds)
    lines = [
        "# The full-size plan of the tables of bio-signals",
        "",
        f"Written by `python benchmarks/full_size.py` on {processor()}, "
        f"{versions()}; an estimate, nothing of it was run.",
        "",
        f"{SUBJECTS['deap']} + {SUBJECTS['mahnob']} subjects, {len(DIMENSIONS)} labels, {asked.protocol.folds} folds "
        f"within each subject, {len(asked.seeds)} seeds: {trained:,} trainings of each of {len(asked.models)} models, "
        f"{asked.training.epochs} epochs each; {len(asked.missing.patterns)} patterns, "
        f"{len(asked.missing.ratios)} ratios and {len(asked.methods)} methods of adaptation.",
        "",
        "`snakemake -n results/tables/bimtta_accuracy.csv results/tables/bimtta_missing.csv`, 16 shards a corpus:",
        "",
        "| rule | jobs |",
        "|---|---|",
        *(f"| {rule} | {count} |" for rule, count in planned.items()),
        "",
        "Core hours, from steps and streams timed on one thread (the choice of constants comes on top: two subjects "
        "and one seed of each corpus):",
        "",
        "| what | core hours |",
        "|---|---|",
        *(f"| {what} | {value:.0f} |" for what, value in spent.items()),
        f"| together | {sum(spent.values()):.0f} |",
        "",
        "Disk:",
        "",
        "| what | GB |",
        "|---|---|",
        *(f"| {what} | {value / 1e9:.2f} |" for what, value in held.items()),
        f"| together | {sum(held.values()) / 1e9:.1f} |",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
