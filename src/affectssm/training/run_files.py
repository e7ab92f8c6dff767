"""What a finished run keeps: checkpoint.safetensors, config.yaml and history.csv; and where an unfinished one lies."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.atomic import staged, write_text
from affectssm.timeline.scaler import Scaler

CHECKPOINT = "checkpoint.safetensors"
MODEL, SCALER = "model.", "scaler."


def resume_folder(out_dir: Path) -> Path:
    """Where the unfinished run of ``out_dir`` keeps its state."""
    return out_dir.parent / f".{out_dir.name}.resume"


def write_checkpoint(
    path: Path, weights: Mapping[str, Tensor], scaler: Scaler, card: Mapping[str, Any]
) -> None:
    """Write weights and scaler as safetensors, with the card in the metadata."""
    tensors = {MODEL + name: value for name, value in weights.items()}
    write_tensors(path, tensors | {SCALER + name: value for name, value in scaler.tensors().items()}, card)


def write_tensors(path: Path, given: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write tensors as safetensors, with the card in the metadata.

    Raises:
        DataError: when one is not finite.
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in given.items()}

    def validate(written: Path) -> None:
        found = load_file(written)
        bad = sorted(name for name, value in found.items() if not value.isfinite().all())
        if bad or found.keys() != tensors.keys():
            raise DataError(
                path, f"weights that are not finite: {bad[:3]}", "finite weights", "lower the learning rate"
            )

    with staged(path, validate) as temporary:
        try:
            save_file(tensors, temporary, metadata={"card": cards.dumps(card)})
        except SafetensorError as error:  # a full disk, which staged() words for the user
            raise OSError(str(error)) from error


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], Scaler]:
    """The weights and the scaler of a run.

    Raises:
        DataError: when the file is absent or no checkpoint.
    """
    tensors = read_tensors(path)
    return below(tensors, MODEL), Scaler.from_tensors(below(tensors, SCALER))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint.

    Raises:
        DataError: when the file is absent or no checkpoint.
    """
    if cards.read_card(path) is None:
        raise DataError(path, "no card", "a checkpoint of this workflow", "train again")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(
            path, f"not whole: {error}", "a checkpoint of this workflow", "train again"
        ) from error


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def write_config(path: Path, effective: Mapping[str, Any]) -> None:
    """Write what the run was told and what it found out (dimensions, parameters, best epoch).

    Keys keep their order: a model joins features in the order of its groups.
    """
    write_text(path, yaml.safe_dump(dict(effective), sort_keys=False, allow_unicode=True))


def read_config(path: Path) -> dict[str, Any]:
    """The effective configuration of a run.

    Raises:
        DataError: when it is absent.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            path, f"not readable: {error}", "config.yaml of a finished run", "train again"
        ) from error


def read_config_of(run: Path, settings: Any, *names: str) -> dict[str, Any]:
    """The effective configuration of the run that some settings tell of.

    Args:
        run: its folder.
        settings: with ``experiment``, ``seed`` and what else is in ``names``.
        names: of settings that tell runs apart beside these.

    Raises:
        DataError: when it is absent, or another run's.
    """
    config = read_config(run / "config.yaml")
    told = ("experiment", *names, "seed")
    own = {name: getattr(settings, name) for name in told}
    found = {name: config[name] for name in told}
    if found != own:
        raise DataError(run, f"a run of {_worded(found)}", _worded(own), "name the run's own folder")
    return config


def _worded(run: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value}" for name, value in run.items()).removeprefix("experiment ")


def write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one line an epoch: numbers with eight digits, counts and names as they are; one row at least."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _history_cell(name, value) for name, value in row.items()})
    write_text(path, text.getvalue())


def _history_cell(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    return int(value) if name in ("epoch", "step") else f"{value:.8g}"
