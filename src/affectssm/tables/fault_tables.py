"""Where the faults behind a table are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from affectssm.features import registry
from affectssm.store import layout


def fault_tables(corpora: Iterable[Path], features: Iterable[str]) -> list[Path]:
    """Return the fault tables of corpora (``results/corpora/{corpus}-{edition}``) and of their features."""
    found, names = [], list(features)
    for folder in corpora:
        tracks = folder.parents[1] / "features" / folder.name
        found.append(folder / "faults.parquet")
        for shard, kinds in sorted(layout.shard_index(folder)["shards"].items()):
            here = [name for name in names if registry.in_shard(name, kinds)]
            found += [layout.faults_of(layout.track(tracks, name, shard)) for name in here]
    return found
