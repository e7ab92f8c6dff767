"""From answers to trials to metrics: the only stage that compares answers with labels.

A subject's accuracy is the share of its tested segments, over all folds, that were answered rightly. ``level =
subject`` rows hold it, ``run`` rows its mean over subjects for one seed, ``summary`` rows what a table prints: the mean
over seeds, its sd, the 95 % interval over subjects, and how many subjects were scored of how many expected. An
improvement is 100 times the accuracy of a method minus that of ``none``, on the same segments with the same gaps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.errors import DataError
from affectssm.evaluation.answers import (
    PLAIN,
    Asked,
    Truth,
    read_outcomes,
    read_truth,
    require_seeds,
    seed_of,
)
from affectssm.evaluation.group_scores import SHARE, Scores, Sheet, by_pattern, require_same_segments, score
from affectssm.families.biosignals.run_settings import EvaluationSettings
from affectssm.families.biosignals.stages.chosen import Chosen, read_chosen
from affectssm.families.biosignals.stages.format import EPOCHS
from affectssm.families.biosignals.stages.labels import high
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet, write_parquet

NONE = "none"  # the method that does not adapt
TOTALS = ("segments", "batches", "updates", "used", "refused")
MEANS = ("majority_share", "mean_entropy", "collapsed")
POINTS = (-100.0, 100.0)
STREAM_METRICS = ("streams", *TOTALS, *MEANS)
MODULES = ["affectssm.families.biosignals.stages.evaluate"]


def evaluate(
    settings: EvaluationSettings, segments: Sequence[Path], predictions: Sequence[Path], out: Path
) -> None:
    """Score an experiment.

    Args:
        settings: of the experiment.
        segments: ``{shard}.h5`` (the index is read, which lies beside it) or ``{shard}.parquet`` of all shards.
        predictions: predictions.parquet of every part and seed.
        out: the metrics to write.

    Raises:
        DataError: when a seed is missing or unknown, a segment is tested twice or unknown, or a file belongs to another
            experiment.
    """
    truth = _truth(settings, segments)
    scores = score(truth, read_outcomes(_asked(settings), predictions, truth, out))
    sheet = _sheet(settings, scores)
    sheet.add_counted("accuracy", PLAIN)
    sheet.add_values("majority", PLAIN, _majority(truth, scores), SHARE)
    _write(settings, sheet, out, [*_indexes(segments), *predictions], predictions, "evaluation/trials")


def evaluate_adaptation(
    settings: EvaluationSettings,
    segments: Sequence[Path],
    adapted: Sequence[Path],
    streams: Sequence[Path],
    chosen: Path,
    out: Path,
) -> None:
    """Score an experiment's adaptation to missing data, against no adaptation, paired by subject and seed.

    Args:
        settings: as in ``evaluate``.
        segments: as in ``evaluate``.
        adapted: adapted.parquet of every part and seed.
        streams: streams.parquet of every part and seed.
        chosen: ``choose.choose``'s chosen.json; its ``development_subjects`` (``{corpus}/{subject}``) are not scored.
        out: the metrics to write.

    Raises:
        DataError: as ``evaluate``, and when ``none`` is not among the methods, methods answered different
            segments, or a development subject is unknown.
    """
    choice, truth = read_chosen(chosen), _truth(settings, segments)
    left_out = _development_subjects(choice, truth, settings.corpus, chosen)
    outcomes = read_outcomes(_asked(settings), adapted, truth, out)
    require_same_segments(outcomes, truth, out)
    scores = score(truth, outcomes, left_out)
    sheet = _sheet(settings, scores)
    for cell in scores.cells:
        sheet.add_counted("accuracy", cell)
    _add_improvements(sheet, scores, out)
    _add_streams(sheet, settings, streams, left_out, out)
    inputs = [*_indexes(segments), *adapted, *streams, chosen]
    _write(settings, sheet, out, inputs, adapted, "evaluation/adaptation", chosen=vars(choice))


def _truth(settings: EvaluationSettings, segments: Sequence[Path]) -> Truth:
    classes = partial(high, settings=settings.protocol)
    return read_truth(_indexes(segments), settings.corpus, settings.dimension, classes, EPOCHS)


def _asked(settings: EvaluationSettings) -> Asked:
    return Asked(settings.seeds, settings.model_dump(mode="json", include={"experiment", "protocol"}))


def _sheet(settings: EvaluationSettings, scores: Scores) -> Sheet:
    shared = settings.model_dump(include={"experiment", "corpus", "dimension"})
    return Sheet(shared, EPOCHS.group, scores)


def _indexes(segments: Sequence[Path]) -> list[Path]:
    return [path.with_suffix(".parquet") for path in segments]


def _majority(truth: Truth, scores: Scores) -> np.ndarray:
    """(S, U) what always answering a subject's more frequent class would score; the same for every seed."""
    rated_high = truth.per_group(truth.classes == 1)[np.isin(truth.groups, scores.groups)]
    rated = scores.labelled
    return np.tile(np.maximum(rated_high, rated - rated_high) / rated, (len(scores.seeds), 1))


def _development_subjects(choice: Chosen, truth: Truth, corpus: str, path: Path) -> list[str]:
    """The names, within the corpus, of those who chose."""
    known = {f"{corpus}/{name}": name for name in truth.groups}
    if unknown := [name for name in choice.development_subjects if name not in known]:
        raise DataError(path, f"development subject {unknown[0]}", f"subjects of {corpus}", "choose again")
    return [known[name] for name in choice.development_subjects]


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
            gains.append(100 * (scores.shares[:, place[cell]] - scores.shares[:, plain]))
            sheet.add_values("improvement", cell, gains[-1], POINTS)
        sheet.add_values("improvement", (method, pattern, float("nan")), np.mean(gains, axis=0), POINTS)


def _add_streams(
    sheet: Sheet, settings: EvaluationSettings, files: Sequence[Path], left_out: Sequence[str], out: Path
) -> None:
    """What the methods did, by method and pattern over all folds, ratios and seeds: totals, means, share collapsed."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    seeds = {}
    for path in files:
        seeds[seed_of(path, _asked(settings))] = path
        for row in read_parquet(path).to_pylist():
            if row[EPOCHS.group] not in left_out:
                found[row["method"], row["pattern"]].append(row)
    require_seeds(_asked(settings), seeds, out)
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
    settings: EvaluationSettings,
    sheet: Sheet,
    out: Path,
    inputs: Sequence[Path],
    runs: Sequence[Path],
    stage: str,
    **extra: Any,
) -> None:
    card = make_card(
        stage,
        MODULES,
        settings.model_dump(mode="json"),
        inputs=inputs,
        runs=[read_card(path) for path in runs],
        **extra,
    )
    columns = {name: [row[name] for row in sheet.rows] for name in sheet.schema.names}
    write_parquet(out, columns, sheet.schema, card)
