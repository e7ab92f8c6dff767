"""From answers to trials to metrics: the only stage of this road that compares answers with labels.

A subject's accuracy is the share of its tested segments, over all folds, that were answered rightly. ``level =
subject`` rows hold it, ``run`` rows its mean over subjects for one seed, ``summary`` rows what a table prints: the mean
over seeds, its sd, the 95 % interval over subjects, and how many subjects were scored of how many expected. An
improvement is 100 times the accuracy of a method minus that of ``none``, on the same segments with the same gaps.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.errors import DataError
from affectssm.evaluation.trial_reading import (
    PLAIN,
    Truth,
    read_outcomes,
    read_truth,
    require_seeds,
    seed_of,
)
from affectssm.evaluation.trial_scores import SCHEMA, Scores, Sheet, by_pattern, require_same_segments, score
from affectssm.settings.trials import ProtocolSettings
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet, write_parquet

NONE = "none"  # the method that does not adapt
TOTALS = ("segments", "batches", "updates", "used", "refused")
MEANS = ("majority_share", "mean_entropy", "collapsed")
STREAM_METRICS = ("streams", *TOTALS, *MEANS)
MODULES = ["affectssm.evaluation.trials"]


def evaluate_trials(
    settings: Mapping[str, Any], epochs: Sequence[Path], predictions: Sequence[Path], out: Path
) -> None:
    """Score an experiment.

    Args:
        settings: experiment, corpus, dimension, seeds, protocol.
        epochs: ``{shard}.h5`` (the index is read, which lies beside it) or ``{shard}.parquet`` of all shards.
        predictions: predictions.parquet of every part and seed.
        out: the metrics to write.

    Raises:
        DataError: when a seed is missing or unknown, a segment is tested twice or unknown, or a file belongs to another
            experiment.
    """
    truth = _truth(settings, epochs)
    scores = score(truth, read_outcomes(settings, predictions, truth, out))
    sheet = Sheet(settings, scores)
    sheet.add_counted(PLAIN)
    sheet.add_values("majority", PLAIN, _majority(truth, scores))
    _write(settings, sheet, out, [*_indexes(epochs), *predictions], predictions, "evaluation/trials")


def evaluate_adaptation(
    settings: Mapping[str, Any],
    epochs: Sequence[Path],
    adapted: Sequence[Path],
    streams: Sequence[Path],
    chosen: Path,
    out: Path,
) -> None:
    """Score an experiment's adaptation to missing data, against no adaptation, paired by subject and seed.

    Args:
        settings: as in ``evaluate_trials``.
        epochs: as in ``evaluate_trials``.
        adapted: adapted.parquet of every part and seed.
        streams: streams.parquet of every part and seed.
        chosen: ``choose.choose``'s chosen.json; its ``development_subjects`` (``{corpus}/{subject}``) are not scored.
        out: the metrics to write.

    Raises:
        DataError: as ``evaluate_trials``, and when ``none`` is not among the methods, methods answered different
            segments, or a development subject is unknown.
    """
    choice, truth = _choice(chosen), _truth(settings, epochs)
    left_out = _development_subjects(choice, truth, settings["corpus"], chosen)
    outcomes = read_outcomes(settings, adapted, truth, out)
    require_same_segments(outcomes, truth, out)
    scores = score(truth, outcomes, left_out)
    sheet = Sheet(settings, scores)
    for cell in scores.cells:
        sheet.add_counted(cell)
    _add_improvements(sheet, scores, out)
    _add_streams(sheet, settings, streams, left_out, out)
    inputs = [*_indexes(epochs), *adapted, *streams, chosen]
    _write(settings, sheet, out, inputs, adapted, "evaluation/adaptation", chosen=choice)


def _truth(settings: Mapping[str, Any], epochs: Sequence[Path]) -> Truth:
    protocol = ProtocolSettings.model_validate(settings["protocol"])
    return read_truth(epochs, settings["corpus"], settings["dimension"], protocol)


def _indexes(epochs: Sequence[Path]) -> list[Path]:
    return [path.with_suffix(".parquet") for path in epochs]


def _majority(truth: Truth, scores: Scores) -> np.ndarray:
    """(S, U) what always answering a subject's more frequent class would score; the same for every seed."""
    high = truth.per_subject(truth.high == 1)[np.isin(truth.subjects, scores.subjects)]
    return np.tile(np.maximum(high, scores.rated - high) / scores.rated, (len(scores.seeds), 1))


