"""Predict the clips that a run did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.training.run_files import CHECKPOINT, read_tensors
from minilab.clips import clips_of, means
from minilab.settings import RunSettings

PREDICTIONS = pa.schema([("clip", pa.string()), ("sentiment", pa.float64())])


def predict(settings: RunSettings, run: Path, vectors: Sequence[Path], manifest: Path, out: Path) -> None:
    """Write predictions.parquet of a run."""
    clips = clips_of(manifest, "test")
    x = np.hstack([means(vectors, "clip_vectors", clips), np.ones((len(clips), 1))])
    found = x @ read_tensors(run / CHECKPOINT)["weights"].numpy()
    card = make_card(
        "minilab/predict", ["minilab.predict"], settings.model_dump(), inputs=[run / CHECKPOINT, manifest],
        seed=settings.seed, run=read_card(run / CHECKPOINT),
    )  # fmt: skip
    write_parquet(out, {"clip": clips, "sentiment": found.tolist()}, PREDICTIONS, card)
