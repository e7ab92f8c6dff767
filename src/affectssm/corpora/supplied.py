"""Pickles of arrays of all clips of a corpus, as MMSA and the authors of CH-SIMS v2 distribute them.

``{train, valid, test}`` of tables: ``id`` (N,) ``video$_$clip``, ``text`` (N, T, 768), ``text_bert`` (N, 3, 50) of
ids, mask and segments, ``audio`` and ``vision`` (N, T, D), ``regression_labels`` (N,) and, of CH-SIMS, ``_T``, ``_A``,
``_V``.
What a file holds is told by its shapes: in an aligned one all sequences are as long, and have no lengths of their own.
A table without labels is unlabelled; a file may be one table. Files of up to 14 GB stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.clip_tables import SPLITS, UNLABELLED, recording_of
from affectssm.media.mapped import MappedArray
from affectssm.media.pickles import read_pickle
from affectssm.media.probe import MediaError

KNOWN = {(5, 20): "CMU-MOSI", (74, 35): "CMU-MOSEI", (33, 709): "CH-SIMS", (25, 177): "CH-SIMS v2"}
_IDS = re.compile(r"(?P<video>.+)(?:\$_\$|/)(?P<clip>.+)|(?P<video_>.+)\[(?P<clip_>[^\[\]]+)\]", re.DOTALL)
_ARRAYS = ("audio", "vision")
_GLOVE, _BERT = 300, 768
_MIXED = "train_mix"  # made of others by the owners' own code
Array = np.ndarray | MappedArray


class ShapeError(MediaError):
    """A pickle of other tables or shapes."""

    code = "supplied_shape"


class OtherCorpusError(MediaError):
    """A pickle of another corpus."""

    code = "other_corpus"


@dataclass(frozen=True)
class Table:
    """The clips of a split.

    Attributes:
        split: train, val, test or unlabelled.
        ids: (video, clip) of each; both "" where an id is none.
        arrays: kind of the manifest -> (N, T, D), of ``tokens`` (N, 3, T).
        lengths: kind -> (N,) valid rows of each clip, or None where nobody says.
        labels: (N, 1 or 4) float64, NaN where there is none.
    """

    split: str
    ids: tuple[tuple[str, str], ...]
    arrays: Mapping[str, Array]
    lengths: Mapping[str, np.ndarray | None]
    labels: np.ndarray

    def length(self, kind: str, at: int) -> int:
        """Return the rows of a clip; at most, where nobody says."""
        lengths = self.lengths[kind]
        return self.arrays[kind].shape[1] if lengths is None else int(lengths[at])

    def rows(self, kind: str, at: int) -> np.ndarray:
        """Return (T, D) the valid rows of a clip, without padding, which may lie behind them or before."""
        block, length = np.asarray(self.arrays[kind][at]), self.length(kind, at)
        if kind == "tokens":
            return block[0][block[1] > 0][:, None]
        if not (block != 0).any():
            return block[:0]
        there = self._there(kind, at)
        if self.lengths[kind] is None:
            found = np.flatnonzero(there)
            return block[found[0] : found[-1] + 1]
        in_front = len(block) - length
        return block[:length] if there[:length].sum() >= there[in_front:].sum() else block[in_front:]

    def _there(self, kind: str, at: int) -> np.ndarray:
        """Return (T,) the rows that are no padding; where all are aligned, no modality loses a row that another has."""
        alike = (
            [one for one in self.arrays if one.startswith("aligned")]
            if kind.startswith("aligned")
            else [kind]
        )
        return np.any([(np.asarray(self.arrays[one][at]) != 0).any(axis=1) for one in alike], axis=0)


@dataclass(frozen=True)
class Supplied:
    """A file: its tables, and the columns of audio and vision."""

    tables: tuple[Table, ...]
    columns: tuple[int, int]

    @cached_property
    def places(self) -> Mapping[str, tuple[Table, int]]:
        """Recording -> where it lies; of one that occurs again the first place counts."""
        found: dict[str, tuple[Table, int]] = {}
        for table in self.tables:
            for at, (video, clip) in enumerate(table.ids):
                found.setdefault(recording_of(video, clip), (table, at))
        return found


def read_supplied(path: Path) -> Supplied:
    """Read what a pickle holds; arrays stay in it.

    Raises:
        MediaError: if it cannot be read.
        ShapeError: if it holds something else.
    """
    held = read_pickle(path)
    if not isinstance(held, dict):
        raise _shape(path, f"a {type(held).__name__}", "a dict of tables")
    if "id" in held and set(_ARRAYS) & set(held):
        held = {"": held}
    tables = list(_tables(path, held))
    if not tables:
        raise _shape(path, f"the keys {', '.join(map(ascii, list(held)[:8]))}", "train, valid, test")
    columns = {
        tuple(one.arrays[kind].shape[2] for kind in one.arrays if kind.endswith(_ARRAYS)) for one in tables
    }
    if len(columns) != 1 or len(next(iter(columns))) != 2:
        raise _shape(path, f"audio and vision of {sorted(columns)} columns", "the same in all tables")
    audio, vision = columns.pop()
    return Supplied(tuple(tables), (audio, vision))


def check_corpus(path: Path, found: Supplied, title: str, columns: tuple[int, int]) -> None:
    """Refuse a file of another corpus.

    Raises:
        OtherCorpusError: if audio and vision have other columns.
    """
    if found.columns != columns:
        other = KNOWN.get(found.columns, "no corpus that is known")
        raise OtherCorpusError(
            path,
            f"audio of {found.columns[0]} columns and vision of {found.columns[1]}, those of {other}",
            f"{columns[0]} and {columns[1]}, those of {title}",
            f"give the file of {title}",
        )


def _tables(path: Path, held: Mapping[Any, Any]) -> Iterator[Table]:
    for name, table in held.items():
        if name != _MIXED and isinstance(table, dict) and "id" in table:
            try:
                yield _table(str(name), table)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                raise _shape(path, f"in {name!r}: {error}", "arrays of all clips, one length each") from error


def _table(name: str, held: Mapping[str, Any]) -> Table:
    names = held["id"]
    ids = tuple(_id(one) for one in (np.asarray(names) if isinstance(names, MappedArray) else names))
    arrays: dict[str, Array] = {}
    for key in ("text", *_ARRAYS, "text_bert"):
        if key in held:
            one = held[key]
            if one.ndim != 3 or len(one) != len(ids) or one.dtype.kind not in "fiu":
                raise ValueError(f"{key} of shape {one.shape} and type {one.dtype} for {len(ids)} ids")
            arrays[key] = one
    if not set(_ARRAYS) <= set(arrays):
        raise ValueError(f"no {' and '.join(key for key in _ARRAYS if key not in arrays)}")
    tokens = arrays.pop("text_bert", None)
    if tokens is not None and tokens.shape[1] != 3:
        raise ValueError(f"text_bert of shape {tokens.shape}, not (N, 3, T)")
    said = None if tokens is None else (np.asarray(tokens)[:, 1] > 0).sum(axis=1)
    longest = {key: one.shape[1] for key, one in arrays.items()}
    aligned = len(set(longest.values())) == 1 and "audio_lengths" not in held
    kinds = {key: f"{'aligned' if aligned else 'unaligned'}_{key}" for key in arrays}
    if "text" in arrays and arrays["text"].shape[2] != _BERT:
        kinds["text"] = "aligned_glove" if aligned and arrays["text"].shape[2] == _GLOVE else ""
    lengths = {}
    for key, kind in kinds.items():
        given = said if aligned or key == "text" else held.get(f"{key}_lengths")
        lengths[kind] = None if given is None else np.clip(_integers(given, len(ids)), 0, longest[key])
    labels = _labels(held, len(ids))
    split = SPLITS.get(name, UNLABELLED) if not np.isnan(labels[:, 0]).all() or not len(ids) else UNLABELLED
    found = {kinds[key]: one for key, one in arrays.items() if kinds[key]}
    if tokens is not None:
        found["tokens"], lengths["tokens"] = tokens, said
    return Table(split, ids, found, lengths, labels)


def _id(found: Any) -> tuple[str, str]:
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
    match = _IDS.fullmatch(text) if isinstance(found, (str, bytes)) else None
    return (match["video"] or match["video_"], match["clip"] or match["clip_"]) if match else ("", text)


def _integers(values: Any, count: int) -> np.ndarray:
    found = np.asarray(values, float).reshape(-1)
    if len(found) != count or not np.isfinite(found).all():
        raise ValueError(f"{len(found)} lengths for {count} ids")
    return found.astype(np.int64)


def _labels(held: Mapping[str, Any], count: int) -> np.ndarray:
    """Return (N, 1 or 4) labels: the clips' own, and those of text, audio and vision where they are there."""
    names = ["regression_labels", *(f"regression_labels_{which}" for which in "TAV")]
    there = [name for name in names if name in held]
    found = np.full((count, 4 if len(there) > 1 else 1), np.nan)
    for name in there:
        values = [
            np.nan if one is None or one == "" else float(one)
            for one in np.asarray(held[name]).ravel().tolist()
        ]
        if len(values) != count:
            raise ValueError(f"{len(values)} {name} for {count} ids")
        found[:, names.index(name)] = values
    return found


def _shape(path: Path, found: str, expected: str) -> ShapeError:
    return ShapeError(path, found, expected, "give a pickle as MMSA or the corpus's authors distribute it")
