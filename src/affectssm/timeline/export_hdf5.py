"""Windows of a recording as HDF5: one dataset a feature, a window a chunk."""

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


def write_hdf5(
    path: Path, dataset: WindowDataset, numbers: np.ndarray, seats: int, card: Mapping[str, Any]
) -> None:
    """Write the windows with these numbers, all of one recording; ``seats`` does not matter here."""

    def validate(written: Path) -> None:
        with h5py.File(written, "r", locking=False) as file:
            wrong = [name for name, found in file["target"].items() if len(found) != len(numbers)]
        if wrong:
            raise DataError(
                path, f"{wrong} not of {len(numbers)} windows", "all windows", "run the command again"
            )

    with staged(path, validate) as temporary, h5py.File(temporary, "w", locking=False) as file:
        file.attrs["card"] = cards.dumps(card)
        _put_keys(file, dataset, numbers)
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


def _put_keys(file: h5py.File, dataset: WindowDataset, numbers: np.ndarray) -> None:
    index = dataset.index
    targets = [index.targets[number] for number in index.target[numbers]]
    file.attrs.update(
        corpus=targets[0].corpus,
        split=targets[0].split,
        recording=targets[0].recording,
        clock_hz=index.clock_hz,
    )
    text = h5py.string_dtype()
    file.create_dataset("start", data=index.start[numbers])
    file.create_dataset("participant", data=[target.participant for target in targets], dtype=text)
    partners = np.array([target.partners for target in targets], dtype=object)
    file.create_dataset("partners", data=partners.reshape(len(targets), -1), dtype=text)


def _arrays(dataset: WindowDataset, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The loader's batch of these windows under the names of the file."""
    native = dataset[numbers]
    frames = native.interpolate(None)
    found = {"frame_valid": frames.frame_valid, "label": native.label, "label_valid": native.label_valid}
    for name in dataset.dims:
        found[f"target/{name}"] = frames.target[name]
        found[f"target_valid/{name}"] = frames.target_valid[name]
        found[f"partner/{name}"] = frames.partners[name]
        found[f"partner_valid/{name}"] = frames.partners_valid[name]
    return {name: tensor.numpy() for name, tensor in found.items()}
