"""Recordings with a label as a whole: their names, their labels, and their segments as models see them.

An item is a participant of a recording, named ``{recording}/{participant}``; it is one segment, of L steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.families.clips.stages.modalities import MODALITIES
from affectssm.families.recordings.run_settings import ItemLabels
from affectssm.families.recordings.stages.frames import CORPUS
from affectssm.store import layout
from affectssm.store.shards import ShardReader
from affectssm.timeline.segment_format import SegmentFormat

KIND = "item_label"
LABELS = ("folder_item", "folder_item_test")
"""The features that hold labels: those of test parts are in the second, which the evaluation alone opens."""
ITEMS = SegmentFormat(
    "corpus", "group", "item", "segment", MODALITIES, (), "prediction", words=("split", "recording")
)
Array = NDArray[np.float64]


def name_of(recording: str, participant: str) -> str:
    """Return the name of an item."""
    return f"{recording}/{participant}"


def labelled(rows: Iterable[StreamRow]) -> dict[str, StreamRow]:
    """Return the row of the label of every item that has one, by the items' names."""
    return {name_of(row.recording, row.participant): row for row in rows if row.kind == KIND}


def classes_of(settings: ItemLabels) -> Array:
    """Return the numbers of the classes, (K,) rising, as files of labels hold them: 0.1 is not what float32 keeps."""
    return np.array(settings.classes, np.float32).astype(np.float64)


def read_labels(
    settings: ItemLabels, folders: Sequence[Path], rows: Iterable[StreamRow], tests: bool
) -> dict[str, Array]:
    """Return the labels of items, (C,) by their names; none of those that have no valid one.

    Args:
        settings: what is learnt; of classes no other number is valid.
        folders: ``results/features/{corpus}-{edition}`` of the corpus.
        rows: of the manifest.
        tests: whether to open those of test parts too.
    """
    classes = classes_of(settings) if settings.task == "classification" else None
    found: dict[str, Array] = {}
    wanted = list(labelled(rows).values())
    for feature, of_tests in zip(LABELS, (False, True), strict=True):
        shards = {row.shard for row in wanted if is_test_split(row.split) is of_tests}
        if of_tests and not tests:
            continue
        for paths in layout.tracks(folders, (feature,), {CORPUS: sorted(shards)}).values():
            for path in paths[feature]:
                with ShardReader(path) as reader:
                    for key in reader.keys():  # noqa: SIM118 - not a mapping
                        track = reader.track(*key)
                        value = track.value[0].astype(np.float64) if len(track.value) else np.zeros(0)
                        known = classes is None or np.isin(value, classes).all()
                        if len(track.valid) and track.valid[0] and known:
                            found[name_of(*key)] = value
    return found


def prediction_schema(outputs: Sequence[str]) -> pa.Schema:
    """Columns of predictions: a row an item, part and seed; NaN where a run diverged."""
    words = [(name, pa.string()) for name in ("part", "split", "recording", "item", "group", "reason")]
    return pa.schema([*words, ("seed", pa.int32()), *((name, pa.float64()) for name in outputs)])


def outputs_of(settings: ItemLabels) -> list[str]:
    """Return the columns of answers: ``prediction.{label}``, or ``probability.{class}``."""
    if settings.task == "classification":
        return [f"probability.{value:g}" for value in settings.classes]
    return [f"prediction.{name}" for name in settings.columns]
