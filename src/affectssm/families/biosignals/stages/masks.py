"""The masks of a shard's segments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectssm.adaptation.mask_files import write_mask_files
from affectssm.families.biosignals.run_settings import ChoosingSettings
from affectssm.families.biosignals.stages.segments import open_store


def masks(settings: ChoosingSettings, segments: Sequence[Path], seed: str, out: Path) -> None:
    """Draw what goes missing from all segments of a shard, rated or not.

    Args:
        settings: patterns, ratios and modalities.
        segments: the shard's ``.h5``, its index beside it.
        seed: of the draw, the run's.
        out: ``results/masks/{corpus}-{edition}/{shard}/{seed}``; gets ``{pattern}-{ratio}.parquet``.

    Raises:
        DataError: if the segments lack a modality.
    """
    write_mask_files(open_store(segments), int(seed), settings.missing, settings.modalities, out)
