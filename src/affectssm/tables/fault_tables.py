"""Where the faults behind a table are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from affectssm.store import layout
from affectssm.vocabulary.features import in_shard


def fault_tables(corpora: Iterable[Path], features: Iterable[str]) -> list[Path]:
    """Return the fault tables of corpora (``results/corpora/{corpus}-{edition}``), their features and segments."""
    found, names = [], list(features)
    for folder in corpora:
        tracks, segments = (folder.parents[1] / stage / folder.name for stage in ("features", "segments"))
        found.append(folder / "faults.parquet")
        for shard, kinds in sorted(layout.shard_index(folder)["shards"].items()):
            here = [name for name in names if in_shard(name, kinds)]
            found += [layout.faults_of(layout.track(tracks, name, shard)) for name in here]
            if "ratings" in here:  # labelled items, which are cut into segments
                found.append(layout.faults_of(segments / f"{shard}.h5"))
    return found
