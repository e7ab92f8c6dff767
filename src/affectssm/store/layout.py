"""Where files lie below the results folder; the stages and the workflow agree through this page alone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from affectssm.errors import DataError
from affectssm.store.atomic import write_json
from affectssm.store.code import SETTLED_NS

Index = dict[str, dict[str, dict[str, str]]]
_INDEXES: dict[Path, tuple[tuple[int, int, int], Index]] = {}
"""What was read of shards.json, and the state that the file was in: every job asks for it."""


def shard_index(corpus_folder: Path) -> Index:
    """Return shards.json of ``results/corpora/{corpus}-{edition}``: content hashes by shard and by split.

    As long as the file is the same, so is the object: it is not to be changed.

    Raises:
        DataError: if the manifest has not been made.
    """
    path = corpus_folder / "shards.json"
    try:
        with path.open(
            encoding="utf-8"
        ) as file:  # opened to see its state, which a network's file system may keep
            stat = os.fstat(file.fileno())
            state = stat.st_ino, stat.st_size, stat.st_mtime_ns
            known = _INDEXES.get(path)
            if known is not None and known[0] == state:
                return known[1]
            found = json.load(file)
        if time.time_ns() - stat.st_mtime_ns > SETTLED_NS:
            _INDEXES[path] = state, found
        return found
    except (OSError, ValueError) as error:
        raise DataError(
            path, f"not readable: {error}", "the shard index", "make the manifest first"
        ) from error


def edition(results: Path, corpus: str, name: str) -> Path:
    """Return the folder of a named edition: where its corpus lies now (:func:`places`) and what it holds."""
    return results / "editions" / f"{corpus}-{name}"


def held_in(edition_folder: Path) -> Path:
    """Return the file that says which recordings a named edition holds."""
    return edition_folder / "recordings.json"


def write_places(edition_folder: Path, root: str, ground_truth: str | None) -> None:
    """Write where the corpus of a named edition lies, unless it is written already."""
    places_now = {"root": root, "ground_truth": ground_truth}
    path = edition_folder / "places.json"
    try:
        if json.loads(path.read_text(encoding="utf-8")) == places_now:
            return
    except (OSError, ValueError):
        pass
    write_json(path, places_now)


def places(edition_folder: Path) -> tuple[Path, Path | None]:
    """Return the root and the ground-truth folder of a named edition.

    Raises:
        DataError: if they were not written, or by something else.
    """
    path = edition_folder / "places.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        truth = found["ground_truth"]
        return Path(found["root"]), Path(truth) if truth is not None else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            path, f"not readable: {error}", '{"root": ..., "ground_truth": ... or null}',
            "call snakemake with your configuration, which writes it before anything runs",
        ) from error  # fmt: skip


def corpus_of(folder: Path) -> str:
    """Return the corpus of a folder named ``{corpus}-{edition}``."""
    return folder.name.partition("-")[0]


def track(features_folder: Path, feature: str, shard: str) -> Path:
    """Return the file of a feature of a shard, below ``results/features/{corpus}-{edition}``."""
    return features_folder / feature / f"{shard}.h5"


def faults_of(track_file: Path) -> Path:
    """Return the fault rows that belong to a feature file."""
    return track_file.with_suffix(".faults.parquet")


def tracks(
    folders: Iterable[Path], features: Iterable[str], shards: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, list[Path]]]:
    """Return corpus -> feature -> files, for the shards named by corpus."""
    names = list(features)
    return {
        corpus_of(folder): {
            feature: [track(folder, feature, shard) for shard in sorted(shards.get(corpus_of(folder), ()))]
            for feature in names
        }
        for folder in folders
    }
