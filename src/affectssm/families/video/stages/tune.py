"""Tune the last blocks of a masked autoencoder's encoder on the labels of the videos that a fold learns from.

Videos that select the fold's epoch or are reported are not seen. Mamba-VA (section 3.1) does not say on which videos
and labels its encoder was tuned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.families.video.run_settings import TuningSettings
from affectssm.families.video.stages.folds import divide
from affectssm.families.video.stages.frames import COLUMNS, LABELLED
from affectssm.settings.encoder_tuning import EncoderTuningSettings
from affectssm.settings.features import completed
from affectssm.timeline.index import read_windows
from affectssm.timeline.loader import open_windows
from affectssm.training.encoder_tuning import LabelledCrops, tune_encoder


def tune(
    settings: TuningSettings,
    windows: Path,
    features: Sequence[Path],
    manifests: Path,
    out: Path,
    computing: Mapping[str, Any],
) -> None:
    """Tune the encoder of a fold, or go on with it after its last finished epoch.

    Args:
        settings: of the tuning.
        windows: ``results/windows/{task}``, which says who has labels and so who is in which fold.
        features: ``results/features/{corpus}-{edition}`` of the corpus; its labels are read.
        manifests: manifest.parquet of the corpus, which says where the crops are.
        out: the safetensors file of what changed; its card says which fold and which recordings it saw.
        computing: ``mae``, how the encoder is computed, and ``tuning``, processes that read pictures.

    Raises:
        ConfigError: if the encoder's weights are missing.
        DataError: when nobody is left to learn from, or a folder of crops cannot be read.
    """
    encoder = completed("mae", settings.encoder | computing.get("mae", {}))
    workers = computing.get("tuning", {}).get("workers", 0)
    tuning = EncoderTuningSettings.model_validate(settings.tuning | {"workers": workers})
    seen = _seen(settings, windows, features, manifests)
    tune_encoder(out, seen, encoder, tuning, COLUMNS, str(settings.fold), settings.seed)


def _seen(
    settings: TuningSettings, windows: Path, features: Sequence[Path], manifest: Path
) -> list[LabelledCrops]:
    """Return the crops and labels of the people that the fold learns from."""
    labelled = read_windows(windows / LABELLED)
    learn = divide(labelled.targets, settings.fold, settings.cross_folds).learn
    index = labelled.select(lambda target: (target.recording, target.participant) in learn)
    labels = open_windows(index, features, ())
    root, _ = settings.place.folders()
    crops = {
        (row.recording, row.participant): root / row.path
        for row in read_manifest(manifest)
        if row.kind == "crops"
    }
    return [
        LabelledCrops(
            target.recording,
            target.participant,
            crops[target.recording, target.participant],
            *labels.label_track(number),
        )
        for number, target in enumerate(index.targets)
    ]
