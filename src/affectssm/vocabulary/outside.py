"""What families from outside bring: corpora, demos, features, tables and kinds of rows beside those of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.errors import ConfigError

_BROUGHT: dict[tuple[str, str], str] = {}  # (what it is, its name) -> word of the family that brings it


def enlist(word: str, what: str, known: dict[str, Any], brought: Mapping[str, Any]) -> None:
    """Add what a family from outside brings to what there is.

    Args:
        word: how the configuration names the family.
        what: the things are (``corpus``).
        known: name -> thing, of all there are; gets the new ones.
        brought: name -> thing.

    Raises:
        ConfigError: when something of a name is there already.
    """
    for name, thing in brought.items():
        owner = _BROUGHT.get((what, name), "" if name in known else word)
        if owner != word:
            raise ConfigError(
                f"family {word}",
                f"it brings a {what} {name}, which {owner or 'affectssm'} has",
                "names of its own",
                "rename it, or leave one of the two out of families",
            )
        known[name] = thing
        _BROUGHT[what, name] = word


def brought_by(what: str, name: str) -> tuple[str, ...]:
    """Return the options that a command needs to know a thing: those that name its family, of one from outside."""
    word = _BROUGHT.get((what, name))
    return ("--family", word) if word else ()
