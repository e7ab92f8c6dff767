"""Names that come from data: which of them can be an id, and how an id becomes part of a path.

An id is kept as text wherever it can be (columns, HDF5 strings). Where a path needs one, :func:`file_name` escapes it;
what it returns is safe in a path and as a word of a shell line.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from affectssm.errors import DataError

LONGEST = 128  # characters of an id
LONGEST_ESCAPED = 200  # bytes of its file name: suffixes and temporary names have room within the usual 255
EXPECTED = (
    f"1 to {LONGEST} printable characters without '/', without spaces at either end, not '.', not beginning with '..', "
    f"and at most {LONGEST_ESCAPED} bytes as a file name"
)
_TO_ESCAPE = re.compile(r"^[.-]|[^A-Za-z0-9_.-]")


def is_id(value: str) -> bool:
    """Whether ``value`` can be the id of a recording or a participant: see :data:`EXPECTED`."""
    return (
        0 < len(value) <= LONGEST
        and value.isprintable()  # no control characters, line ends, surrogates, or marks that turn the writing round
        and value == value.strip()
        and "/" not in value
        and value != "."
        and not value.startswith("..")
        and len(_escaped(value)) <= LONGEST_ESCAPED
    )


def check_id(value: str, what: str) -> str:
    """Return ``value`` if it can be an id.

    Raises:
        DataError: if it cannot.
    """
    if not is_id(value):
        raise DataError(
            what,
            f"the name {value!a}",
            EXPECTED,
            "rename the folder or file in the corpus, or leave that recording out",
        )
    return value


def file_name(value: str, what: str) -> str:
    """Return an id as one part of a path: letters, digits, ``_.-%``, and neither ``.`` nor ``-`` at the beginning.

    All else becomes ``%`` and two hexadecimal digits a byte (UTF-8), so that different ids have different names;
    :func:`id_of` leads back.

    Raises:
        DataError: for what is no id.
    """
    return _escaped(check_id(value, what))


def id_of(name: str) -> str:
    """Return the id that :func:`file_name` made a name of."""
    return unquote(name, errors="strict")


def _escaped(value: str) -> str:
    return _TO_ESCAPE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), value)
