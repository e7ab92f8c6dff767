"""What the evaluation of clips reads: the labels of the test clips, and the answers of models to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.errors import DataError
from affectssm.families.clips.run_settings import EvaluationSettings
from affectssm.families.clips.stages.format import CLIPS
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet

TEST = "test"
COLUMNS = {"regression": ("prediction",), "classification": ("negative", "neutral", "positive")}
SUMS_TO_ONE = 1e-3  # probabilities are kept in single precision
Answers = dict[str, dict[int, NDArray[np.float32]]]
"""What was left out -> seed -> answers (N, 1 or 3) to the labelled clips, NaN where there is none."""


@dataclass(frozen=True)
class Truth:
    """The labelled test clips of a corpus.

    Attributes:
        clips: (N,) names.
        videos: (N,) names of their source videos.
        label: (N,).
        rows: every test clip -> its row among them, -1 for one without a label.
    """

    clips: Sequence[str]
    videos: Sequence[str]
    label: NDArray[np.float32]
    rows: Mapping[str, int]


def read_truth(indexes: Sequence[Path], corpus: str) -> Truth:
    """Read the labels of a corpus out of the indexes of segments.

    Raises:
        DataError: when no test clip of the corpus has a label, or one is there twice.
    """
    columns = (*CLIPS.key, "split", *CLIPS.labels)
    found = [
        row for path in indexes for row in zip(*_lists(read_parquet(path, columns), columns), strict=True)
    ]
    tested = [row for row in found if (row[0], row[3]) == (corpus, TEST)]
    where = ", ".join(str(path) for path in indexes[:2]) or "segments"
    if len({row[2] for row in tested}) < len(tested):
        raise DataError(where, "a clip twice", "each clip once", "give every shard once")
    labelled = [row for row in tested if row[4] is not None and np.isfinite(row[4])]
    if not labelled:
        raise DataError(
            where, f"no labelled test clip of {corpus}", "the clips that models answered", "make the segments first"
        )  # fmt: skip
    rows = {row[2]: -1 for row in tested} | {row[2]: at for at, row in enumerate(labelled)}
    label = np.array([row[4] for row in labelled], np.float32)
    return Truth([row[2] for row in labelled], [row[1] for row in labelled], label, rows)


def read_answers(
    settings: EvaluationSettings, files: Sequence[Path], truth: Truth, out: Path
) -> dict[str, NDArray[np.float32]]:
    """Read the answers of all seeds to the test clips that have a label.

    Args:
        settings: of the experiment.
        files: predictions.parquet, of some seeds each.
        truth: of the corpus.
        out: what is to be made of them, for error messages.

    Returns:
        What was left out ("" first: nothing) -> answers (S, N, 1 or 3), seeds rising, NaN for clips that no seed
        answered, and throughout of a seed whose training says why it has no answers.

    Raises:
        DataError: as :func:`affectssm.families.clips.stages.evaluate.evaluate`.
    """
    found: Answers = {"": {}}
    for path in files:
        _read(path, settings, truth, found)
    for left_out, own in found.items():
        if sorted(own) != sorted(settings.seeds):
            raise DataError(
                out, f"answers of seeds {sorted(own)}{_without(left_out)}", f"seeds {sorted(settings.seeds)}",
                "train the missing seeds",
            )  # fmt: skip
    _require_same_clips(found, truth, out)
    return {
        left_out: np.stack([found[left_out][seed] for seed in sorted(settings.seeds)])
        for left_out in sorted(found)
    }


def _lists(table: pa.Table, names: Sequence[str]) -> list[list]:
    return [table[name].to_pylist() for name in names]


def _read(path: Path, settings: EvaluationSettings, truth: Truth, found: Answers) -> None:
    """Add the answers of a file to test clips."""
    told = ((read_card(path) or {}).get("settings") or {}).get("experiment", settings.experiment)
    if told != settings.experiment:
        raise DataError(path, f"answers of {told}", settings.experiment, "give the files of one experiment")
    names, table = COLUMNS[settings.task], read_parquet(path)
    unanswered = np.array(table["reason"].to_pylist(), bool) if "reason" in table.column_names else None
    nothing = 0 if unanswered is None else int(unanswered.sum())
    if lacking := [n for n in names if n not in table.column_names or table[n].null_count > nothing]:
        what = f"{' and '.join(lacking)} not of every clip"
        raise DataError(path, what, f"answers of {settings.task}", "train again")
    values = np.array(_lists(table, names), np.float32).T  # NaN where there is none
    keys = zip(*_lists(table, ("corpus", "split", "left_out", "seed", "recording")), strict=True)
    places: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for at, (corpus, split, left_out, seed, clip) in enumerate(keys):
        if (corpus, split) != (settings.corpus, TEST):
            continue
        if clip not in truth.rows:
            raise DataError(
                path,
                f"an answer to {clip}, which is no test clip",
                "test clips of the segments",
                "train again",
            )
        if truth.rows[clip] >= 0:
            places.setdefault((left_out, seed), []).append((at, truth.rows[clip]))
    for (left_out, seed), own in places.items():
        empty = np.full((len(truth.clips), len(names)), np.nan, np.float32)
        kept = found.setdefault(left_out, {}).setdefault(seed, empty)
        at, rows = np.array(own).T
        if unanswered is not None and unanswered[at].all():
            continue
        _require_answers(path, values[at])
        again = np.bincount(rows, minlength=len(kept)) + np.isfinite(kept[:, 0]) > 1
        if again.any():
            what = f"clip {truth.clips[int(np.argmax(again))]} answered twice with seed {seed}"
            raise DataError(path, what + _without(left_out), "once", "give each file once, or train again")
        kept[rows] = values[at]


def _require_answers(path: Path, values: NDArray[np.float32]) -> None:
    sound, what = np.isfinite(values).all(axis=-1), "numbers"
    if values.shape[-1] > 1:
        what = "probabilities that sum to 1"
        sound &= (values >= 0).all(axis=-1) & (abs(values.sum(axis=-1) - 1) < SUMS_TO_ONE)
    if not sound.all():
        raise DataError(path, f"{int((~sound).sum())} answers that are none", what, "train again")


def _require_same_clips(answers: Answers, truth: Truth, out: Path) -> None:
    """Refuse seeds that did not answer the same clips: neither their mean nor a difference would be paired."""
    first: tuple[str, NDArray[np.bool_]] | None = None
    for left_out, found in answers.items():
        for seed, own in found.items():
            if not np.isfinite(own).any():
                continue  # it diverged
            name, there = f"seed {seed}{_without(left_out)}", np.isfinite(own[:, 0])
            first = first or (name, there)
            if differing := np.flatnonzero(there != first[1]).tolist():
                raise DataError(
                    out,
                    f"{first[0]} and {name} answered different clips: {truth.clips[differing[0]]} and "
                    f"{len(differing) - 1} more",
                    "the same clips with every seed", "train again",
                )  # fmt: skip


def _without(left_out: str) -> str:
    return f" without {left_out}" if left_out else ""
