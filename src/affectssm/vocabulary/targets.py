"""Things by name: ``module:Name``, imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from affectssm.errors import ConfigError

Found = TypeVar("Found")


def load(target: str) -> Any:
    """Import what ``module:Name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def named(known: Mapping[str, Found], name: str, what: str) -> Found:
    """Return what a name stands for.

    Args:
        known: name -> what it stands for, ``module:Name`` where that is imported.
        name: one of them.
        what: they are, for the error (``model``).

    Raises:
        ConfigError: for an unknown name.
    """
    if name not in known:
        raise ConfigError(
            f"{what} {name}", f"no {what} of this name", f"one of {', '.join(known)}", "mend the name"
        )
    return known[name]


def load_from(known: Mapping[str, str], name: str, what: str) -> Any:
    """Import what a name stands for; arguments and errors are those of :func:`named`."""
    return load(named(known, name, what))
