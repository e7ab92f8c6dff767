"""The card every artefact carries: what made it, out of what, with which settings."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.store.code import STORED, code_hash

_STARTED = time.monotonic()
_PACKAGES = (
    "affectssm", "torch", "transformers", "open-clip-torch", "mediapipe", "opencv-python-headless", "av", "numpy",
    "pandas", "pyarrow", "h5py",
)  # fmt: skip
_IDENTITY = ("format", "stage", "code", "settings", "inputs", "extra")


def make_card(
    stage: str,
    modules: Iterable[str],
    settings: Mapping[str, Any],
    inputs: Iterable[Path | str] = (),
    **extra: Any,
) -> dict[str, Any]:
    """Return the card of a file about to be written.

    Args:
        stage: the stage's name (``features/clip_face``).
        modules: dotted names of the modules whose code decides the content.
        settings: the slice of the configuration that decides the content.
        inputs: the files it is made of; one that carries a card counts by that card's id, another by its bytes.
        extra: what else decides the content or must be known (seed, model id, weights hash, backend).

    ``id`` hashes everything that decides the content; host, time and package versions are recorded beside it.
    """
    card: dict[str, Any] = {
        "format": STORED,
        "stage": stage,
        "code": code_hash(*modules),
        "settings": dict(settings),
        "inputs": {_short(path): fingerprint(path) for path in inputs},
        "extra": extra,
    }
    card["id"] = card_id(card)
    card["packages"] = dict(_versions())
    card["python"] = platform.python_version()
    card["host"] = platform.node()
    card["slurm_job"] = os.environ.get("SLURM_JOB_ID", "")
    card["written"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    card["wall_s"] = round(time.monotonic() - _STARTED, 2)
    return card


def card_id(card: Mapping[str, Any]) -> str:
    """Return 16 hex digits over the parts of a card that decide the file's content."""
    identity = {key: card[key] for key in _IDENTITY}
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]


def without_contents(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a feature file's card without what tells which recordings the file happens to hold."""
    extra = {name: value for name, value in card["extra"].items() if name != "contents"}
    return {**card, "extra": extra}


def dumps(card: Mapping[str, Any]) -> str:
    """Return the card as JSON."""
    return json.dumps(card, sort_keys=True, default=str)


def fingerprint(path: Path | str) -> str:
    """Return the id of the card that ``path`` carries, or ``sha256:`` and the hash of its bytes."""
    card = read_card(path)
    return card["id"] if card else "sha256:" + sha256(path)


def read_card(path: Path | str) -> dict[str, Any] | None:
    """Return the card of an HDF5, Parquet, safetensors or JSON file, or None where the file carries none."""
    readers = {".h5": _hdf5, ".parquet": _parquet, ".safetensors": _safetensors, ".json": _json}
    reader = readers.get(Path(path).suffix)
    if reader is None:
        return None
    try:
        text = reader(Path(path))
    except (OSError, ValueError) as error:
        raise DataError(
            path,
            f"not readable: {error}",
            "a finished file of this workflow",
            "delete it and run the command again",
        ) from error
    return json.loads(text) if text else None


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short(path: Path | str) -> str:
    """The last four parts of a path: enough to recognise an artefact, the same on every machine."""
    return "/".join(Path(path).parts[-4:])


def _hdf5(path: Path) -> str:
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        return str(file.attrs.get("card", ""))


def _parquet(path: Path) -> str:
    import pyarrow.parquet

    found = pyarrow.parquet.read_metadata(path).metadata or {}
    return found.get(b"affectssm.card", b"").decode()


def _safetensors(path: Path) -> str:
    # the header is a length and a JSON object; reading it needs no torch
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return header.get("__metadata__", {}).get("card", "")


def _json(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    card = found.get("card") if isinstance(found, dict) else None
    return json.dumps(card) if card else ""


@cache
def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
