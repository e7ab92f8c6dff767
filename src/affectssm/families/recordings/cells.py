"""The cells of the tables of own recordings: who is reported has media of which sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.families.cells import Cell
from affectssm.families.recordings.experiments import Experiment


def cells(
    experiments: Sequence[Experiment],
    columns: Sequence[str],
    expected: Mapping[str, Any],
    manifest: Path | None,
) -> list[Cell]:
    """Return the cells of some experiments: one each and label.

    Args:
        experiments: a row each.
        columns: what is labelled.
        expected: of the corpus: ``kinds`` of rows by source, the kind of rows of ``labels``, and ``folds`` at most.
        manifest: of the corpus, where it can be read.

    Raises:
        DataError: with too few recordings to divide.
    """
    from affectssm.corpora.manifest import read_manifest
    from affectssm.families.recordings.stages.folds import divide, groups_of
    from affectssm.families.recordings.stages.people import kinds_by_seat

    if manifest is None:
        return [
            Cell(one.name, column, "nothing of folder can be read")
            for one in experiments
            for column in columns
        ]
    rows, labels = read_manifest(manifest), expected["labels"]
    parts = divide(groups_of(rows, labels), expected["folds"], str(manifest))
    reported = {recording for part in parts.values() for recording in part.report}
    wanted = {
        (row.recording, row.participant) for row in rows if row.kind == labels and row.recording in reported
    }
    found = []
    for one in experiments:
        own = expected["kinds"][one.source]
        lacking = sorted(wanted - set(kinds_by_seat(rows, own)))
        empty = "" if len(lacking) < len(wanted) else f"nobody who is reported has {' or '.join(own)}"
        missing = tuple(f"{recording}/{who}" for recording, who in lacking) if not empty else ()
        found += [Cell(one.name, column, empty, missing) for column in columns]
    return found
