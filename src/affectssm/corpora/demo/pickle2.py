"""Pickles as Python 2 wrote DEAP's: protocol 2, byte strings; put together by hand, to the same bytes every time."""

from __future__ import annotations

import struct

import numpy as np

_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
_FLOAT64 = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def dumps_dat(data: np.ndarray, labels: np.ndarray) -> bytes:
    """Return the pickle of ``{"labels": labels, "data": data}`` as Python 2's cPickle wrote it."""
    return b"\x80\x02}(U\x06labels" + _array(labels) + b"U\x04data" + _array(data) + b"u."


def dumps_that_runs(command: str) -> bytes:
    """Return a pickle that would run a shell command in a reader that obeys it."""
    return b"\x80\x02}U\x04dataccommands\ngetoutput\n" + _string(command.encode()) + b"\x85Rs."


def _array(array: np.ndarray) -> bytes:
    shape = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"t"
    raw = np.ascontiguousarray(array, "<f8").tobytes()
    return _ARRAY + b"(K\x01" + shape + _FLOAT64 + b"\x89" + _string(raw) + b"tb"


def _string(raw: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(raw)) + raw