def _choice(path: Path) -> dict[str, Any]:
    """What was chosen, and on whom."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in ("chosen", "development_subjects")} | {
            "reason": found.get("reason", "")  # why the authors' constants stand
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            path, f"not readable: {error}", "chosen.json of a finished choice", "choose again"
        ) from error


def _development_subjects(choice: Mapping[str, Any], truth: Truth, corpus: str, path: Path) -> list[str]:
    """The names, within the corpus, of those who chose."""
    known = {f"{corpus}/{name}": name for name in truth.subjects}
    if unknown := [name for name in choice["development_subjects"] if name not in known]:
        raise DataError(path, f"development subject {unknown[0]}", f"subjects of {corpus}", "choose again")
    return [known[name] for name in choice["development_subjects"]]


def _add_improvements(sheet: Sheet, scores: Scores, out: Path) -> None:
    """Every method against none: by ratio, and the mean over the ratios."""
    cells = by_pattern(scores.cells)
    place = {cell: at for at, cell in enumerate(scores.cells)}
    for (method, pattern), own in cells.items():
        if method == NONE:
            continue
        gains = []
        for cell in own:
            plain = place.get((NONE, pattern, cell[2]))
            if plain is None:
                raise DataError(
                    out, f"{pattern} {cell[2]:g} without {NONE}", f"{NONE} beside {method}", "adapt again"
                )
            gains.append(100 * (scores.accuracy[:, place[cell]] - scores.accuracy[:, plain]))
            sheet.add_values("improvement", cell, gains[-1])
        sheet.add_values("improvement", (method, pattern, float("nan")), np.mean(gains, axis=0))


def _add_streams(
    sheet: Sheet, settings: Mapping[str, Any], files: Sequence[Path], left_out: Sequence[str], out: Path
) -> None:
    """What the methods did, by method and pattern over all folds, ratios and seeds: totals, means, share collapsed."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    seeds = {}
    for path in files:
        seeds[seed_of(path, settings)] = path
        for row in read_parquet(path).to_pylist():
            if row["subject"] not in left_out:
                found[row["method"], row["pattern"]].append(row)
    require_seeds(settings, seeds, out)
    for (method, pattern), rows in sorted(found.items()):
        numbers = {"streams": float(len(rows))}
        numbers |= {name: float(sum(row[name] for row in rows)) for name in TOTALS}
        numbers |= {name: float(np.mean([row[name] for row in rows])) for name in MEANS}
        for name in STREAM_METRICS:
            sheet.add("streams", name, (method, pattern, float("nan")), value=numbers[name])
    _add_shares(sheet, [row for rows in found.values() for row in rows if row["method"] == NONE])


def _add_shares(sheet: Sheet, streams: Sequence[Mapping[str, Any]]) -> None:
    """The share of the units that is really missing, by pattern and ratio; the same for every method."""
    found: dict[tuple[str, float], list[tuple[float, int]]] = defaultdict(list)
    for row in streams:
        found[row["pattern"], row["ratio"]].append((row["missing_share"], row["segments"]))
    for (pattern, ratio), parts in sorted(found.items()):
        shares, weights = zip(*parts, strict=True)
        value = float(np.average(shares, weights=weights))
        sheet.add("masks", "missing_share", ("", pattern, ratio), value=value, segments=sum(weights))


def _write(
    settings: Mapping[str, Any],
    sheet: Sheet,
    out: Path,
    inputs: Sequence[Path],
    runs: Sequence[Path],
    stage: str,
    **extra: Any,
) -> None:
    card = make_card(
        stage, MODULES, dict(settings), inputs=inputs, runs=[read_card(path) for path in runs], **extra
    )
    columns = {name: [row[name] for row in sheet.rows] for name in SCHEMA.names}
    write_parquet(out, columns, SCHEMA, card)
