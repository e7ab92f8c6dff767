"""From answers to clips to metrics: the only stage that compares the answers to test clips with their labels.

``level = run`` rows hold a seed's score, ``summary`` rows what a table prints: the mean over seeds, its sd and the 95 %
interval over source videos; ``without`` rows the mean over seeds without one video, of which the paired difference of
two experiments is made. Beside them stands what the best answer that is the same for all clips would score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.evaluation.intervals import jackknife_interval, summarise
from affectssm.families.clips.run_settings import EvaluationSettings
from affectssm.families.clips.stages import metrics
from affectssm.families.clips.stages.answers import TEST, read_answers, read_truth
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet

NAN = float("nan")
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("level", "experiment", "corpus", "source", "task", "split")]
    + [("left_out", pa.string()), ("metric", pa.string())]
    + [("seed", pa.int64()), ("group", pa.string())]  # -1 but for run, "" but for without
    + [(name, pa.float64()) for name in ("value", "sd", "low", "high")]
    + [(name, pa.int64()) for name in ("n_seeds", "n_used", "n_expected")]  # clips
    + [("n_units", pa.int64())]  # source videos of the clips that are used
    + [("missing", pa.list_(pa.string())), ("reason", pa.string())]
)
Row = dict[str, Any]


def evaluate(
    settings: EvaluationSettings, segments: Sequence[Path], predictions: Sequence[Path], out: Path
) -> None:
    """Score an experiment on the test clips that have a label.

    Args:
        settings: of the experiment.
        segments: ``{shard}.h5`` (the index is read, which lies beside it) or ``{shard}.parquet`` of all shards.
        predictions: predictions.parquet, of some seeds each.
        out: the metrics to write.

    Raises:
        DataError: when a seed is missing or unknown, a clip is answered twice or unknown, seeds answered different
            clips, an answer is no number, or a file belongs to another experiment.
    """
    indexes = [path.with_suffix(".parquet") for path in segments]
    truth = read_truth(indexes, settings.corpus)
    answers = read_answers(settings, predictions, truth, out)
    card = make_card(
        "clips/evaluate",
        [__name__],
        settings.model_dump(mode="json"),
        inputs=[*indexes, *predictions],
        runs=[read_card(path) for path in predictions],
    )
    # of every seed that has answers the same
    there: NDArray[np.bool_] = np.asarray(np.isfinite(answers[""][..., 0]).any(axis=0))
    if not there.any():
        there = ~there  # all have diverged, which is what lacks, and no clip
    videos, group = np.unique(np.array(truth.videos)[there], return_inverse=True)
    shared = settings.model_dump(exclude={"seeds"}) | {
        "split": TEST,
        "n_used": int(there.sum()),
        "n_expected": len(there),
        "n_units": len(videos),
        "missing": [clip for clip, answered in zip(truth.clips, there, strict=True) if not answered],
    }
    sheet = Sheet(shared, sorted(settings.seeds), videos.tolist())
    for left_out, values in answers.items():
        _add(sheet, settings, left_out, values[:, there], truth.label[there], group)
    write_parquet(out, {name: [row[name] for row in sheet.rows] for name in SCHEMA.names}, SCHEMA, card)


def _add(
    sheet: Sheet,
    settings: EvaluationSettings,
    left_out: str,
    answers: NDArray[np.float32],
    label: NDArray[np.float32],
    group: NDArray[np.int64],
) -> None:
    """Add the rows of answers (S, N, 1 or 3), given while something was left out."""
    sound: NDArray[np.bool_] = np.asarray(np.isfinite(answers).all(axis=(1, 2)) & (answers.size > 0))
    if settings.task == "regression":
        scale = metrics.SCALES[settings.corpus]
        sums = metrics.regression_sums(answers[sound, :, 0], label, group, len(sheet.videos), scale)
    else:
        sums = metrics.classification_sums(answers[sound], label, group, len(sheet.videos))
    whole, others = metrics.scores(metrics.total(sums)), metrics.scores(metrics.without(sums))
    why = "" if sound.all() else f"training diverged with {int((~sound).sum())} of {len(sound)} seeds"
    for name, own in whole.items():
        values, rest = np.full(len(sound), NAN), np.full(len(sheet.videos), NAN)
        values[sound] = own
        if sound.all():
            rest = others[name].mean(axis=0)
        sheet.add_metric(left_out, name, values, rest, why)
    name, value = metrics.constant_score(label, settings.task)
    sheet.add("summary", left_out, name, value)


class Sheet:
    """Collects the rows of a metrics file.

    Args:
        shared: what all rows say.
        seeds: rising.
        videos: names.
    """

    def __init__(self, shared: Row, seeds: Sequence[int], videos: Sequence[str]) -> None:
        self.rows: list[Row] = []
        self.videos = videos
        self._shared, self._seeds = shared, seeds

    def add(self, level: str, left_out: str, metric: str, value: float, **more: Any) -> None:
        """Add one row."""
        empty = {"seed": -1, "group": "", "sd": NAN, "low": NAN, "high": NAN, "reason": ""}
        own = {"level": level, "left_out": left_out, "metric": metric, "value": value}
        self.rows.append({**empty, "n_seeds": len(self._seeds), **self._shared, **own, **more})

    def add_metric(
        self, left_out: str, metric: str, values: metrics.Array, others: metrics.Array, why: str
    ) -> None:
        """Add a metric: (S,) of every seed, (G,) its mean over seeds without each video, and why some have none."""
        for seed, value in zip(self._seeds, values.tolist(), strict=True):
            reason = "" if np.isfinite(value) else why or metrics.reason(metric)
            self.add("run", left_out, metric, value, seed=seed, n_seeds=1, reason=reason)
        interval = jackknife_interval(float(values.mean()), [others], metrics.bounds(metric))
        reason = "" if np.isfinite(values).all() else why or metrics.reason(metric)
        self.add("summary", left_out, metric, **vars(summarise(values.tolist(), interval)), reason=reason)
        for video, value in zip(self.videos, others.tolist(), strict=True):
            self.add("without", left_out, metric, value, group=video, missing=[])
