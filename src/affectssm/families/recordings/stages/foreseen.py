"""What the tables of one's own recordings will miss, as far as the manifest tells: who has labels and no media.

Too few recordings to divide are refused here, before anything is extracted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import DataError
from affectssm.families.recordings.stages.folds import divide, groups_of
from affectssm.families.recordings.stages.people import kinds_by_seat


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield what each feature source lacks, person by person.

    Args:
        settings: ``labels`` (the kind of their rows), ``kinds`` by source, and ``folds`` at most.
        manifests: of the corpus.

    Raises:
        DataError: with too few recordings to divide, or a part without anybody to learn from or to select on.
    """
    rows = [row for path in manifests for row in read_manifest(path)]
    where = ", ".join(str(path) for path in manifests)
    parts = divide(groups_of(rows, settings["labels"]), settings["folds"], where)
    labelled = {(row.recording, row.participant) for row in rows if row.kind == settings["labels"]}
    for source, kinds in settings["kinds"].items():
        held = labelled & set(kinds_by_seat(rows, kinds))
        there = {recording for recording, _ in held}
        for name, part in parts.items():
            for what, own in (("learn from", part.learn), ("select the epoch on", part.select)):
                if there.isdisjoint(own):
                    raise DataError(
                        where,
                        f"{name} of {source}: none of the recordings to {what} ({', '.join(own)}) has "
                        f"{' or '.join(kinds)}",
                        "one at least",
                        "mend the media (faults.parquet beside the manifest says what is wrong), or choose other "
                        "sources of features",
                    )
        for recording, who in sorted(labelled - held):
            yield f"{source}: {recording}/{who} (no {', no '.join(kinds)})"
