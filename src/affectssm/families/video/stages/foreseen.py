"""What the tables of video will miss, as far as the manifest tells: people with an annotation who lack a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.evaluation.frame_reading import expected_of
from affectssm.evaluation.frame_scores import gaps
from affectssm.families.video.stages.frames import CORPUS, length
from affectssm.timeline.windows import find_targets


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield what each feature source lacks, person by person.

    Args:
        settings: ``kinds`` by source, and ``splits`` that are scored.
        manifests: of the corpus.
    """
    rows = [row for path in manifests for row in read_manifest(path)]
    for source, kinds in settings["kinds"].items():
        targets, left_out = find_targets(rows, kinds, 1, length)
        reasons = {(one.corpus, one.split, one.recording, one.participant): one.reason for one in left_out}
        expected = expected_of(manifests, reasons)
        for split in settings["splits"]:
            labelled = {
                (row.recording, row.participant)
                for row in rows
                if row.kind == "annotation" and row.split == split
            }
            predicted = {
                (target.recording, target.participant) for target in targets if target.split == split
            }
            for gap in gaps((CORPUS, split), expected, labelled, predicted):
                yield f"{source}, {split}: {gap}"
