"""The cells of the tables of dialogues: which parts of the corpora can be scored, and who is missing from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from affectssm.families.cells import Cell, Manifests
from affectssm.families.dialogue.experiments import Experiment

GLOBAL = "global"


def cells(experiments: Sequence[Experiment], settings: Mapping[str, Any], manifests: Manifests) -> list[Cell]:
    """Return the cells of some experiments.

    Args:
        experiments: a row each.
        settings: ``clock_hz`` and ``kinds`` by source.
        manifests: of the corpora of dialogues.
    """
    known = {
        source: _Source(settings["kinds"][source], settings["clock_hz"], manifests)
        for source in dict.fromkeys(one.source for one in experiments)
    }
    found: list[Cell] = []
    for one in experiments:
        own = list(known[one.source].cells(one))
        filled = {cell.column for cell in own if not cell.empty}
        absent = [name for name in known[one.source].columns if name not in filled]
        found += [*own, Cell(one.name, GLOBAL, f"global needs {', '.join(absent)}" if absent else "")]
    return found


class _Source:
    """What the manifests promise of a source of features, each part looked at once."""

    def __init__(self, kinds: Sequence[str], clock_hz: float, manifests: Manifests) -> None:
        from affectssm.corpora.manifest import LABEL_HZ, read_manifest
        from affectssm.evaluation.frame_reading import expected_of
        from affectssm.families.dialogue.stages.cells import CELLS
        from affectssm.families.dialogue.stages.frames import length
        from affectssm.timeline.clock import ratio
        from affectssm.timeline.windows import find_targets

        rows = [row for path in manifests.values() for row in read_manifest(path)]
        self._labelled = {
            (row.corpus, row.recording, row.participant) for row in rows if row.kind == "annotation"
        }
        targets, left_out = find_targets(rows, kinds, ratio(clock_hz, LABEL_HZ), length)
        reasons = {(one.corpus, one.split, one.recording, one.participant): one.reason for one in left_out}
        self._expected = expected_of(manifests.values(), reasons)
        self._targets = {(one.corpus, one.split, one.recording, one.participant) for one in targets}
        self._learnt = any(one.corpus == "noxi" and one.split == "train" for one in targets)
        self._cells = CELLS
        self.columns = tuple(CELLS["test"])

    def cells(self, one: Experiment) -> Iterator[Cell]:
        from affectssm.evaluation.frame_scores import empty_reason, gaps

        for column in one.cells:
            part = self._cells[one.split][column]
            there = set(self._expected.seats.get(part, {}))
            labels = {
                (name, who) for corpus, name, who in self._labelled if corpus == part[0] and name in there
            }
            predicted = {key[2:] for key in self._targets if key[:2] == part}
            why = empty_reason(part, self._expected, bool(labels), bool(predicted))
            if not why and not self._learnt:
                why = "nobody of noxi train has all streams and labels: nothing to learn from"
            missing = () if why else tuple(map(str, gaps(part, self._expected, labels, predicted)))
            yield Cell(one.name, column, why, missing)
