"""No fold is judged with features of an encoder that saw the labels of what selects its epoch or is reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.families.video.stages.folds import Division
from affectssm.features.seen import refuse_seen
from affectssm.store.card import read_card
from affectssm.timeline.index import WindowIndex
from affectssm.timeline.tracks import files_by_corpus


def refuse_features(
    names: Iterable[str], folders: Sequence[Path], index: WindowIndex, division: Division
) -> None:
    """Refuse a fold's features where an encoder that made them saw what selects or is reported.

    Args:
        names: of the features.
        folders: ``results/features/{corpus}-{edition}`` of the corpus.
        index: windows of all that the fold reads.
        division: of the fold.

    Raises:
        ConfigError: naming the file and the recordings.
    """
    judged = {recording for recording, _ in division.select | division.report}
    for name in names:
        for paths in files_by_corpus(folders, name, index).values():
            for path in paths:
                refuse_seen(read_card(path) or {}, judged, path)


def refuse_run(card: Mapping[str, Any], reported: Iterable[str], where: Path) -> None:
    """Refuse predictions of a run whose features are of an encoder that saw what is reported.

    Args:
        card: of the predictions; it holds that of the run and, in it, those of its features.
        reported: recordings.
        where: what the message names.

    Raises:
        ConfigError: naming the recordings.
    """
    run = card["extra"].get("run") or {}
    recordings = set(reported)
    for made in run.get("extra", {}).get("features", {}).values():
        refuse_seen(made, recordings, where)
