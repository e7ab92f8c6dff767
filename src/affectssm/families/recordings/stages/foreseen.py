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
from affectssm.families.recordings.stages.windows import labelled_targets


def missing(settings: Mapping[str, Any], manifests: Sequence[Path]) -> Iterator[str]:
    """Yield what each feature source lacks, person by person.

    Args:
        settings: ``per`` (what labels are of), ``kinds`` by source, and ``folds`` at most.
        manifests: of the corpus.

    Raises:
        DataError: with too few recordings to divide, or a part without anybody to learn from or to select on.
    """
    rows = [row for path in manifests for row in read_manifest(path)]
    where = ", ".join(str(path) for path in manifests)
    parts = divide(groups_of(rows, "annotation"), settings["folds"], where)
    for source, kinds in settings["kinds"].items():
        targets, left_out = labelled_targets(rows, kinds, 1)
        there = {target.recording for target in targets}
        for name, part in parts.items():
            for what, own in (("learn from", part.learn), ("select the epoch on", part.select)):
                if there.isdisjoint(own):
                    raise DataError(
                        where,
                        f"{name} of {source}: none of the recordings to {what} ({', '.join(own)}) has "
                        f"{' or '.join(kinds)}",
                        "one at least",
                        "mend the media (faults.parquet beside the manifest says what is wrong), or set "
                        "recordings.sources",
                    )
        for one in left_out:
            yield f"{source}: {one.recording}/{one.participant} ({one.reason})"
