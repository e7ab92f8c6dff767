"""Extract the features of a shard with the encoder that was tuned on a fold's training videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm.families.video.run_settings import EncodingSettings
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.features import completed


def encode(
    settings: EncodingSettings,
    manifests: Path,
    encoder: Path,
    shard: str,
    out: Path,
    faults: Path,
    computing: Mapping[str, Any],
) -> None:
    """Extract a shard, or go on with it; as :func:`affectssm.features.extract.extract_shard` does.

    Args:
        settings: of the extraction.
        manifests: manifest.parquet of the corpus.
        encoder: file of the tuned encoder; the card of the features says which fold and recordings it saw.
        shard: its name.
        out: the feature file to write.
        faults: the fault table to write.
        computing: ``mae``, how the encoder is computed.

    Raises:
        ConfigError: if the encoder's file is none, or of other weights than those that are set.
        ChangedError: if files are not those of the manifest.
    """
    told = completed(settings.feature, settings.encoder | computing.get("mae", {})) | {"tuned": str(encoder)}
    root, truth = settings.place.folders()
    named = settings.place.edition is not None
    extract_shard(settings.feature, Shard(manifests, shard, root, truth, named), told, out, faults)
