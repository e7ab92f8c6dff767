"""Prediction beside label over time, of the best, the median and the worst participant, for the figure.

``traces-{seeds}.parquet`` beside the metrics: a row a frame and label, of the first seed, in the form of those of
video. Whoever is ranked is ranked by the mean of the labels' CCCs, each of that person alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from affectssm.evaluation.frame_reading import Labels, Seat
from affectssm.families.recordings.stages.frames import CORPUS
from affectssm.families.video.stages.traces import SCHEMA, Tracks, _rows, _scores, ranked
from affectssm.store.parquet import write_parquet


def write_traces(
    path: Path,
    seed: int,
    labels: Mapping[str, Mapping[Seat, Labels]],
    predicted: Mapping[str, Tracks],
    rates: Mapping[Seat, float],
    card: Mapping[str, Any],
) -> None:
    """Write the traces.

    Args:
        path: of the file; without anybody to rank it has no rows.
        seed: of the predictions.
        labels: label -> person -> its values.
        predicted: label -> person -> (T,), NaN where none.
        rates: label frames a second of each person.
        card: of the evaluation.
    """
    truth, tracks = list(labels.values()), list(predicted.values())
    scores = {seat: _scores(seat, truth, tracks) for seat in sorted(rates)}
    ranks = ranked({seat: float(np.mean(own)) for seat, own in scores.items()})
    of = sum(bool(np.isfinite(own).all()) for own in scores.values())
    tables = [SCHEMA.empty_table()]
    for rank, seat in ranks.items():
        for number, column in enumerate(labels):
            who = {"corpus": CORPUS, "recording": seat[0], "participant": seat[1], "rank": rank, "of": of}
            told = who | {"seed": seed, "column": column, "ccc": scores[seat][number]}
            tables.append(_rows(told, tracks[number][seat], truth[number][seat], rates[seat]))
    write_parquet(path, pa.concat_tables(tables), SCHEMA, card)
