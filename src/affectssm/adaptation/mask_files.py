"""The masks of a shard's segments as files, one a pattern and ratio, and those that a job needs of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from affectssm.adaptation.missing import Masks, draw, mask_settings, read_masks, write_masks
from affectssm.errors import DataError
from affectssm.settings.segments import MissingSettings
from affectssm.timeline.segments import SegmentStore
from affectssm.training.segments import segment_ids

Shapes = tuple[dict[str, int], int]
"""Channels C of every modality, in the model's order, and samples L a segment."""


def mask_file(folder: Path, pattern: str, ratio: float) -> Path:
    """Return where the masks of a pattern and ratio lie."""
    return folder / f"{pattern}-{ratio:g}.parquet"


def write_mask_files(
    store: SegmentStore, seed: int, missing: MissingSettings, modalities: Sequence[str], out_dir: Path
) -> None:
    """Draw the masks of all segments of a store, labelled or not, in the order of its index.

    One pattern and ratio is held at a time (by samples 44 MB for four people of 40 minutes each).

    Args:
        store: of a shard's segments.
        seed: of the draw, the run's.
        missing: patterns and ratios.
        modalities: those the model sees, in its order.
        out_dir: gets ``{pattern}-{ratio}.parquet``.

    Raises:
        DataError: if the segments lack a modality.
    """
    channels, samples = store.shapes_of(modalities)
    segments = segment_ids(store.index, np.arange(len(store.index)))
    for pattern in missing.patterns:
        for ratio in missing.ratios:
            masks = draw(segments, channels, samples, ratio, seed, pattern)
            write_masks(mask_file(out_dir, pattern, ratio), masks, ratio, seed, store.files)


class SavedMasks:
    """The saved masks of some segments, over all shards: a file is read when its pattern and ratio are asked for.

    Args:
        files: of ``write_mask_files``, of one seed.
        seed: the run's.
        shapes: what the run's model sees.
        segments: those that are wanted; no other mask is held.

    Raises:
        DataError: for a file without masks, or of another seed.
    """

    def __init__(self, files: Sequence[Path], seed: int, shapes: Shapes, segments: Collection[str]) -> None:
        self.seed, self.shapes, self.segments = seed, shapes, set(segments)
        self._files: dict[tuple[str, float], list[Path]] = {}
        for path in sorted(files):
            given = mask_settings(path)
            if given["seed"] != seed:
                raise DataError(
                    path, f"masks of seed {given['seed']}", f"seed {seed}", "draw the masks again"
                )
            self._files.setdefault((given["unit"], given["ratio"]), []).append(path)
        self._read: dict[tuple[str, float], Masks] = {}

    def of(self, pattern: str, ratio: float) -> Masks:
        """Return the masks of a pattern and ratio.

        Raises:
            DataError: if there are none, or they are of other signals.
        """
        asked = pattern, ratio
        if asked not in self._read:
            if asked not in self._files:
                raise DataError(
                    "missing-data masks",
                    f"no file of {pattern} at {ratio:g}",
                    "one for every pattern and ratio",
                    "draw the masks again",
                )
            self._read[asked] = self._joined(self._files[asked])
        return self._read[asked]

    def _joined(self, files: Sequence[Path]) -> Masks:
        parts = [read_masks(path, self.segments) for path in files]
        for path, part in zip(files, parts, strict=True):
            if (list(part.channels.items()), part.samples) != (list(self.shapes[0].items()), self.shapes[1]):
                raise DataError(
                    path,
                    f"masks of {part.channels}, {part.samples} samples",
                    f"{self.shapes[0]}, {self.shapes[1]} samples, as the run",
                    "draw the masks again",
                )
        segments = tuple(name for part in parts for name in part.segments)
        present = np.concatenate([part.present for part in parts])
        return Masks(segments, present, parts[0].channels, parts[0].samples, parts[0].unit)
