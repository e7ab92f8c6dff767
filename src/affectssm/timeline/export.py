"""Materialised windows for users of other tools: what the loader's batches hold before standardisation.

One file a recording, so that memory stays bounded, recordings can be exported side by side and a killed
export has lost one file at most. L clock frames, D columns, F label frames of the centre, P partners.

Parquet: a row, and a row group, is a window. Columns: corpus, split, recording, participant, start (clock
    frame),
frame_valid [L], label [F], label.valid [F], and for each feature ``{feature}`` [L * D] with
``{feature}.valid`` [L]; the same for each partner as ``partner{k}.{feature}``, with ``partner{k}`` naming the
person; null where a recording has no k-th partner. Lists are of fixed size and row-major; the field's
metadata ``shape`` gives L,D.

HDF5: datasets start, participant, partners (W, P), frame_valid (W, L), label and label_valid (W, F),
target/{feature} (W, L, D), target_valid/{feature} (W, L), partner/{feature} (W, P, L, D) and
partner_valid/{feature} (W, P, L); P is the recording's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import is_test_split
from affectssm.errors import ConfigError
from affectssm.features.registry import GROUPS
from affectssm.store import layout
from affectssm.store.card import make_card
from affectssm.store.ids import check_id
from affectssm.timeline.export_hdf5 import write_hdf5
from affectssm.timeline.export_parquet import write_parquet_windows
from affectssm.timeline.index import Target, WindowIndex, read_windows
from affectssm.timeline.loader import WindowDataset

WRITERS = {"parquet": write_parquet_windows, "hdf5": write_hdf5}
SUFFIXES = {"parquet": ".parquet", "hdf5": ".h5"}
LABELS = "engagement"  # test labels are opened by the evaluation alone


def export(
    windows: Path, folders: Iterable[Path], source: str, clock_hz: int, format: str, out: Path
) -> list[Path]:
    """Write ``{corpus}-{recording}.parquet`` (or .h5) for each recording of a window index.

    Args:
        windows: the window index.
        folders: ``results/features/{corpus}-{edition}`` of each corpus.
        source: extracted or multimediate.
        clock_hz: the clock the windows are expected to be on.
        format: parquet or hdf5.
        out: folder of the files.

    Returns:
        The files, in the order of the index.

    Raises:
        ConfigError: if the windows are on another clock.
        DataError: if a feature file is missing, or a file cannot be written.
    """
    index = read_windows(windows)
    if index.clock_hz != clock_hz:
        raise ConfigError(
            windows,
            f"windows on a clock of {index.clock_hz} Hz",
            f"{clock_hz} Hz",
            f"say --clock-hz {index.clock_hz}",
        )
    features = [feature for group in GROUPS[source].values() for feature in group]
    dataset = open_dataset(index, list(folders), features)
    seats = max((len(target.partners) for target in index.targets), default=0)
    settings = {"source": source, "clock_hz": clock_hz, "length": index.length, "format": format}
    card = make_card("export", ["affectssm.timeline.export"], settings, [windows])
    written = []
    for (corpus, recording), numbers in _by_recording(index):
        name = f"{check_id(corpus, 'corpus')}-{check_id(recording, 'recording')}{SUFFIXES[format]}"
        WRITERS[format](out / name, dataset, numbers, seats, card)
        written.append(out / name)
    return written


def open_dataset(index: WindowIndex, folders: list[Path], features: list[str]) -> WindowDataset:
    """Return the windows with the features and labels below ``folders``, read from the files window by window."""
    shards = _shards(index.targets)
    labelled = _shards(target for target in index.targets if not is_test_split(target.split))
    tracks = layout.tracks(folders, features, shards)
    labels = layout.tracks(folders, [LABELS], labelled)
    return WindowDataset(
        index,
        {feature: {corpus: files[feature] for corpus, files in tracks.items()} for feature in features},
        {corpus: files[LABELS] for corpus, files in labels.items()},
        cache_bytes=0,
    )


def _shards(targets: Iterable[Target]) -> dict[str, set[str]]:
    shards: dict[str, set[str]] = {}
    for target in targets:
        shards.setdefault(target.corpus, set()).add(target.shard)
    return shards


def _by_recording(index: WindowIndex) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Yield (corpus, recording) and the numbers of its windows."""
    number: dict[tuple[str, str], int] = {}
    of_target = [number.setdefault((t.corpus, t.recording), len(number)) for t in index.targets]
    of_window = np.array(of_target, np.int64)[index.target] if len(index) else np.zeros(0, np.int64)
    order = np.argsort(of_window, kind="stable")
    ends = np.searchsorted(of_window[order], np.arange(len(number)), side="right")
    yield from zip(number, np.split(order, ends[:-1]), strict=True) if number else ()
