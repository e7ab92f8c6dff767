"""The window indexes of a task: who trains, who selects, who is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectssm.corpora.manifest import LABEL_HZ, content_hash, read_manifest
from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import WindowSettings
from affectssm.families.dialogue.stages.frames import FRAMES, length
from affectssm.store.card import make_card
from affectssm.timeline.clock import ratio
from affectssm.timeline.index import write_index
from affectssm.timeline.windows import find_targets, write_missing

PARTS: dict[str, tuple[str, ...]] = {"training": ("train", "val"), "prediction": ("test",)}


def part_of(corpus: str, split: str) -> str:
    """Name the file of an owner's split: train trains, NoXi's val selects, all else is predicted only."""
    if split == "train":
        return "train"
    return "val" if (corpus, split) == ("noxi", "val") else "test"


def write_windows(settings: WindowSettings, manifests: Sequence[Path], out: Path) -> None:
    """Write the window indexes of a part of a task.

    Args:
        settings: of the part: training (train.parquet and val.parquet) or prediction (test.parquet, and missing.parquet
            with all who were left out of any part).
        manifests: of all corpora that the part needs.
        out: ``results/windows/{task}``.

    Raises:
        DataError: if nobody can be trained on.
    """
    names = PARTS[settings.part]
    rows = [row for path in manifests for row in read_manifest(path)]
    if settings.part == "training":  # what other splits hold does not matter to a model
        rows = [row for row in rows if part_of(row.corpus, row.split) in names]
    per_label = ratio(settings.clock_hz, LABEL_HZ)
    targets, missing = find_targets(rows, settings.kinds, per_label, length)
    told = {"task": out.name, "kinds": list(settings.kinds), **FRAMES.told(per_label)}
    card = make_card("windows", [__name__], told, content=content_hash(rows))
    for name in names:
        chosen = [target for target in targets if part_of(target.corpus, target.split) == name]
        if name == "train" and not chosen:
            raise _nobody(manifests, settings.kinds)
        write_index(out / f"{name}.parquet", chosen, FRAMES, card)
    if settings.part == "prediction":
        write_missing(out / "missing.parquet", missing, card)


def _nobody(manifests: Sequence[Path], kinds: Sequence[str]) -> DataError:
    return DataError(
        ", ".join(map(str, manifests)),
        "no participant of a training split has all that is needed",
        f"{', '.join(kinds)} and annotation of one at least",
        "look into the fault table beside the manifest; without raw media set dialogue.sources: [multimediate]",
    )
