"""What the table will miss, as far as the manifest tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield the parts without a clip."""
    for path in manifests:
        there = {row.split for row in read_manifest(path)}
        yield from (f"{part} of {path.parent.name}" for part in ("train", "test") if part not in there)
