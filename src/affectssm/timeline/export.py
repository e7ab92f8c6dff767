"""Materialised windows for users of other tools: what the loader's batches hold before standardisation.

One file a target, ``{corpus}/{recording}/{participant}``, so that memory stays bounded and a killed export
has lost one file at most; :func:`affectssm.store.ids.file_name` escapes the ids. L clock frames, D columns, F label
frames of the centre, P partners.

Parquet: a row, and a row group, is a window. Columns: corpus, split, recording, participant, start (clock frame),
frame_valid [L], label [F], label.valid [F], and for each feature ``{feature}`` [L * D] with ``{feature}.valid`` [L];
the same for each partner as ``partner{k}.{feature}``, with ``partner{k}`` naming the person; null where a recording
has no k-th partner. Lists are of fixed size and row-major; the field's metadata ``shape`` gives L,D.

HDF5: attributes corpus, split, recording, participant, partners (P), clock_hz; datasets start (W,), frame_valid (W, L),
label and label_valid (W, F), target/{feature} (W, L, D), target_valid/{feature} (W, L), partner/{feature}
(W, P, L, D) and partner_valid/{feature} (W, P, L).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectssm.store.card import make_card
from affectssm.store.ids import file_name
from affectssm.timeline.export_hdf5 import write_hdf5
from affectssm.timeline.export_parquet import write_parquet_windows
from affectssm.timeline.loader import open_windows

WRITERS = {"parquet": write_parquet_windows, "hdf5": write_hdf5}
SUFFIXES = {"parquet": ".parquet", "hdf5": ".h5"}
log = logging.getLogger(__name__)


def export(
    windows: Path, folders: Sequence[Path], features: Sequence[str], format: str, out: Path
) -> list[Path]:
    """Write ``{corpus}/{recording}/{participant}.parquet`` (or .h5) for each target of a window index.

    Args:
        windows: the window index.
        folders: ``results/features/{corpus}-{edition}`` of each corpus.
        features: to write, by name.
        format: parquet or hdf5.
        out: folder of the files.

    Returns:
        The files, in the order of the index.

    Raises:
        DataError: if a feature file is missing, or a file cannot be written.
    """
    dataset = open_windows(windows, folders, features, cache_bytes=0)
    index = dataset.index
    seats = max((len(target.partners) for target in index.targets), default=0)
    settings = {
        "features": list(features),
        "per_label": index.per_label,
        "length": index.length,
        "format": format,
    }
    card = make_card("export", ["affectssm.timeline.export"], settings, [windows, *dataset.paths])
    order = np.argsort(index.target, kind="stable")
    ends = np.searchsorted(index.target[order], np.arange(len(index.targets)), side="right")
    written = []
    started = time.monotonic()
    for target, numbers in zip(index.targets, np.split(order, ends[:-1]), strict=False):
        name = file_name(target.participant, "participant") + SUFFIXES[format]
        path = out / file_name(target.corpus, "corpus") / file_name(target.recording, "recording") / name
        WRITERS[format](path, dataset, numbers, seats, card)
        written.append(path)
        log.info(
            "%d of %d: %s, %d windows, %.0f s",
            len(written), len(index.targets), path, len(numbers), time.monotonic() - started,
        )  # fmt: skip
    return written
