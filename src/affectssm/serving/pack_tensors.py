"""Whether a file of a stranger's is one of tensors that a reader of this package may open."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

LONGEST_HEADER = 64 << 20
_LENGTH = 8  # bytes that tell how long the header is


def trouble_with(file: BinaryIO | Any, size: int) -> str:
    """Return why a file is no safetensors file with a card, told by its header; "" where it is one.

    Args:
        file: to be read from its beginning.
        size: of the file.
    """
    begin = file.read(_LENGTH)
    if begin[:4] == b"PK\x03\x04":
        return "a file of torch (a ZIP with a pickle in it), which could run anything"
    if begin[:1] == b"\x80" and begin[1:2] <= b"\x05":
        return "a pickle, which could run anything"
    length = int.from_bytes(begin, "little")
    if len(begin) < _LENGTH or not 2 <= length <= min(LONGEST_HEADER, size - _LENGTH):
        return "no safetensors file"
    try:
        header = json.loads(file.read(length).decode("utf-8"))
        card = json.loads(header["__metadata__"]["card"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return "no safetensors file with a card"
    # what a card must have that is asked for it, see store/card.py and features/mae_tuning.py
    whole = isinstance(card, dict) and isinstance(card.get("extra"), dict) and {"id", "stage"} <= card.keys()
    return "" if whole else "a card without stage, id or extra"
