"""From predictions to metrics.parquet; the only stage that opens labels of test parts.

The parts of a division report different recordings, which are scored together: each is predicted once a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import (
    Expected,
    Part,
    Run,
    Seat,
    files_of_labels,
    read_expected,
    read_labels,
    read_run,
)
from affectssm.evaluation.frame_rows import ordered, write_metrics
from affectssm.evaluation.frame_scores import score_cell
from affectssm.families.recordings.run_settings import EvaluationSettings
from affectssm.families.recordings.stages.frames import CORPUS, LABELS
from affectssm.families.recordings.stages.people import read_division
from affectssm.families.recordings.stages.scores import rows_of
from affectssm.families.recordings.stages.traces import write_traces
from affectssm.store.card import make_card, read_card

TAIL = 0  # label frames by which predictions may end early: windows are as long as the labels
REPORTED = "reported"


def evaluate(
    settings: EvaluationSettings,
    predictions: Sequence[Path],
    features: Sequence[Path],
    manifests: Sequence[Path],
    missing: Path,
    windows: Path,
    out: Path,
    traces: Path,
) -> None:
    """Score an experiment.

    Args:
        settings: of the evaluation.
        predictions: predictions.parquet of every part and seed.
        features: ``results/features/{corpus}-{edition}`` of the corpus; its labels are read.
        manifests: manifest.parquet of the corpus; it says who has labels.
        missing: missing.parquet of the task: who could not be predicted, and why.
        windows: ``results/windows/{task}``, which says what each part reports.
        out: metrics.parquet.
        traces: traces.parquet: labels and predictions over time, for the figure.

    Raises:
        DataError: when a part or a seed is missing, doubled or unknown, or a participant was predicted twice.
    """
    division = read_division(windows)
    expected = labelled_alone(manifests, missing, {name for part in division.values() for name in part.report})
    part = next(iter(expected.seats))
    labels = files_of_labels(features, LABELS, expected.shards)
    runs, truth = {}, {}
    for number, name in enumerate(settings.columns):
        column = name if len(settings.columns) > 1 else ""
        truth[name] = read_labels(labels, number).get(CORPUS, {})
        found = [read_run(path, column) for path in predictions]
        _require_parts(found, list(division), settings.seeds, out)
        runs[name] = ordered([_joined(found, seed, part, out) for seed in settings.seeds], settings.seeds, out)
    cells = {
        name: score_cell(part, expected, truth[name], own, "by_frame", TAIL) for name, own in runs.items()
    }
    rows = rows_of(settings.experiment, part, cells, runs[settings.columns[0]])
    card = make_card(
        "recordings/evaluate",
        [__name__],
        settings.told(),
        inputs=[*predictions, *labels, *manifests, missing],
        runs=[read_card(path) for path in predictions],
    )
    first = {name: own[0].parts[part] for name, own in runs.items()}
    write_traces(traces, min(settings.seeds), truth, first, _rates(manifests), card)
    write_metrics(out, rows, card)


def labelled_alone(manifests: Sequence[Path], missing: Path, reported: set[str]) -> Expected:
    """Return what is expected: everybody with labels in the recordings that are reported, as one part."""
    found = read_expected(manifests, missing)
    part = (CORPUS, REPORTED)
    seats: dict[str, list[str]] = {}
    for path in manifests:
        for row in read_manifest(path):
            if row.kind == "annotation" and row.recording in reported:
                seats.setdefault(row.recording, []).append(row.participant)
    left_out = {
        (*part, recording, who): why
        for (_, _, recording, who), why in found.left_out.items()
        if who in seats.get(recording, ())
    }
    return Expected(
        {part: {recording: sorted(set(people)) for recording, people in sorted(seats.items())}},
        found.shards,
        left_out,
    )


def _require_parts(runs: Sequence[Run], parts: Sequence[str], seeds: Sequence[int], out: Path) -> None:
    found = sorted((run.fold, run.seed) for run in runs)
    if found != sorted((part, seed) for part in parts for seed in seeds):
        raise DataError(
            out,
            "predictions of " + ", ".join(f"{part} seed {seed}" for part, seed in found),
            f"parts {', '.join(parts)} with seeds {list(seeds)}, once each",
            "run snakemake again, which trains what is missing",
        )


def _joined(runs: Sequence[Run], seed: int, part: Part, out: Path) -> Run:
    """The predictions of all parts with a seed, as one run."""
    tracks: dict[Seat, NDArray[np.float64]] = {}
    for run in runs:
        if run.seed != seed:
            continue
        for own in run.parts.values():
            if twice := sorted(set(tracks) & set(own)):
                raise DataError(
                    out, f"{'/'.join(twice[0])} predicted by two parts", "once", "make the windows again"
                )
            tracks |= own
    return Run("+".join(sorted({run.fold for run in runs})), seed, {part: tracks})


def _rates(manifests: Sequence[Path]) -> dict[Seat, float]:
    rows = (row for path in manifests for row in read_manifest(path))
    return {(row.recording, row.participant): row.rate for row in rows if row.kind == "annotation"}
