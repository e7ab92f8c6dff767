"""Answers of a run on labels per frame for media that nobody has labelled.

Every participant is answered on the labels' own grid from zero to the end of the longest of their media, in windows
over the whole of it. At the edges of a recording windows reach beyond it, and what lies outside is masked, as in
training. A row is valid where the participant has a valid feature at its time; rows that a feature merely carries
forward do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from affectssm.corpora.manifest import StreamRow, read_manifest
from affectssm.errors import DataError
from affectssm.media.spacing import gather
from affectssm.store import layout
from affectssm.timeline.clock import clock_times
from affectssm.timeline.frames import Frames
from affectssm.timeline.index import Target, WindowIndex
from affectssm.timeline.loader import WindowDataset
from affectssm.timeline.stitch import Blend
from affectssm.timeline.tracks import TrackFiles
from affectssm.training.frame_models import load_model
from affectssm.training.frames import predict_windows
from affectssm.training.run_files import CHECKPOINT
from affectssm.training.scans import scans_of

MEDIA = ("video", "audio")
BATCH = 16  # windows at a time: what decides how much memory a model takes
CACHE_BYTES = 64 << 20  # features of longer media are read window by window


@dataclass(frozen=True)
class FrameAnswers:
    """How models of a family answer frame by frame.

    Attributes:
        frames: the windows.
        section: of the configuration that its runs are from, for messages.
        label_hz: answers a second; None for the rate of the windows and, where they have none, that of each video.
        per_label: clock frames in a label frame.
        partners: whether the others of a recording are looked at.
        held: features whose rows count even where they are not valid, as in training.
        blend: how predictions of windows that overlap become one.
    """

    frames: Frames
    section: str
    label_hz: float | None = None
    per_label: int = 1
    partners: bool = False
    held: Collection[str] = ()
    blend: Blend = "later"


def answer_frames(run: Path, manifest: Path, features: Path, how: FrameAnswers, prefix: str = "") -> pa.Table:
    """Return the table of answers of a run (:class:`affectssm.families.answering.Answering`).

    Args:
        run: its folder.
        manifest: rows of the participants, of the kinds :data:`MEDIA`.
        features: folder with ``{name}/{shard}.h5`` of every feature of the run.
        how: its family's models answer.
        prefix: of the weights to take, where a checkpoint holds several sets.

    Raises:
        DataError: when nobody is there to be answered, or features have other dimensions than in training.
    """
    frames, per_label = how.frames, how.per_label
    rows, rate = read_manifest(manifest), how.label_hz or frames.label_hz
    targets = targets_of(rows, layout.corpus_of(features), rate, per_label, how.partners)
    if not targets:
        raise DataError(
            manifest, "nobody to answer for", "a video or a sound of one person at least", "give another file"
        )
    index = index_of(targets, frames, per_label)
    with fitting(run / CHECKPOINT):
        model, scaler, config = load_model(run, prefix)
    names = [name for group in config["groups"].values() for name in group]
    files = files_of(features, names, targets)
    windows = WindowDataset(index, files, None, config["feature_dims"], CACHE_BYTES, how.held)
    with scans_of({"scan_backend": backend_of(config["training"])}, how.section):
        predicted = predict_windows(model, scaler, windows, BATCH, 0, how.blend)
    return table_of(predicted, targets, frames, valid_frames(index, windows.files))


def backend_of(recipe: Mapping[str, Any]) -> str:
    """Return the scans' backend that answers: what is fastest here, unless the reference trained the run.

    Args:
        recipe: of the run's training.
    """
    return "reference" if recipe.get("scan_backend") == "reference" else "auto"


@contextmanager
def fitting(checkpoint: Path) -> Iterator[None]:
    """Turn what torch raises over weights of other names or shapes into one clear error.

    Raises:
        DataError: for it.
    """
    try:
        yield
    except (RuntimeError, KeyError) as error:
        raise DataError(
            checkpoint,
            f"weights that do not fit the model: {str(error).splitlines()[0]}",
            "those of the model that the configuration describes",
            "pack the run again",
        ) from error


def targets_of(
    rows: Iterable[StreamRow], corpus: str, label_hz: float | None, per_label: int, partners: bool
) -> list[Target]:
    """Return those who are answered, in the order of recordings and participants.

    Args:
        rows: of the manifest.
        corpus: how the folder of the features calls itself.
        label_hz: rows a second; None for those of each video.
        per_label: clock frames in a label frame.
        partners: whether the others of a recording are looked at.
    """
    people: dict[tuple[str, str], dict[str, StreamRow]] = {}
    for row in rows:
        if row.kind in MEDIA:
            people.setdefault((row.recording, row.participant), {})[row.kind] = row
    found = []
    for (recording, participant), media in sorted(people.items()):
        seconds = max(row.duration_s for row in media.values())
        hz = label_hz if label_hz is not None else (media["video"].rate if "video" in media else 0.0)
        count = int(np.floor(seconds * hz + 0.5))
        if not count:
            continue
        others = [
            one for where, one in sorted(people) if where == recording and one != participant and partners
        ]
        shard = next(iter(media.values())).shard
        lasts = (count * per_label, count, hz)
        found.append(Target(corpus, "test", "main", shard, recording, participant, *lasts, tuple(others)))
    return found


def index_of(targets: Sequence[Target], frames: Frames, per_label: int) -> WindowIndex:
    """Return all windows of some targets."""
    starts = [frames.starts(target.clock_frames) for target in targets]
    number = np.repeat(np.arange(len(targets), dtype=np.int32), [len(own) for own in starts])
    return WindowIndex(frames, per_label, tuple(targets), number, np.concatenate(starts))


def files_of(
    features: Path, names: Iterable[str], targets: Sequence[Target]
) -> dict[str, dict[str, list[Path]]]:
    """Return feature -> corpus -> its files.

    Raises:
        DataError: if one is missing.
    """
    shards = sorted({target.shard for target in targets})
    found = {name: [layout.track(features, name, shard) for shard in shards] for name in names}
    for name, paths in found.items():
        for path in paths:
            if not path.is_file():
                raise DataError(
                    path, "no such file", f"the feature {name}, which the model reads", "extract it"
                )
    return {name: {targets[0].corpus: paths} for name, paths in found.items()}


def valid_frames(index: WindowIndex, files: Mapping[str, TrackFiles]) -> list[np.ndarray]:
    """Return of each target where any of its own features is valid: (label frames,) bool."""
    found: list[np.ndarray] = []
    for target in index.targets:
        times = clock_times(0, target.clock_frames, target.label_hz * index.per_label)
        valid: np.ndarray = np.zeros(target.clock_frames, bool)
        for own in files.values():
            key = (target.corpus, target.recording, target.participant)
            if key in own.info:
                time, there = own.times(key)
                valid |= gather(time, there, times, 1 / own.info[key].rate)[2]
        found.append(valid.reshape(-1, index.per_label).max(1))
    for own in files.values():
        own.close()
    return found


def table_of(
    predicted: pa.Table, targets: Sequence[Target], frames: Frames, valid: Sequence[np.ndarray]
) -> pa.Table:
    """Return predictions as a table of answers: a row is a label frame, its value NaN where it is not valid."""
    hz = np.repeat([target.label_hz for target in targets], [target.label_frames for target in targets])
    frame, there = predicted["frame"].to_numpy(), np.concatenate(valid)
    names = {column: f"prediction.{column}" for column in frames.columns}
    if len(names) == 1:
        names = dict.fromkeys(names, "prediction")
    columns: dict[str, Any] = {name: predicted[name] for name in ("recording", "participant")} | {
        "start_s": frame / hz,
        "stop_s": (frame + 1) / hz,
        "time_s": (frame + 0.5) / hz,
    }
    for column, name in names.items():
        columns[column] = np.where(there, predicted[name].to_numpy(), np.float32("nan"))
    return pa.table(columns | {"valid": there})
