"""What the tables of clips will miss, as far as the manifests tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.store.layout import corpus_of

LABEL = "sentiment"


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield labelled clips that have none of a source's kinds, and how many the owner has beyond those that are there.

    A clip that lacks some of the kinds is answered from the others, and so is not missing.

    Args:
        settings: ``kinds``: corpus -> source -> the kinds it is made of; ``splits`` that are scored; ``counts``: corpus
            -> split -> labelled clips of the whole corpus, where they are known.
        manifests: of all corpora of clips.
    """
    for path in manifests:
        corpus = corpus_of(path.parent)
        clips: dict[str, dict[str, set[str]]] = {split: {} for split in settings["splits"]}
        for row in read_manifest(path):
            if row.split in clips:
                clips[row.split].setdefault(row.recording, set()).add(row.kind)
        for split, found in clips.items():
            labelled = {clip: kinds for clip, kinds in sorted(found.items()) if LABEL in kinds}
            whole = settings.get("counts", {}).get(corpus, {}).get(split, 0)
            if len(labelled) < whole:
                yield f"{corpus}, {split}: {whole - len(labelled)} of {whole} labelled clips (not found)"
            for source, wanted in settings["kinds"].get(corpus, {}).items():
                for clip, kinds in labelled.items():
                    if not kinds & set(wanted):
                        yield f"{corpus} {source}, {split}: {clip} (no {', '.join(wanted)})"
