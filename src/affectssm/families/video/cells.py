"""The cells of the tables of video: which folds can be scored, and who is missing from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.families.cells import Cell, Manifests
from affectssm.families.video.experiments import OFFICIAL, Experiment


def cells(
    experiments: Sequence[Experiment], settings: Mapping[str, Any], cross_folds: int, manifests: Manifests
) -> list[Cell]:
    """Return the cells of some experiments: one a fold.

    Args:
        experiments: a row each.
        settings: ``kinds`` by source.
        cross_folds: how many folds videos are dealt to.
        manifests: of the corpus, where there is one.
    """
    from affectssm.corpora.manifest import read_manifest
    from affectssm.families.video.stages.frames import length
    from affectssm.timeline.windows import find_targets

    rows = [row for path in manifests.values() for row in read_manifest(path)]
    found: list[Cell] = []
    for one in experiments:
        targets, left_out = find_targets(rows, settings["kinds"][one.source], 1, length)
        usable = {
            split: {target.recording for target in targets if target.split == split}
            for split in ("train", "val")
        }
        lost = {
            split: tuple(
                f"{who.recording}/{who.participant} ({who.reason})"
                for who in left_out
                if who.split == split and "no annotation" not in who.reason
            )
            for split in ("train", "val")
        }
        for fold in one.folds:
            if fold == OFFICIAL:
                why, missing = _official(usable), lost["val"]
            else:
                held = len(usable["train"] | usable["val"])
                why = f"{held} videos for {cross_folds} folds" if held < max(2, cross_folds) else ""
                missing = lost["train"] + lost["val"]
            found.append(Cell(one.name, f"fold{fold}", why, () if why else missing))
    return found


def _official(usable: Mapping[str, set[str]]) -> str:
    for split, what in (("train", "learn from"), ("val", "score")):
        if not usable[split]:
            return f"no video of {split} with all streams and labels: nothing to {what}"
    return ""
