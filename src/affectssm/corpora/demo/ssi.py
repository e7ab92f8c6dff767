"""Writes SSI streams: an XML header and, beside it, the raw body whose name ends in a tilde."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

ELEMENT_BYTES = 4
KEY = 'ssi-v="2"'
LOOSE_KEY = 'ssi-v ="2"'  # as discover-utils writes it


def write_stream(
    path: Path,
    values: np.ndarray,
    rate: float,
    *,
    chunks: Sequence[int] = (),
    key: str = KEY,
    meta: str = "",
    drop_bytes: int = 0,
) -> None:
    """Write ``path`` (``*.stream``) and ``path~`` for ``values`` (rows, dim).

    Args:
        rate: what the header says, right or wrong.
        chunks: rows of each chunk; one chunk of all rows when empty.
        key: how the version attribute is spelt.
        meta: content of the type attribute, written as it is (an ampersand makes the header no XML).
        drop_bytes: bytes missing at the body's end.
    """
    body = np.ascontiguousarray(values, "<f4").tobytes()
    dim = values.shape[1]
    sizes = f'dim="{dim}" byte="{ELEMENT_BYTES}"'
    lines = [
        '<?xml version="1.0" ?>',
        f"<stream {key}>",
        f'    <info ftype="BINARY" sr="{rate:.6f}" {sizes} type="FLOAT" delim=" " />',
        f'    <meta type="{meta}" />',
        *_chunk_lines(chunks or (len(values),), rate, dim * ELEMENT_BYTES),
        "</stream>",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.with_name(path.name + "~").write_bytes(body[: len(body) - drop_bytes])


def _chunk_lines(chunks: Sequence[int], rate: float, row_bytes: int) -> list[str]:
    lines, start = [], 0
    for rows in chunks:
        lines.append(
            f'    <chunk from="{start / rate:.6f}" to="{(start + rows) / rate:.6f}" '
            f'byte="{start * row_bytes}" num="{rows}" />'
        )
        start += rows
    return lines
