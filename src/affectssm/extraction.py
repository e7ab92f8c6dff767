"""A feature of a shard, computed on what a job computes on; a GPU without memory gets smaller batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm import device
from affectssm.features.extract import Shard, extract_shard
from affectssm.gpu_memory import halving, out_of_memory
from affectssm.vocabulary.features import spec


def extract_on_device(
    feature: str,
    shard: Shard,
    settings: Mapping[str, Any],
    out: Path,
    faults: Path,
    faces: Path | None = None,
    named: str = "",
) -> None:
    """Extract a feature, see :func:`affectssm.features.extract.extract_shard`.

    Args:
        feature, shard, settings, out, faults, faces: as there.
        named: what the user calls the feature, where that is another name.

    Raises:
        ConfigError: when the job was given a GPU that it cannot use, or that has too little memory for a batch of one.
    """
    found, named = spec(feature), named or feature

    def run(**changed: int) -> None:
        extract_shard(feature, shard, {**settings, **changed}, out, faults, faces)

    if not found.network:
        run()
        return
    what = f"extract {named}"
    device.begin(what, threads=settings.get("threads", 1))
    if "batch" in settings:
        option = f"features.{found.section or named}.batch"
        halving(what, option, settings["batch"], lambda batch: run(batch=batch))
    else:
        with out_of_memory(what):
            run()
