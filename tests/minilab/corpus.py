"""How the corpus lies on disk: ``clips.csv`` (clip,split,sentiment) and ``vectors.pkl`` ({clip: (T, D) array})."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.complete import Look, Whole
from affectssm.corpora.fingerprints import with_fingerprints
from affectssm.corpora.listing import check_root
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.errors import DataError
from affectssm.media.pickles import read_pickle
from affectssm.store.faults import FaultLog
from affectssm.store.ids import is_id
from affectssm.vocabulary.corpora import CORPORA

CLIPS, VECTORS, HZ = "clips.csv", "vectors.pkl", 20.0
SPLITS = ("train", "val", "test")


def whole(settings: Any) -> Whole:
    """Return what the corpus is made of."""
    return Whole(
        CORPORA["mini"].title,
        {"clips": "table", "vectors": "file"},
        lambda listing: Look({Path(entry.rel).stem: 1 for entry in listing.files if len(entry.parts) == 1}),
    )


def discover(root: Path, ground_truth: Path | None, settings: Any) -> Manifest:
    """Find the clips.

    Raises:
        DataError: a root without the two files, or without a clip that can be used.
    """
    check_root(root, CORPORA["mini"].title)
    log = FaultLog("mini")
    vectors = read_vectors(root / VECTORS)
    sizes = {name: (root / name).stat().st_size for name in (CLIPS, VECTORS)}
    found = [row for clip in read_clips(root / CLIPS) for row in _rows(clip, vectors, log)]
    rows = [replace(row, bytes=sizes[row.path]) for row in found]
    rows = with_fingerprints(rows, {"root": root}, settings.checksum, log)
    if not rows:
        raise DataError(
            root, "no clip that can be used", f"{CLIPS} and {VECTORS} of the same clips", "look at both"
        )
    return Manifest(rows, log)


def read_clips(path: Path) -> list[dict[str, str]]:
    """Return the rows of the table, sorted by clip.

    Raises:
        DataError: if it cannot be read or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"not readable: {error}", "a CSV file", "unpack it again") from error
    if rows and not {"clip", "split", "sentiment"} <= set(rows[0]):
        raise DataError(path, ", ".join(map(str, rows[0])), "clip, split, sentiment", "mend its first line")
    return sorted(rows, key=lambda row: row["clip"])


@lru_cache(maxsize=1)
def read_vectors(path: Path) -> Mapping[str, np.ndarray]:
    """Return the vectors of each clip; nothing in the pickle is run."""
    found = read_pickle(path)
    if not isinstance(found, dict):
        raise DataError(path, f"a {type(found).__name__}", "a dict of arrays by clip", "unpack it again")
    return {str(clip): np.asarray(value) for clip, value in found.items()}


def sentiment(text: str) -> float | None:
    """Return a label, or None for what is no number from -3 to 3."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if -3 <= value <= 3 else None


def _rows(clip: Mapping[str, str], vectors: Mapping[str, np.ndarray], log: FaultLog) -> Iterator[StreamRow]:
    name = clip["clip"]
    if not is_id(name):
        log.add("unsafe_id", found=ascii(name), expected="a name", action="quarantined")
        return
    if clip["split"] not in SPLITS or sentiment(clip["sentiment"]) is None:
        found = f"{clip['split']}, {clip['sentiment']!r}"
        log.add("sentiment_unparsable", recording=name, found=found, expected="-3 to 3", action="quarantined")
        return
    value = vectors.get(name)
    if value is None or value.ndim != 2 or not len(value):
        log.add(
            "vectors_missing",
            recording=name,
            stream="vectors",
            expected="(T, D) numbers",
            action="quarantined",
        )
        return
    frames, dim = value.shape
    for kind, path, sizes in (("vectors", VECTORS, (HZ, frames, dim)), ("sentiment", CLIPS, (1.0, 1, 1))):
        rate, rows, columns = sizes
        yield StreamRow(
            "mini", clip["split"], name, "speaker", kind, path, "root", rate, rows, columns, frames / HZ, 0, "", name,
            "", "",
        )  # fmt: skip
