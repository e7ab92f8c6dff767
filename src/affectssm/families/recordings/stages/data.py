"""The data of a run: windows of people who may lack some of the media.

The features of a kind of stream that a participant does not have are masked; a feature that nobody has whom a run
learns from is left out of its model.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.manifest import is_test_split
from affectssm.errors import DataError
from affectssm.families.recordings.stages.frames import placed
from affectssm.families.recordings.stages.people import Kinds
from affectssm.timeline.index import WindowIndex
from affectssm.timeline.loader import CACHE_BYTES, Shards, WindowDataset, _dim, _seat_table
from affectssm.timeline.tracks import TrackFiles, files_by_corpus
from affectssm.training.frames import content_of
from affectssm.vocabulary.features import spec


class OwnWindows(WindowDataset):
    """Windows whose recordings may lack a feature, see :class:`affectssm.timeline.loader.WindowDataset`.

    Args:
        index: the windows.
        features: feature -> corpus -> its files, of the shards that have it.
        labels: corpus -> files of the labels.
        dims: columns of each feature that is wanted; None: of those that some participant has rows of.

    Raises:
        DataError: if columns differ, or nobody has a row of any feature.
    """

    def __init__(
        self,
        index: WindowIndex,
        features: Mapping[str, Shards],
        labels: Shards,
        dims: Mapping[str, int] | None = None,
    ) -> None:
        self.index = index
        self._keys = sorted({(t.corpus, t.recording, seat) for t in index.targets for seat in t.seats})
        self._track, self._seats = _seat_table(index, self._keys)
        self._clock_frames = np.array([target.clock_frames for target in index.targets], np.int64)
        files = {
            name: TrackFiles(name, shards, self._keys, complete=False) for name, shards in features.items()
        }
        self.files = {name: own for name, own in files.items() if dims is not None or own.dim is not None}
        if not self.files:
            raise DataError(
                ", ".join(features), "not a single row of any of these features", "rows of one at least",
                "look into the fault tables beside the features, or set recordings.sources",
            )  # fmt: skip
        self.paths = [path for one in (*features.values(), labels) for own in one.values() for path in own]
        self.dims = {name: _dim(name, own, dims) for name, own in self.files.items()}
        self.cached, self._sources = self._open(CACHE_BYTES, ())
        self._label, self._label_valid, self._label0 = self._read_labels(labels)

    def _read_labels(self, shards: Shards | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels of all targets one after the other: value (N, C), valid (N,), and where each target begins."""
        columns = len(self.index.frames.columns)
        length = np.array([target.label_frames for target in self.index.targets], np.int64)
        begin = np.cumsum(length) - length
        value, valid = np.zeros((length.sum(), columns), np.float32), np.zeros(length.sum(), bool)
        keys = [(target.corpus, target.recording, target.participant) for target in self.index.targets]
        files = TrackFiles("label", shards or {}, keys, complete=False)
        for key, target, first, count in zip(keys, self.index.targets, begin, length, strict=True):
            if key in files.info:
                own = slice(first, first + count)
                value[own], valid[own] = placed(files.track(key), target.label_hz, int(count))
        files.close()
        return value, valid, begin


def open_own(
    index: WindowIndex,
    folders: Sequence[Path],
    features: Iterable[str],
    held: Kinds,
    dims: Mapping[str, int] | None = None,
    labels: bool = True,
) -> OwnWindows:
    """Return windows with some features and their labels, never those of test parts.

    Args:
        index: the windows.
        folders: ``results/features/{corpus}-{edition}`` of the corpus.
        features: their names.
        held: which kinds of streams each participant has.
        dims: as of :class:`OwnWindows`.
        labels: whether there are any.

    Raises:
        DataError: if a feature file is missing, or as :class:`OwnWindows`.
    """
    read = {name: files_by_corpus(folders, name, having(index, name, held)) for name in features}
    opened = index.select(lambda target: labels and not is_test_split(target.split))
    truth = files_by_corpus(folders, index.frames.label, opened)
    gone = [
        str(path)
        for one in (*read.values(), truth)
        for own in one.values()
        for path in own
        if not path.is_file()
    ]
    if gone:
        raise DataError(
            gone[0], f"{len(gone)} feature files are not there", "all that the windows were cut from",
            f"make them again: snakemake --cores 2 {shlex.join(gone)} (and the --configfile they were made with)",
        )  # fmt: skip
    return OwnWindows(index, read, truth, dims)


def having(index: WindowIndex, feature: str, held: Kinds) -> WindowIndex:
    """Return the windows of those who, or whose partners, have the stream that a feature is made of."""
    kind = spec(feature).kind
    return index.select(
        lambda target: any(kind in held.get((target.recording, seat), ()) for seat in target.seats)
    )


def of_recordings(index: WindowIndex, recordings: Collection[str]) -> WindowIndex:
    """Return the windows of some recordings."""
    kept = set(recordings)
    return index.select(lambda target: target.recording in kept)


def content_learnt(
    features: Sequence[str], indexes: Sequence[WindowIndex], folders: Sequence[Path], held: Kinds
) -> tuple[str, dict[str, Any]]:
    """Return a hash over what a run learns from, and how each feature was made; see ``training.frames.content_of``."""
    digest = hashlib.sha256()
    made: dict[str, Any] = {}
    for feature in features:
        content, own = content_of([feature], [having(index, feature, held) for index in indexes], folders)
        digest.update(f"{feature}\t{content}\n".encode())
        made |= own
    return digest.hexdigest()[:32], made


def groups_there(groups: Mapping[str, Sequence[str]], dims: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the groups with the features that there are, without those that are left empty."""
    found = {group: [name for name in names if name in dims] for group, names in groups.items()}
    return {group: names for group, names in found.items() if names}
