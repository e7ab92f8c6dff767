"""What runs on labels per frame have in common: their data, what it is made of, and predictions frame by frame."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from affectssm.store.card import without_contents
from affectssm.store.shards import ShardReader
from affectssm.timeline.index import Target, WindowIndex
from affectssm.timeline.loader import WindowDataset, in_order, make_loader
from affectssm.timeline.scaler import Scaler
from affectssm.timeline.stitch import Blend, Stitcher
from affectssm.timeline.tracks import files_by_corpus

log = logging.getLogger(__name__)


def content_of(
    features: Sequence[str], indexes: Iterable[WindowIndex], folders: Sequence[Path]
) -> tuple[str, dict[str, Any]]:
    """What a run learns from: a hash over its recordings, and how each feature was made, labels included.

    Feature files are not hashed whole: they also hold test sessions, and a new one of those changes nothing here.

    Args:
        features: that the run reads.
        indexes: of the windows that it learns from and selects on.
        folders: ``results/features/{corpus}-{edition}`` of each corpus.
    """
    digest = hashlib.sha256()
    made: dict[str, Any] = {}
    for index in indexes:
        digest.update(repr([_identity(target) for target in index.targets]).encode())
        recordings = {(target.corpus, target.recording) for target in index.targets}
        for name in [*features, index.frames.label]:
            for corpus, paths in sorted(files_by_corpus(folders, name, index).items()):
                for path in paths:
                    with ShardReader(path) as reader:
                        card = without_contents(reader.card)
                        made[name] = {key: card[key] for key in ("code", "settings", "extra")}
                        for recording, content in reader.contents.items():
                            if (corpus, recording) in recordings:
                                digest.update(f"{name}\t{corpus}\t{recording}\t{content}\n".encode())
    return digest.hexdigest()[:32], made


def _identity(target: Target) -> tuple[Any, ...]:
    return target.corpus, target.recording, target.participant, target.clock_frames, target.partners


def predict_windows(
    model: nn.Module, scaler: Scaler, windows: WindowDataset, batch: int, workers: int, blend: Blend = "later"
) -> pa.Table:
    """Predict every label frame of the windows' recordings once; rows as of ``prediction_schema``.

    Args:
        model: takes a FrameBatch; its answer has ``prediction``, (B, L) or (B, L, columns).
        scaler: standardises the features.
        windows: all of some targets.
        batch: windows at a time.
        workers: processes that read them.
        blend: how predictions of windows that overlap become one.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, scaler = model.to(device), scaler.to(device)
    batches = in_order(len(windows), batch)
    stitcher = Stitcher(windows.index, blend)
    with torch.inference_mode():
        for number, native in enumerate(make_loader(windows, batches, workers), start=1):
            moved = native.to(device)
            stitcher.add(moved, model(moved.interpolate(scaler)).prediction)
            if number % 50 == 0 or number == len(batches):
                log.info("batch %d/%d", number, len(batches))
    return stitcher.table()
