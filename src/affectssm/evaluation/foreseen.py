"""What the tables will miss, as far as the manifests tell: asked before anything is extracted or trained.

The evaluation finds the same gaps after days of work (cells.gaps, shared with it). What only the values of test labels
show, a track without a single number, is not known here: the evaluation alone opens them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import StreamRow, read_manifest
from affectssm.errors import DataError, listed
from affectssm.evaluation.cells import CELLS, empty_reason, gaps
from affectssm.evaluation.reading import expected_of
from affectssm.settings.trials import ProtocolSettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.layout import corpus_of
from affectssm.timeline.windows import find_targets
from affectssm.training.folds import folds

MODULES = ["affectssm.evaluation.foreseen"]
NAMED = 12  # in the error; the log names all
log = logging.getLogger(__name__)


def check_complete(settings: Mapping[str, Any], manifests: Sequence[Path], out: Path) -> list[str]:
    """Write what the tables will miss, or refuse to go on.

    Args:
        settings: ``allow_incomplete`` and, of dialogues, ``clock_hz`` and ``experiments`` as lists of (source, split,
            cells); of trials, ``modalities`` by corpus and the ``protocol``.
        manifests: ``results/corpora/{corpus}-{edition}/manifest.parquet`` of all corpora of these tables.
        out: the JSON to write: what is missing, by name.

    Returns:
        What is missing.

    Raises:
        DataError: naming units, when some are missing and the settings do not allow it; or when a corpus lacks a
            modality that the models are to see.
    """
    if "experiments" in settings:
        missing = list(_of_dialogues(settings, manifests))
    else:
        missing = list(_of_trials(settings, manifests))
    for name in missing:
        log.warning("will be missing: %s", name)
    if missing and not settings["allow_incomplete"]:
        raise DataError(
            ", ".join(str(path.parent) for path in manifests),
            f"{len(missing)} unit{'s' * (len(missing) != 1)} that the tables will miss: {listed(missing, NAMED)}",
            "all that belongs to the parts that are scored",
            "mend them (faults.parquet beside each manifest says what is wrong), or set tables.allow_incomplete: true "
            "and have them named in the tables; nothing was extracted or trained yet",
        )
    card = make_card("evaluation/foreseen", MODULES, dict(settings), inputs=manifests)
    write_json(out, {"missing": missing, "card": card})
    return missing


def _of_dialogues(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """What each feature source lacks, cell by cell, once."""
    rows = [row for path in manifests for row in read_manifest(path)]
    labelled = {(row.corpus, row.recording, row.participant) for row in rows if row.kind == "annotation"}
    for source in dict.fromkeys(source for source, _, _ in settings["experiments"]):
        targets, left_out = find_targets(rows, settings["kinds"][source], settings["clock_hz"])
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


def _of_trials(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Subjects that no fold tests."""
    protocol = ProtocolSettings.model_validate(settings["protocol"])
    for path in manifests:
        rows, corpus = read_manifest(path), corpus_of(path.parent)
        _require_modalities(path, rows, settings["modalities"][corpus])
        trials = {(row.corpus, row.participant, row.recording) for row in rows}
        tested = {trial[1] for fold in folds(trials, protocol) for trial in fold.test}
        for subject in sorted({trial[1] for trial in trials} - tested):
            count = sum(trial[1] == subject for trial in trials)
            yield f"{corpus} {subject} ({count} trial{'s' * (count != 1)}: none is left to learn from)"


def _require_modalities(path: Path, rows: Sequence[StreamRow], wanted: Sequence[str]) -> None:
    lacking = [name for name in wanted if all(row.kind != name for row in rows)]
    if lacking:
        raise DataError(
            path.parent,
            f"no trial with {', '.join(lacking)}",
            f"trials with {', '.join(wanted)}",
            f"mend physiology.modalities.{corpus_of(path.parent)}, or the files (faults.parquet says what is wrong)",
        )
