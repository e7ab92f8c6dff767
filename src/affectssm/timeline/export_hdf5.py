"""Windows of a target as HDF5: one dataset a feature, a window a chunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.atomic import staged
from affectssm.timeline.loader import WindowDataset, in_order

WINDOWS_AT_ONCE = 16
KEYS = ("corpus", "split", "recording", "participant")


def write_hdf5(
    path: Path, dataset: WindowDataset, numbers: np.ndarray, seats: int, card: Mapping[str, Any]
) -> None:
    """Write the windows with these numbers, all of one target; ``seats`` does not matter here."""

    def validate(written: Path) -> None:
        with h5py.File(written, "r", locking=False) as file:
            wrong = [name for name, found in file["target"].items() if len(found) != len(numbers)]
        if wrong:
            raise DataError(
                path, f"{wrong} not of {len(numbers)} windows", "all windows", "run the command again"
            )

    with staged(path, validate) as temporary, h5py.File(temporary, "w", locking=False) as file:
        file.attrs["card"] = cards.dumps(card)
        target = dataset.index.targets[dataset.index.target[numbers[0]]]
        clock_hz = target.label_hz * dataset.index.per_label
        file.attrs.update({name: getattr(target, name) for name in KEYS} | {"clock_hz": clock_hz})
        file.attrs.create("partners", list(target.partners), (len(target.partners),), h5py.string_dtype())
        file["start"] = dataset.index.start[numbers]
        for place in in_order(len(numbers), WINDOWS_AT_ONCE):
            for name, values in _arrays(dataset, numbers[place]).items():
                found = file.require_dataset(
                    name,
                    (len(numbers), *values.shape[1:]),
                    values.dtype,
                    exact=True,
                    chunks=(1, *values.shape[1:]) if values.size else None,
                )
                found[place[0] : place[-1] + 1] = values


def _arrays(dataset: WindowDataset, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The loader's batch of these windows under the names of the file."""
    native = dataset[numbers]
    frames = native.interpolate(None)
    found = {"frame_valid": frames.frame_valid, "label": native.label, "label_valid": native.label_valid}
    for name in dataset.dims:
        for who, own in (("target", frames.target[name]), ("partner", frames.partners[name])):
            found[f"{who}/{name}"], found[f"{who}_valid/{name}"] = own.frames(), own.valid
    return {name: tensor.numpy() for name, tensor in found.items()}
