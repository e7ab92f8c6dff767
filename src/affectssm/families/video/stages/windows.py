"""The window indexes of video: those that are learnt from, and those that predict the same videos and the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affectssm.corpora.manifest import content_hash, is_test_split, read_manifest
from affectssm.errors import DataError
from affectssm.families.video.run_settings import WindowSettings
from affectssm.families.video.stages.frames import LABELLED, LEARNT, TEST, frames_of, length
from affectssm.store.card import make_card
from affectssm.timeline.index import write_index
from affectssm.timeline.windows import find_targets, write_missing


def write_windows(settings: WindowSettings, manifests: Sequence[Path], out: Path) -> None:
    """Write the window indexes of a part of a task.

    Args:
        settings: of the part: training (learnt.parquet, in which the windows of training overlap, and labelled.parquet
            with those that predict, both of all videos with labels) or prediction (test.parquet, and missing.parquet
            with all who were left out of any part).
        manifests: of the corpus.
        out: ``results/windows/{task}``.

    Raises:
        DataError: if nobody can be learnt from.
    """
    training = settings.part == "training"
    rows = [row for path in manifests for row in read_manifest(path)]
    if training:  # what test videos hold does not matter to a model
        rows = [row for row in rows if not is_test_split(row.split)]
    found, missing = find_targets(rows, settings.kinds, 1, length)
    targets = [replace(one, partners=()) for one in found if is_test_split(one.split) is not training]
    if training and not targets:
        raise DataError(
            ", ".join(map(str, manifests)),
            "nobody with labels has all that is needed",
            f"{', '.join(settings.kinds)} and an annotation of one person at least",
            "look into the fault table beside the manifest; without crops set video.sources: [mae_video]",
        )
    strides = {LABELLED: settings.predicted_stride, LEARNT: settings.stride}
    if not training:
        strides = {TEST: settings.predicted_stride}
    for name, stride in strides.items():
        frames = frames_of(settings.length, stride)
        told = {"task": out.name, "kinds": list(settings.kinds), **frames.told(1)}
        card = make_card("windows", [__name__], told, content=content_hash(rows))
        write_index(out / name, targets, frames, card)
    if not training:
        write_missing(out / "missing.parquet", missing, card)
