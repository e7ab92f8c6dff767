"""From predictions to metrics.parquet: CCC of valence and of arousal in every fold, and their mean.

Beside it the traces of three people of the official split, for the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectssm.evaluation.frame_reading import (
    Expected,
    Labels,
    Part,
    Run,
    Seat,
    files_of_labels,
    read_expected,
    read_labels,
    read_run,
)
from affectssm.evaluation.frame_rows import cell_rows, ordered, seed_rows, write_metrics
from affectssm.evaluation.frame_scores import BOUNDS, METRICS, Cell, score_cell
from affectssm.evaluation.intervals import NO_SCORE, jackknife_interval, summarise
from affectssm.families.video.run_settings import EvaluationSettings
from affectssm.families.video.stages.folds import OFFICIAL, reported
from affectssm.families.video.stages.frames import COLUMNS, CORPUS, LABEL, LABELLED, LABELLED_SPLITS
from affectssm.families.video.stages.guard import refuse_run
from affectssm.families.video.stages.traces import write_traces
from affectssm.store.card import make_card, read_card
from affectssm.timeline.index import Target, read_windows

TAIL = 0  # label frames by which predictions may end early: windows are as long as the annotation


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
    """Score an experiment fold by fold.

    Args:
        settings: of the evaluation.
        predictions: predictions.parquet of every fold and seed.
        features: ``results/features/{corpus}-{edition}`` of the corpus; its labels are read.
        manifests: manifest.parquet of the corpus; it says which recordings are expected.
        missing: missing.parquet of the task: who could not be predicted, and why.
        windows: ``results/windows/{task}``, which says who can be learnt from and so who is in which fold.
        out: metrics.parquet.
        traces: traces.parquet.

    Raises:
        ConfigError: for a run with features of an encoder that saw what its fold reports.
        DataError: when a seed of a fold is missing, doubled or unknown.
    """
    expected = read_expected(manifests, missing)
    labels = files_of_labels(features, (LABEL,), expected.shards)
    truth = [read_labels(labels, column).get(CORPUS, {}) for column in range(len(COLUMNS))]
    runs = [[read_run(path, column) for path in predictions] for column in COLUMNS]
    rows: list[dict[str, Any]] = []
    official: list[dict[Seat, NDArray[np.float64]]] = [{} for _ in COLUMNS]
    targets = read_windows(windows / LABELLED).targets
    cards = {path: read_card(path) for path in predictions}
    for fold in settings.folds:
        part = (CORPUS, f"fold{fold}")
        asked = _of_fold(expected, targets, part, fold, settings.cross_folds)
        for path, made in cards.items():
            if made and made["extra"].get("fold") == part[1]:
                refuse_run(made, asked.seats[part], path)
        own = [
            [_of_part(run, part) for run in ordered(_of(column, part[1]), settings.seeds, out)]
            for column in runs
        ]
        rows += _fold_rows(settings.experiment, part, asked, truth, own)
        official = [of_column[0].parts[part] for of_column in own] if fold == OFFICIAL else official
    card = make_card(
        "video/evaluate",
        [__name__],
        settings.told(),
        inputs=[*predictions, *labels, *manifests, missing],
        runs=list(cards.values()),
    )
    rates = {(one.recording, one.participant): one.label_hz for one in targets if one.split == "val"}
    write_traces(traces, settings.seeds[0], truth, official, rates, card)
    write_metrics(out, rows, card)


def _fold_rows(
    experiment: str,
    part: Part,
    asked: Expected,
    truth: Sequence[Mapping[Seat, Labels]],
    runs: Sequence[Sequence[Run]],
) -> list[dict[str, Any]]:
    """Rows of a fold: of each column, given its labels and its runs, and of the mean of both."""
    cells = [
        score_cell(part, asked, labels, own, "by_frame", TAIL)
        for labels, own in zip(truth, runs, strict=True)
    ]
    rows: list[dict[str, Any]] = []
    for name, cell, own in zip(COLUMNS, cells, runs, strict=True):
        called = dict(zip(METRICS, (name, f"{name}_video"), strict=True))
        rows += cell_rows(experiment, part[1], part, cell, own, called)
    return rows + _mean_rows(experiment, part, cells, runs[0])


def _of(runs: Sequence[Run], fold: str) -> list[Run]:
    return [run for run in runs if run.fold == fold]


def _of_part(run: Run, part: Part) -> Run:
    """A run whose predictions of labelled videos are those of one part, whatever split the owner puts them in."""
    tracks = {
        seat: track
        for (_, split), own in run.parts.items()
        if split in LABELLED_SPLITS
        for seat, track in own.items()
    }
    return replace(run, parts={part: tracks})


def _of_fold(
    expected: Expected, targets: Sequence[Target], part: Part, fold: int, cross_folds: int
) -> Expected:
    """What is expected of a fold; who could not be predicted belongs to the official one, where the owner says so."""
    seats = {
        recording: people
        for split in LABELLED_SPLITS
        for recording, people in expected.seats.get((CORPUS, split), {}).items()
    }
    if fold == OFFICIAL:
        kept = set(expected.seats.get((CORPUS, "val"), {}))
    else:
        kept = reported(targets, fold, cross_folds)
    left_out = {
        (*part, recording, who): why
        for (corpus, _, recording, who), why in expected.left_out.items()
        if corpus == CORPUS and recording in kept
    }
    own = {recording: people for recording, people in sorted(seats.items()) if recording in kept}
    return Expected({part: own}, expected.shards, left_out)


def _mean_rows(
    experiment: str, part: Part, cells: Sequence[Cell], runs: Sequence[Run]
) -> list[dict[str, Any]]:
    """Rows of the mean of valence and arousal, by all frames and by video."""
    rows = []
    reason = next((cell.reason for cell in cells if cell.reason), "")
    for metric, called in zip(METRICS, ("average", "average_video"), strict=True):
        per_seed, score = [float("nan")] * len(runs), NO_SCORE
        if not reason:
            per_seed = [float(v) for v in np.mean([cell.values(metric) for cell in cells], axis=0)]
            without = np.mean([cell.without[metric] for cell in cells], axis=0)
            score = summarise(per_seed, jackknife_interval(sum(per_seed) / len(per_seed), [without], BOUNDS))
        shared = {
            "experiment": experiment,
            "cell": part[1],
            "corpus": part[0],
            "split": part[1],
            "metric": called,
            "n_used": min(cell.n_whole for cell in cells),
            "n_expected": cells[0].n_expected,
            "missing": [str(gap) for gap in cells[0].missing],
            "reason": reason,
        }
        rows += seed_rows(shared, per_seed, score, runs)
    return rows
