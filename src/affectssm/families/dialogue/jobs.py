"""What the steps of dialogues run, where a stage takes its settings in pieces; each imports its stage when called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def segments(settings: Mapping[str, Any], manifests: Sequence[Path], out: Path) -> None:
    """Write the window indexes of a part of a task."""
    from affectssm.store.layout import by_corpus
    from affectssm.timeline.windows import write_windows

    kinds, clock_hz, part = settings["kinds"], settings["clock_hz"], settings["part"]
    write_windows(out.name, by_corpus(manifests), kinds, clock_hz, part, out)


def train(
    settings: Mapping[str, Any],
    windows: Path,
    features: Sequence[Path],
    out: Path,
    computing: Mapping[str, Any],
) -> None:
    """Train a run, or go on from another one's on MPIIGI."""
    if settings["variant"] == "adapt_mpiigi":
        from affectssm.training.adapt import adapt as fit
    else:
        from affectssm.training.fit import fit

    fit(_with_workers(settings, computing), windows, features, out)


def predict(
    settings: Mapping[str, Any],
    run: Path,
    windows: Path,
    features: Sequence[Path],
    out: Path,
    computing: Mapping[str, Any],
) -> None:
    """Predict with a trained run."""
    from affectssm.training.predict import predict as predict_run

    predict_run(_with_workers(settings, computing), run, windows, features, out)


def _with_workers(settings: Mapping[str, Any], computing: Mapping[str, Any]) -> dict[str, Any]:
    recipe = settings["training"] | {"workers": computing.get("workers", 0)}
    return {**settings, "training": recipe}
