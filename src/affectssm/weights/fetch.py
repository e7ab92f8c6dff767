"""Bring the weights that a configuration wants: all files of a model, or none; with a lock beside them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from affectssm.errors import ConfigError, DataError
from affectssm.features.wanted import lock_of, read_lock, state_of
from affectssm.features.weights import Wanted, record
from affectssm.store.atomic import write_text, writing
from affectssm.store.card import sha256
from affectssm.weights.choice import offered, one_each, present
from affectssm.weights.download import differs, download
from affectssm.weights.hub import COMMIT, Hub, Listing, Remote, UnreachableError
from affectssm.weights.progress import Progress
from affectssm.weights.words import by_hand, readable

STAGING = ".fetching"
"""Below the folder of weights: files of models that are not whole yet."""
_SPARE = 50_000_000  # bytes, beside the files


@dataclass(frozen=True)
class _Order:
    """What is to be brought of a model.

    Attributes:
        wanted: the model.
        listing: its repository.
        there: files that are there, which have to be those of the repository.
        missing: files to bring.
    """

    wanted: Wanted
    listing: Listing
    there: tuple[Remote, ...]
    missing: tuple[Remote, ...]


def fetch(weights_dir: Path, wanted: Iterable[Wanted], hub: Hub, say: Callable[[str], None]) -> None:
    """Bring what is missing; write or compare the locks.

    Args:
        weights_dir: the folder with all weights.
        wanted: the models.
        hub: where they come from.
        say: is told what happens.

    Raises:
        AffectError: if the hub does not have or give them, a file is not what the hub or a lock says, or there is no
            room. What was finished stays, and what was begun is gone on with.
    """
    orders = []
    models = one_each(wanted)
    for one in models:
        state = state_of(weights_dir, one)
        if state.state == "changed":
            raise DataError(
                state.where, state.found, "the files of the lock and the configuration", state.remedy
            )
        if state.state == "verified":
            say(f"{one.model}: all there, as its lock says")
            continue
        try:
            orders.append(_order(weights_dir, one, hub))
        except UnreachableError as error:
            left = [each for each in models if not state_of(weights_dir, each).usable]
            remedy = f"{error.remedy}; or copy by hand:\n{by_hand(weights_dir, left, hub.endpoint)}"
            raise UnreachableError(error.where, error.found, error.expected, remedy) from error
    _require_room(weights_dir, orders)
    for order in orders:
        _bring(weights_dir, order, hub, say)


def _order(weights_dir: Path, wanted: Wanted, hub: Hub) -> _Order:
    """Ask the hub for a model's files: those of the revision that is pinned, here or in a lock, else of the newest."""
    folder = weights_dir / wanted.model
    lock = lock_of(folder)
    locked = str(read_lock(lock).get("revision", "")) if lock.is_file() else ""
    revision = wanted.revision or (locked if COMMIT.fullmatch(locked) else "")
    if not wanted.repository or " " in wanted.repository:
        raise ConfigError(
            f"model {wanted.model}", "no repository of a hub has it", "weights that a hub has",
            f"put {', '.join(wanted.files)} into {folder}, or name another model",
        )  # fmt: skip
    listing = hub.listing(wanted.repository, revision)
    there: list[Remote] = []
    missing: list[Remote] = []
    for alternatives in wanted.files:
        own = present(folder, alternatives)
        name = own or offered(listing.files, alternatives)
        if name is None:
            raise ConfigError(
                f"{hub.endpoint}/{wanted.repository} at {listing.commit}", f"no {alternatives.replace('|', ' or ')}",
                "the files that this model is loaded from",
                "name another model or revision in the configuration",
            )  # fmt: skip
        (there if own else missing).append(listing.files.get(name, Remote(name)))
    return _Order(wanted, listing, tuple(there), tuple(missing))


def _staging(weights_dir: Path, order: _Order) -> Path:
    return weights_dir / STAGING / order.wanted.model.replace("/", "--") / order.listing.commit


def _require_room(weights_dir: Path, orders: Iterable[_Order]) -> None:
    """Refuse what does not fit.

    Raises:
        ConfigError: saying how much is missing.
    """
    needed = 0
    for order in orders:
        staging = _staging(weights_dir, order)
        for remote in order.missing:
            parts = (staging / remote.name, staging / f"{remote.name}.part")
            needed += (remote.size or 0) - sum(path.stat().st_size for path in parts if path.is_file())
    above = next(path for path in [weights_dir.absolute(), *weights_dir.absolute().parents] if path.is_dir())
    free = shutil.disk_usage(above).free
    if needed > 0 and needed + _SPARE > free:
        raise ConfigError(
            weights_dir, f"{readable(free)} free", f"{readable(needed)} for what is still to be fetched",
            "free space, or name another folder (--weights-dir, features.weights_dir)",
        )  # fmt: skip


def _bring(weights_dir: Path, order: _Order, hub: Hub, say: Callable[[str], None]) -> None:
    """Bring the files of a model and put them in their place, its lock last."""
    wanted, listing, folder = order.wanted, order.listing, weights_dir / order.wanted.model
    say(f"{wanted.model}: {wanted.repository} at {listing.commit}, licence: {wanted.licence}")
    hashes = {remote.name: _compared(folder / remote.name, remote, order) for remote in order.there}
    staging = _staging(weights_dir, order)
    for remote in order.missing:
        progress = Progress(remote.name, remote.size)
        hashes[remote.name] = download(hub, listing, remote, staging / remote.name, progress.arrived)
        progress.done()
    _require_lock(folder, hashes)
    with writing(folder):
        _put(staging, folder, order, hashes)
    ordered = [name for alternatives in wanted.files for name in alternatives.split("|") if name in hashes]
    record(
        folder,
        {
            "model": wanted.model,
            "repository": wanted.repository,
            "licence": wanted.licence,
            "revision": listing.commit,
            "sha256": {name: hashes[name] for name in ordered},
        },
    )
    say(f"  {folder}: {len(hashes)} files; their hashes are in {lock_of(folder)}")


def _compared(path: Path, remote: Remote, order: _Order) -> str:
    """Return the SHA-256 of a file that was there before, which must be the repository's.

    Raises:
        DataError: if it is not, or the repository has no such file.
    """
    found = sha256(path)
    known = remote.name in order.listing.files
    wrong = differs(path, remote, found) if known else (f"sha256 {found}", "no such file")
    if wrong is None:
        return found
    raise DataError(
        path, wrong[0], f"{wrong[1]}, as {order.wanted.repository} has it at {order.listing.commit}",
        "move it away, and this brings the hub's; or set the revision that it is of",
    )  # fmt: skip


def _require_lock(folder: Path, hashes: dict[str, str]) -> None:
    """Refuse files that a lock has otherwise.

    Raises:
        DataError: naming the first.
    """
    lock = lock_of(folder)
    if not lock.is_file():
        return
    known = read_lock(lock)["sha256"]
    for name, found in hashes.items():
        if known.get(name) != found:
            raise DataError(
                folder / name, f"sha256 {found}, of the hub",
                f"sha256 {known.get(name, 'of no such file')}, as {lock} has",
                f"set the revision that the lock was made of, or delete {lock} to take the new weights on purpose",
            )  # fmt: skip


def _put(staging: Path, folder: Path, order: _Order, hashes: dict[str, str]) -> None:
    """Move a model's files into their folder: at once where there is none yet."""
    for remote in order.missing:
        # as the library's own download leaves it: whoever loads compares the revision with the configuration's
        note = staging / ".cache" / "huggingface" / "download" / f"{remote.name}.metadata"
        etag = remote.sha256 or remote.blob or hashes[remote.name]
        write_text(note, f"{order.listing.commit}\n{etag}\n{time.time()}\n")
    if not folder.exists() and order.missing:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging.rename(folder)
    else:
        for path in sorted(staging.rglob("*")) if order.missing else ():
            if path.is_file() and path.suffix != ".part":
                target = folder / path.relative_to(staging)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
    shutil.rmtree(staging.parent, ignore_errors=True)
    if staging.parents[1].is_dir() and not any(staging.parents[1].iterdir()):
        staging.parents[1].rmdir()
