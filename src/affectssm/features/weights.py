"""Where encoder weights come from: a local folder that is verified, or a seeded random initialisation.

Nothing is downloaded. ``weights_dir/<model>`` holds the files a model needs; the first real load records
their SHA-256 (and the revision, where the Hugging Face client noted it) in ``weights_dir/<model>.lock.json``,
and every later load has to find the same.
"""

from __future__ import annotations

import json
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.errors import AffectError, ConfigError, DataError
from affectssm.store.atomic import write_json
from affectssm.store.card import sha256

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Wanted:
    """The files of a pretrained model.

    Attributes:
        model: its name, also its folder below ``weights_dir``.
        repository: Hugging Face repository that has them.
        licence: the weights' licence.
        files: needed files; alternatives are separated by ``|``, the first that exists counts.
        revision: the 40-character revision the configuration asks for, or "".
    """

    model: str
    repository: str
    licence: str
    files: tuple[str, ...]
    revision: str = ""


def verified_folder(weights_dir: Path | str, wanted: Wanted) -> tuple[Path, dict[str, Any]]:
    """Return the folder of a model's files and its lock entry (revision, licence, SHA-256 by file).

    The lock is compared where there is one; :func:`record` writes it after the first load that worked.

    Raises:
        ConfigError: if a file is missing or the revision is another than the one asked for.
        DataError: if a file is not the one that was loaded first, or the lock cannot be read.
    """
    folder = Path(weights_dir) / wanted.model
    names = _present(folder, wanted)
    revision = _noted_revision(folder, names)
    if wanted.revision and revision and revision != wanted.revision:
        raise ConfigError(
            folder,
            f"revision {revision}",
            f"revision {wanted.revision}",
            _fetch(folder, wanted, wanted.revision),
        )
    hashes = {name: sha256(folder / name) for name in names}
    entry: dict[str, Any] = {
        "model": wanted.model,
        "repository": wanted.repository,
        "licence": wanted.licence,
        "revision": revision,
        "sha256": hashes,
    }
    lock = _lock_of(folder)
    if not lock.is_file():
        return folder, entry
    known = _read_lock(lock)
    changed = sorted(name for name in names if known["sha256"].get(name) != hashes[name])
    if changed:
        raise DataError(
            folder / changed[0],
            f"sha256 {hashes[changed[0]]}",
            f"sha256 {known['sha256'].get(changed[0], 'of no such file')}, as {lock.name} has it",
            f"restore the file, or delete {lock} to take the new weights on purpose",
        )
    return folder, known


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock.json")


def _read_lock(lock: Path) -> dict[str, Any]:
    try:
        known = json.loads(lock.read_text(encoding="utf-8"))
        return known | {"sha256": dict(known["sha256"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            lock, f"not readable: {error!r}", "the hashes of the first load", "restore the file, or delete it"
        ) from error


def record(folder: Path, entry: dict[str, Any]) -> None:
    """Write the lock of weights that have just been loaded for the first time.

    Raises:
        DataError: if it cannot be written.
    """
    if not _lock_of(folder).is_file():
        write_json(_lock_of(folder), entry)


@contextmanager
def loading(folder: Path, wanted: Wanted) -> Iterator[None]:
    """Turn what a library raises over broken weight files into one clear error.

    Libraries raise whatever their file formats raise (SafetensorError, UnpicklingError, ValueError, KeyError, ...).

    Raises:
        DataError: for any error but those that are clear already.
    """
    try:
        with offline():
            yield
    except AffectError:
        raise
    except Exception as error:
        raise DataError(
            folder,
            f"cannot be loaded: {type(error).__name__}: {error}",
            f"the files of {wanted.repository} as published",
            _fetch(folder, wanted, wanted.revision),
        ) from error


def published(
    kind: Any, folder: Path, what: str, unneeded: Sequence[str] = (), **changes: Any
) -> torch.nn.Module:
    """Load the network of a folder with a class of transformers; heads on top of it are left out.

    Args:
        kind: the class.
        folder: of its files.
        what: the network, as an error names it.
        unneeded: names of tensors that may be missing.
        changes: of its configuration.

    Raises:
        DataError: if the files lack a part of it.
    """
    network, report = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, **changes)
    if missing := sorted(set(report["missing_keys"]) - set(unneeded)):
        found = f"weights without {', '.join(missing[:3])}"
        raise DataError(folder, found, f"a whole {what}", "fetch the files again")
    return network


def _present(folder: Path, wanted: Wanted) -> list[str]:
    """Return the names of the needed files.

    Raises:
        ConfigError: if one is missing; it says which, where to put it and under which licence it comes.
    """
    found: list[str] = []
    missing: list[str] = []
    for alternatives in wanted.files:
        names = [name for name in alternatives.split("|") if (folder / name).is_file()]
        (found if names else missing).append(names[0] if names else alternatives.replace("|", " or "))
    if missing:
        raise ConfigError(
            folder,
            f"without {', '.join(missing)}" if folder.is_dir() else "no such folder",
            f"the pretrained weights of {wanted.repository} (licence: {wanted.licence}): "
            + ", ".join(name.replace("|", " or ") for name in wanted.files),
            _fetch(folder, wanted, wanted.revision)
            + "; or set features.weights: random, which is for the demo only",
        )
    return found


def _fetch(folder: Path, wanted: Wanted, revision: str) -> str:
    at = f" --revision {revision}" if revision else ""
    return f"on a machine with network: hf download {wanted.repository}{at} --local-dir {folder}"


def _noted_revision(folder: Path, names: Sequence[str]) -> str:
    """Return the revision the Hugging Face client noted beside the files, or "" where it did not."""
    for name in names:
        note = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
        if note.is_file():
            return note.read_text(encoding="utf-8").partition("\n")[0].strip()
    return ""


@contextmanager
def offline() -> Iterator[None]:
    """Keep the Hugging Face libraries from the network, whatever a model's configuration refers to."""
    before = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def seed_of(model: str) -> int:
    """Return the seed of a model's random weights; made of its name alone."""
    return zlib.crc32(model.encode())


@contextmanager
def seeded(model: str) -> Iterator[None]:
    """Run a random initialisation that depends on the model's name alone and leaves torch's generator as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(model))
        yield


def ready(module: torch.nn.Module, int8: bool) -> tuple[torch.nn.Module, torch.device]:
    """Put a network where it runs (the GPU when there is one), frozen; with ``int8`` linear layers on CPUs."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = module.eval().requires_grad_(False).to(device)
    if int8 and device.type == "cpu":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch announces a successor that is a package of its own
            module = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear}, dtype=torch.qint8)
    return module, device
