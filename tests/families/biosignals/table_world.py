"""Tables of trials out of metrics that the evaluation made of made-up answers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from answer_world import (
    METHODS,
    PATTERNS,
    RATIOS,
    SUBJECTS,
    segments,
    settings,
    spread,
    write_adapted,
    write_chosen,
    write_epochs,
    write_predictions,
)
from answer_world import told as told_of

from affectssm.families.biosignals.catalogue import table_settings
from affectssm.families.biosignals.stages.evaluate import evaluate, evaluate_adaptation
from affectssm.families.configuration import load_config
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog
from affectssm.tables.build import build_table

CORPORA, DIMENSIONS = ("deap", "mahnob"), ("valence", "arousal")
MODELS = ("bimamba_tta", "tsception", "lggnet", "mambaformer")
SEEDS = (1, 2)
ORACLE = {
    "within": {
        "undone": {"valence": 0.97, "arousal": 0.95},
        "baseline": {"valence": 0.9, "arousal": 0.9},
        "as_recorded": {"valence": 0.78, "arousal": 0.81},
    }
}


def told(table: str, **changes: Any) -> dict[str, Any]:
    """What the catalogue tells the builder of a table."""
    config = load_config({"biosignals": {"missing": {"ratios": RATIOS, "control": False}}})
    own = table_settings(config, table)
    return own | {"edition": "demo physio", "seeds": list(SEEDS)} | changes


def accuracy_metrics(
    folder: Path, model: str, corpora: Sequence[str] = CORPORA, level: float = 0.85,
    subjects: Sequence[str] = SUBJECTS, variant: str = "",
) -> list[Path]:  # fmt: skip
    """Metrics of a model on all targets; subjects and seeds spread around ``level``."""
    found = []
    for corpus in corpora:
        epochs = write_epochs(folder / "epochs", corpus)
        for dimension in DIMENSIONS:
            own = settings(corpus, dimension, f"{model}+{variant}" if variant else model)
            out = folder / own["experiment"] / "metrics.parquet"
            files = []
            for seed in SEEDS:
                share = {s: level + 0.2 * (spread(model, corpus, dimension, s, seed) - 0.5) for s in subjects}
                files.append(
                    write_predictions(
                        folder / own["experiment"] / "s00" / str(seed) / "predictions.parquet", own, seed,
                        segments(subjects), lambda segment, share=share: spread(*segment, "x") < share[segment[0]],
                    )
                )  # fmt: skip
            evaluate(told_of(own), epochs, files, out)
            found.append(out)
    return found


def effect(method: str, pattern: str, ratio: float, subject: str) -> float:
    """Accuracy falls with the ratio; some methods help a little, some subjects more than others."""
    base = {"modality": 0.9, "channel": 0.92, "sample": 0.95}[pattern] - 0.45 * ratio
    help_ = {"none": 0.0, "tent": -0.08, "eata": 0.0, "read": 0.04, "tltta": 0.05, "bim_tta": 0.1}[method]
    own = spread(subject, pattern) - 0.5
    return min(1.0, max(0.0, base + 0.1 * own + help_ * (1 + 1.5 * own) * (0.5 + ratio)))


def adapted_metrics(
    folder: Path, corpora: Sequence[str] = CORPORA, accuracy: Callable[[str, str, float, str], float] = effect,
    ratios: Sequence[float] = RATIOS, development: Sequence[str] = ("s04",),
    subjects: Sequence[str] = SUBJECTS, control: bool = False, **choice: Any,
) -> list[Path]:  # fmt: skip
    found = []
    for corpus in corpora:
        epochs = write_epochs(folder / "epochs", corpus, {"s00": subjects})
        chosen = write_chosen(folder / corpus / "chosen.json", corpus, development, **choice)
        for dimension in DIMENSIONS:
            own = settings(corpus, dimension)
            runs = folder / own["experiment"] / "s00"
            pairs = [
                write_adapted(
                    runs / str(seed), own, seed, segments(subjects),
                    lambda m, p, r, s, key=(corpus, dimension, seed): accuracy(m, p, r, s)
                    + 0.06 * (spread(*key) - 0.5),
                    METHODS, PATTERNS, ratios, control,
                )
                for seed in SEEDS
            ]  # fmt: skip
            out = runs.parent / "adapted.parquet"
            adapted, streams = ([pair[at] for pair in pairs] for at in (0, 1))
            evaluate_adaptation(told_of(own), epochs, adapted, streams, chosen, out)
            found.append(out)
    return found


LAW = {"visit_drift": {"deap": {"gain": 0.5}, "mahnob": {}}}


def corpus_folders(folder: Path, corpora: Sequence[str] = CORPORA, oracle: bool = True) -> list[Path]:
    """Folders of corpora with one fault in the manifest of the first."""
    folders = [folder / "corpora" / f"{corpus}-physio" for corpus in corpora]
    for own in folders:
        write_json(own / "shards.json", {"shards": {"s00": {}}, "splits": {}})
        log = FaultLog(own.name)
        if own == folders[0]:
            log.add("signal_idle", action="masked", recording="s01_v01", participant="s01")
        log.write(own / "faults.parquet", make_card("x", ["affectssm.errors"], {}))
    if oracle:
        write_json(folder / "demo/physio/truth/oracle.json", dict.fromkeys(CORPORA, ORACLE) | {"law": LAW})
    return folders


def built(
    folder: Path, table: str, metrics: Sequence[Path], corpora: Sequence[str] = CORPORA, out: str = "tables",
    oracle: bool = True, **changes: Any,
) -> list[dict[str, str]]:  # fmt: skip
    folders = corpus_folders(folder, corpora, oracle)
    path = build_table(table, told(table, **changes), metrics, folders, [], folder / out)
    return list(csv.DictReader(path.read_text().splitlines()))
