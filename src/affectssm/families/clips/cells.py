"""The cells of the tables of clips: which sources have clips to learn from and to answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from affectssm.families.cells import Cell, Manifests
from affectssm.families.clips.experiments import Experiment


def cells(
    experiments: Sequence[Experiment], kinds: Mapping[str, Sequence[str]], manifests: Manifests
) -> list[Cell]:
    """Return the cells of some experiments: one each.

    Args:
        experiments: a row each.
        kinds: source -> the kinds of rows that it is made of.
        manifests: of the corpora of clips.
    """
    held = {corpus: _Clips(corpus, manifests) for corpus in dict.fromkeys(one.corpus for one in experiments)}
    return [
        Cell(one.name, one.target, held[one.corpus].lacks(one.source, kinds[one.source]))
        for one in experiments
    ]


class _Clips:
    """The clips of a corpus: of each split, which kinds of rows its labelled ones have."""

    def __init__(self, corpus: str, manifests: Manifests) -> None:
        from affectssm.corpora.manifest import read_manifest
        from affectssm.families.clips.stages.modalities import LABEL

        self.corpus, self.there = corpus, corpus in manifests
        self._held: dict[str, set[str]] = defaultdict(set)  # kind -> splits
        if self.there:
            rows = read_manifest(manifests[corpus])
            labelled = {row.recording for row in rows if row.kind == LABEL}
            for row in rows:
                if row.recording in labelled:
                    self._held[row.kind].add(row.split)

    def lacks(self, source: str, kinds: Sequence[str]) -> str:
        """Return why a source cannot be learnt from and answered; "" where it can."""
        if not self.there:
            return f"nothing of {self.corpus} can be read"
        splits = set().union(*(self._held[kind] for kind in kinds))
        empty = [split for split in ("train", "val", "test") if split not in splits]
        return (
            f"no labelled clip of {', '.join(empty)} with {' or '.join(kinds)} (source {source})"
            if empty
            else ""
        )
