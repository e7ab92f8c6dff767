"""What the steps of bio-signals run, where a stage takes its settings in pieces; each imports its stage when called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def segments(
    settings: Mapping[str, Any],
    manifest: Path,
    features: Path,
    shard: str,
    out: Path,
    index: Path,
    faults: Path,
) -> None:
    """Cut the trials of a shard into epochs."""
    from affectssm.settings.load import validate
    from affectssm.settings.trials import EpochSettings
    from affectssm.timeline.epochs import write_epochs

    asked = validate(EpochSettings, dict(settings), "--settings")
    write_epochs(manifest, features, shard, asked, out, index, faults)


def masks(settings: Mapping[str, Any], epochs: Sequence[Path], seed: str, out: Path) -> None:
    """Draw the masks of a shard."""
    from affectssm.adaptation.mask_files import write_mask_files

    write_mask_files(epochs, int(seed), settings["missing"], settings["modalities"], out)


def choose(settings: Mapping[str, Any], epochs: Sequence[Path], runs: Sequence[Path], out: Path) -> None:
    """Choose the constants of the methods on development subjects."""
    from affectssm.adaptation.choose import choose as choose_constants

    choose_constants(settings["methods"], settings["choice"], settings["adaptation"], epochs, runs, out)


def adapt(
    settings: Mapping[str, Any],
    epochs: Sequence[Path],
    run: Path,
    masks: Sequence[Path],
    chosen: Path,
    out: Path,
    streams: Path,
) -> None:
    """Adapt to the test segments of a part's folds."""
    from affectssm.adaptation.choose import read_chosen
    from affectssm.adaptation.trials import PartFiles, adapt_part

    constants, development = read_chosen(chosen)
    own = {name: value for name, value in settings.items() if name not in ("adaptation", "missing", "choice")}
    files = PartFiles(epochs, run, masks, out, streams)
    adapt_part(own, settings["adaptation"], settings["missing"], constants, files, development)
