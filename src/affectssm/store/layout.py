"""Where files lie below the results folder; the stages and the workflow agree through this page alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from affectssm.errors import DataError


def shard_index(corpus_folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Return shards.json of ``results/corpora/{corpus}-{edition}``: content hashes by shard and by split.

    Raises:
        DataError: if the manifest has not been made.
    """
    path = corpus_folder / "shards.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            path, f"not readable: {error}", "the shard index", "make the manifest first"
        ) from error


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


def by_corpus(files: Iterable[Path]) -> dict[str, Path]:
    """Return corpus -> file for files that lie in a folder named ``{corpus}-{edition}``."""
    return {corpus_of(file.parent): file for file in files}
