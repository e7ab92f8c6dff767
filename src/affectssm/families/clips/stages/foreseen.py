"""What the tables of clips will miss, as far as the manifests tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.families.clips.stages.modalities import LABEL
from affectssm.store.layout import corpus_of


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield sources without a single labelled clip in a split that is learnt from or answered.

    A clip belongs to a source that has something of it, if only one modality; owners' files of different forms hold
    different clips. How many clips there should be is known to the readers, whose faults say what is not there.

    Args:
        settings: ``kinds``: corpus -> source -> the kinds it is made of; ``splits`` that are needed.
        manifests: of all corpora of clips.
    """
    for path in manifests:
        corpus, rows = corpus_of(path.parent), read_manifest(path)
        labelled = {row.recording for row in rows if row.kind == LABEL}
        for source, kinds in settings["kinds"].get(corpus, {}).items():
            held = {row.split for row in rows if row.kind in kinds and row.recording in labelled}
            for split in settings["splits"]:
                if split not in held:
                    text = f"{corpus}, {split}: no labelled clip with {', '.join(kinds)} (source {source}"
                    yield f"{text} of clips.sources.{corpus})"
