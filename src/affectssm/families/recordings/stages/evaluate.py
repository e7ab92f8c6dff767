"""From predictions to metrics.parquet; the only stage that opens labels of test parts.

The parts of a division report different recordings, which are scored together: each is predicted once a seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affectssm.corpora.manifest import is_test_split, read_manifest
from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import (
    Expected,
    Labels,
    Part,
    Run,
    Seat,
    files_of_labels,
    read_expected,
    read_run,
)
from affectssm.evaluation.frame_rows import ordered, write_metrics
from affectssm.evaluation.frame_scores import score_cell
from affectssm.families.recordings.run_settings import EvaluationSettings
from affectssm.families.recordings.stages.frames import CORPUS, LABELS, length, placed
from affectssm.families.recordings.stages.people import read_division
from affectssm.families.recordings.stages.scores import rows_of
from affectssm.families.recordings.stages.traces import write_traces
from affectssm.store.card import make_card, read_card
from affectssm.store.shards import ShardReader

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
    expected = labelled_alone(
        manifests, missing, {name for part in division.values() for name in part.report}
    )
    part = next(iter(expected.seats))
    labels = label_files(features, manifests)
    tracks = _read_labels(labels, _frames(manifests))
    runs, truth = {}, {}
    for number, name in enumerate(settings.columns):
        column = name if len(settings.columns) > 1 else ""
        truth[name] = _column(tracks, number)
        found = [read_run(path, column) for path in predictions]
        _require_parts(found, list(division), settings.seeds, out)
        runs[name] = ordered(
            [_joined(found, seed, part, out) for seed in settings.seeds], settings.seeds, out
        )
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
    rates = {seat: rate for seat, (_, rate) in _frames(manifests).items()}
    write_traces(traces, min(settings.seeds), truth, first, rates, card)
    write_metrics(out, rows, card)


def label_files(features: Sequence[Path], manifests: Sequence[Path]) -> list[Path]:
    """Return the label files of the shards that have labels of test parts, or of others."""
    rows = [row for path in manifests for row in read_manifest(path) if row.kind == "annotation"]
    found = []
    for feature, tests in zip(LABELS, (False, True), strict=True):
        shards = {row.shard for row in rows if is_test_split(row.split) is tests}
        found += files_of_labels(features, (feature,), {CORPUS: shards})
    return found


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


def _frames(manifests: Sequence[Path]) -> dict[Seat, tuple[int, float]]:
    """Of everybody with labels: how many label frames there are, and how many make a second."""
    rows = [row for path in manifests for row in read_manifest(path) if row.kind == "annotation"]
    return {(row.recording, row.participant): length([row]) for row in rows}


def _read_labels(
    files: Sequence[Path], frames: Mapping[Seat, tuple[int, float]]
) -> dict[Seat, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Labels by frame, (T, C) and valid (T,), of those who have a valid one."""
    found = {}
    for path in files:
        with ShardReader(path) as reader:
            for seat in reader.keys():  # noqa: SIM118 - not a mapping
                if seat in frames:
                    count, rate = frames[seat]
                    value, valid = placed(reader.track(*seat), rate, count)
                    if valid.any():
                        found[seat] = value, valid
    return found


def _column(
    tracks: Mapping[Seat, tuple[NDArray[np.float32], NDArray[np.bool_]]], number: int
) -> dict[Seat, Labels]:
    return {
        seat: Labels(value[:, number].astype(np.float64), valid) for seat, (value, valid) in tracks.items()
    }
