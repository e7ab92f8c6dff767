"""Which windows a run learns from and which select its epoch; and where their features lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.store.shards import ShardReader
from affectssm.timeline.index import Target, WindowIndex, read_windows
from affectssm.timeline.loader import WindowDataset
from affectssm.timeline.tracks import files_by_corpus
from affectssm.timeline.windows import holdout


def training_indexes(settings: RunSettings, windows: Path) -> tuple[WindowIndex, WindowIndex]:
    """The windows a run learns from, and those that select its epoch.

    Args:
        settings: of the run; ``selection`` is ``val`` (NoXi's validation part) or ``holdout`` (training
            sessions).
        windows: ``results/windows/{task}``.

    Raises:
        DataError: when either is empty.
    """
    train = read_windows(windows / "train.parquet")
    if settings.selection == "holdout":
        held = holdout(target.recording for target in train.targets)
        train, select = (
            train.select(lambda t: t.recording not in held),
            train.select(lambda t: t.recording in held),
        )
    else:
        select = read_windows(windows / "val.parquet")
    for name, index in (("train", train), ("selection", select)):
        if not len(index):
            raise DataError(
                windows, f"no windows in the {name} part", "at least one", "look into missing.parquet"
            )
    return train, select


def labelled_sessions(windows: Path) -> WindowIndex:
    """The windows of MPIIGI's labelled part."""
    index = read_windows(windows / "test.parquet")
    return index.select(lambda target: (target.corpus, target.split) == ("mpiigi", "val"))


def open_windows(
    settings: RunSettings,
    index: WindowIndex,
    folders: Sequence[Path],
    dims: Mapping[str, int] | None = None,
) -> WindowDataset:
    """A dataset of these windows with the labels of training and validation; test labels are never opened."""
    features = {name: files_by_corpus(folders, name, index) for name in settings.features}
    labels = files_by_corpus(folders, index.frames.label, index)
    return WindowDataset(index, features, labels=labels, dims=dims)


def content_of(
    settings: RunSettings, indexes: Iterable[WindowIndex], folders: Sequence[Path]
) -> tuple[str, dict[str, Any]]:
    """What a run learns from: a hash over its recordings, and how each feature was made.

    Feature files are not hashed whole: they also hold test sessions, and a new one of those changes nothing
        here.
    """
    digest = hashlib.sha256()
    features: dict[str, Any] = {}
    for index in indexes:
        digest.update(repr([_identity(target) for target in index.targets]).encode())
        recordings = {(target.corpus, target.recording) for target in index.targets}
        for name in [*settings.features, index.frames.label]:
            for corpus, paths in sorted(files_by_corpus(folders, name, index).items()):
                for path in paths:
                    with ShardReader(path) as reader:
                        features[name] = {key: reader.card[key] for key in ("code", "settings", "extra")}
                        for recording, content in reader.contents.items():
                            if (corpus, recording) in recordings:
                                digest.update(f"{name}\t{corpus}\t{recording}\t{content}\n".encode())
    return digest.hexdigest()[:32], features


def _identity(target: Target) -> tuple[Any, ...]:
    return target.corpus, target.recording, target.participant, target.clock_frames, target.partners
