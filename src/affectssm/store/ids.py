"""Names that come from data, checked before they become part of a path or of a shell line."""

from __future__ import annotations

import re

from affectssm.errors import DataError

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def is_id(value: str) -> bool:
    """Whether ``value`` can be a recording, participant or shard name."""
    return _ID.fullmatch(value) is not None and ".." not in value


def check_id(value: str, what: str) -> str:
    """Return ``value`` if it is a safe name.

    Raises:
        DataError: for anything but letters, digits and ``_.-``, a leading dot or dash, ``..``, or over 128 characters.
    """
    if not is_id(value):
        raise DataError(
            what,
            f"the name {value!r}",
            "letters, digits, '_', '.' and '-', not beginning with '.' or '-', without '..', at most 128 long",
            "rename the folder or file in the corpus, or leave that recording out",
        )
    return value
