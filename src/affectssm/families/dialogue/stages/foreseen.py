"""What the tables of dialogues will miss, as far as the manifests tell.

The evaluation finds the same gaps after days of work (``gaps``, shared with it). What only the values of test labels
show, a track without a single number, is not known here: the evaluation alone opens them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import LABEL_HZ, read_manifest
from affectssm.evaluation.frame_reading import expected_of
from affectssm.evaluation.frame_scores import empty_reason, gaps
from affectssm.families.dialogue.stages.cells import CELLS
from affectssm.families.dialogue.stages.frames import length
from affectssm.timeline.clock import ratio
from affectssm.timeline.windows import find_targets


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield what each feature source lacks, cell by cell, once.

    Args:
        settings: ``clock_hz``, ``kinds`` by source, and ``experiments`` as lists of (source, split, cells).
        manifests: of all corpora of dialogues.
    """
    rows = [row for path in manifests for row in read_manifest(path)]
    labelled = {(row.corpus, row.recording, row.participant) for row in rows if row.kind == "annotation"}
    for source in dict.fromkeys(source for source, _, _ in settings["experiments"]):
        per_label = ratio(settings["clock_hz"], LABEL_HZ)
        targets, left_out = find_targets(rows, settings["kinds"][source], per_label, length)
        reasons = {(one.corpus, one.split, one.recording, one.participant): one.reason for one in left_out}
        expected = expected_of(manifests, reasons)
        wanted = {
            (split, cell): None
            for own, split, cells in settings["experiments"]
            for cell in cells
            if own == source
        }
        for split, cell in wanted:
            part = CELLS[split][cell]
            there = set(expected.seats.get(part, {}))
            labels = {(name, who) for corpus, name, who in labelled if corpus == part[0] and name in there}
            predicted = {(t.recording, t.participant) for t in targets if (t.corpus, t.split) == part}
            if not empty_reason(part, expected, bool(labels), bool(predicted)):
                for gap in gaps(part, expected, labels, predicted):
                    yield f"{source}, {split}: {cell} {gap}"
