"""Prediction beside annotation over time, of the best, the median and the worst person of the official split.

``traces-{seeds}.parquet`` beside the metrics: a row a frame and column, of the first seed; whoever is ranked is ranked
by the mean of their own CCCs of valence and arousal. Of long videos every k-th frame is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.evaluation.frame_reading import Labels, Seat
from affectssm.evaluation.metrics import PAIRINGS
from affectssm.families.video.stages.frames import COLUMNS, CORPUS
from affectssm.store.parquet import write_parquet
from affectssm.training.agreement import ccc_of_moments, moments

MAX_POINTS = 2000
SCHEMA = pa.schema(
    [
        ("corpus", pa.string()),
        ("recording", pa.string()),
        ("participant", pa.string()),
        ("rank", pa.string()),  # best, median or worst
        ("of", pa.int32()),  # people who were ranked
        ("seed", pa.int64()),
        ("column", pa.string()),
        ("ccc", pa.float64()),  # of all valid frames of the person
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("target", pa.float32()),  # NaN where there is no valid label
        ("prediction", pa.float32()),
    ]
)
Tracks = Mapping[Seat, NDArray[np.float64]]


def traces_beside(metrics: Path) -> Path:
    """Return where the traces lie that were written with some metrics."""
    return metrics.with_name(metrics.name.replace("seeds-", "traces-", 1))


def write_traces(
    path: Path,
    seed: int,
    labels: Sequence[Mapping[Seat, Labels]],
    predicted: Sequence[Tracks],
    rates: Mapping[Seat, float],
    card: Mapping[str, Any],
) -> None:
    """Write the traces.

    Args:
        path: of the file; without anybody to rank it has no rows.
        seed: of the predictions.
        labels: of each column, by person.
        predicted: of each column, by person: (T,), NaN where none.
        rates: frames a second of each person's video.
        card: of the evaluation.
    """
    scores = {seat: _scores(seat, labels, predicted) for seat in sorted(rates)}
    ranks = ranked({seat: float(np.mean(own)) for seat, own in scores.items()})
    of = sum(bool(np.isfinite(own).all()) for own in scores.values())
    tables = [SCHEMA.empty_table()]
    for rank, seat in ranks.items():
        for number, column in enumerate(COLUMNS):
            who = {"corpus": CORPUS, "recording": seat[0], "participant": seat[1], "rank": rank, "of": of}
            told = who | {"seed": seed, "column": column, "ccc": scores[seat][number]}
            track, label = predicted[number][seat], labels[number][seat]
            tables.append(_rows(told, track, label, rates[seat]))
    write_parquet(path, pa.concat_tables(tables), SCHEMA, card)


def ranked(means: Mapping[Seat, float]) -> dict[str, Seat]:
    """Return who is best, median (the better of two) and worst, of those with a score, nobody twice."""
    order = sorted((seat for seat, mean in means.items() if np.isfinite(mean)), key=lambda s: (-means[s], s))
    places = {"best": 0, "median": (len(order) - 1) // 2, "worst": len(order) - 1} if order else {}
    found: dict[str, Seat] = {}
    for rank in ("best", "worst", "median"):
        if rank in places and order[places[rank]] not in found.values():
            found[rank] = order[places[rank]]
    return {rank: found[rank] for rank in places if rank in found}


def _scores(seat: Seat, labels: Sequence[Mapping[Seat, Labels]], predicted: Sequence[Tracks]) -> list[float]:
    """A person's own CCC of each column; NaN without labels or predictions."""
    found = []
    for own, tracks in zip(labels, predicted, strict=True):
        if seat not in own or seat not in tracks:
            found.append(float("nan"))
            continue
        pairs = PAIRINGS["by_frame"](tracks[seat], own[seat].value, own[seat].valid)
        found.append(float(ccc_of_moments(moments(*pairs))))
    return found


def _rows(told: Mapping[str, Any], track: NDArray[np.float64], label: Labels, rate: float) -> pa.Table:
    """The rows of one person and column."""
    target = np.full(len(track), np.nan)
    common = min(len(track), len(label.value))
    target[:common] = np.where(label.valid[:common], label.value[:common], np.nan)
    frame = np.arange(0, len(track), max(1, -(-len(track) // MAX_POINTS)))
    own = {
        "frame": frame,
        "time_s": (frame + 0.5) / rate,
        "target": target[frame],
        "prediction": track[frame],
    }
    columns = [own.get(name, [told.get(name)] * len(frame)) for name in SCHEMA.names]
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )
