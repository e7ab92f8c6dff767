"""What is said of weights: sizes, what to copy by hand, the pages of ``list`` and ``verify``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from affectssm.features.wanted import lock_of, read_lock, state_of
from affectssm.features.weights import Wanted
from affectssm.store.card import sha256
from affectssm.weights.choice import offered, present

if TYPE_CHECKING:
    from affectssm.weights.hub import Listing


def readable(size: float) -> str:
    """Return a number of bytes as people write it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def by_hand(weights_dir: Path, wanted: Iterable[Wanted], endpoint: str) -> str:
    """Return what to copy from where to where, a line a file."""
    lines = []
    for one in wanted:
        for alternatives in one.files:
            first, *others = alternatives.split("|")
            either = f" (or {', '.join(others)}, where there is none)" if others else ""
            source = f"{endpoint}/{one.repository}/resolve/{one.revision or 'main'}/{first}"
            lines.append(f"            {source} -> {weights_dir / one.model / first}{either}")
    return "\n".join(lines)


def listed(
    weights_dir: Path, wanted: Mapping[Wanted, list[str]], endpoint: str, asked: Mapping[str, Listing]
) -> Iterator[str]:
    """Yield the lines of a list of what is wanted.

    Args:
        weights_dir: the folder with all weights.
        wanted: model -> who wants it.
        endpoint: address of the hub.
        asked: model -> what the hub has of it, where it was asked.
    """
    total = 0
    for one, who in wanted.items():
        state, listing = state_of(weights_dir, one), asked.get(one.model)
        newest = f"the newest, {listing.commit}," if listing else "the newest"
        card = f" (its card at the hub: {listing.licence or 'says nothing'})" if listing else ""
        yield one.model
        yield f"  wanted by   {', '.join(who[:3])}" + (f" and {len(who) - 3} more" if len(who) > 3 else "")
        yield f"  repository  {endpoint}/{one.repository}"
        yield f"  revision    {one.revision or f'not pinned: {newest} is what fetch takes and locks'}"
        yield f"  licence     {one.licence}{card}"
        yield f"  folder      {state.where}"
        for number, alternatives in enumerate(one.files):
            text, size = _file(state.where, alternatives, listing)
            yield f"  {'files' if not number else '':<10}  {text}"
            total += size
        yield f"  state       {state.state}" + (f": {state.found}" if state.found else "")
        yield ""
    if asked:
        yield f"{readable(total)} to fetch in all"


def _file(folder: Path, alternatives: str, listing: Listing | None) -> tuple[str, int]:
    """Return what to say of a wanted file, and the bytes that are still to be fetched of it."""
    own = present(folder, alternatives)
    if own is not None:
        return f"{own:<28} {readable((folder / own).stat().st_size):>8}  here", 0
    known = offered(listing.files, alternatives) if listing else None
    if listing and known:
        size = listing.files[known].size
        return f"{known:<28} {readable(size) if size is not None else '?':>8}  at the hub", size or 0
    return alternatives.replace("|", " or else ") + (", which the hub does not have" if listing else ""), 0


def verified(weights_dir: Path, wanted: Iterable[Wanted]) -> Iterator[tuple[str, bool]]:
    """Yield a line for every wanted file, and whether all is well with it.

    Raises:
        DataError: if a lock cannot be read.
    """
    hashes = cache(sha256)
    for one in wanted:
        state = state_of(weights_dir, one, hashes)
        lock = lock_of(state.where)
        known = read_lock(lock)["sha256"] if lock.is_file() else {}
        for alternatives in one.files:
            own = present(state.where, alternatives)
            if own is None:
                yield f"missing     {state.where / alternatives.replace('|', ' or ')}", False
                continue
            path = state.where / own
            if own not in known:
                why = f"{lock.name} does not name it" if known else f"there is no {lock.name}"
                yield f"unverified  {path}: {why}", False
            elif hashes(path) != known[own]:
                yield f"changed     {path}: not the sha256 that {lock.name} has", False
            else:
                yield f"verified    {path}", True
        if state.state == "changed" and "revision" in state.found:
            yield f"changed     {state.where}: {state.found}", False
