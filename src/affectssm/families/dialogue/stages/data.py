"""Which windows a run learns from, and which select its epoch."""

from __future__ import annotations

from pathlib import Path

from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.timeline.windows import holdout


def training_indexes(settings: RunSettings, windows: Path) -> tuple[WindowIndex, WindowIndex]:
    """The windows a run learns from, and those that select its epoch.

    Args:
        settings: of the run; ``selection`` is ``val`` (NoXi's validation part) or ``holdout`` (training
            sessions).
        windows: ``results/windows/{task}``.

    Raises:
        DataError: when either is empty.
    """
    train = read_windows(windows / "train.parquet")
    if settings.selection == "holdout":
        held = holdout(target.recording for target in train.targets)
        train, select = (
            train.select(lambda t: t.recording not in held),
            train.select(lambda t: t.recording in held),
        )
    else:
        select = read_windows(windows / "val.parquet")
    for name, index in (("train", train), ("selection", select)):
        if not len(index):
            raise DataError(
                windows, f"no windows in the {name} part", "at least one", "look into missing.parquet"
            )
    return train, select


def labelled_sessions(windows: Path) -> WindowIndex:
    """The windows of MPIIGI's labelled part."""
    index = read_windows(windows / "test.parquet")
    return index.select(lambda target: (target.corpus, target.split) == ("mpiigi", "val"))
