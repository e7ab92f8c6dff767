"""What befalls files: cut, bits flipped, numbers that are none, and things under a file's name that are no files."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np

Damage = Callable[[Path, np.random.Generator], None]
HOSTILE = ("1e308", "1e-320", "-1", "0", "nan", "inf", "9" * 401, "99999999", "1e300", "", "\x00", '"', "7,5")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_TEXT_BYTES = 8192


def cut(path: Path, rng: np.random.Generator) -> None:
    """Keep what comes first."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.integers(0, len(data))])


def cut_early(path: Path, rng: np.random.Generator) -> None:
    """Keep a header at most."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.integers(0, min(len(data), 600))])


def emptied(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"")


def flipped(path: Path, rng: np.random.Generator) -> None:
    """Flip a few bits anywhere."""
    _flip(path, rng, None)


def flipped_early(path: Path, rng: np.random.Generator) -> None:
    """Flip a few bits of what comes first."""
    _flip(path, rng, 400)


def _flip(path: Path, rng: np.random.Generator, within: int | None) -> None:
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    places = rng.integers(0, min(len(data), within or len(data)), 8)
    np.bitwise_xor.at(data, places, (1 << rng.integers(0, 8, 8)).astype(np.uint8))
    path.write_bytes(data.tobytes())


def doubled(path: Path, rng: np.random.Generator) -> None:
    """More in the file than its header says."""
    data = path.read_bytes()
    path.write_bytes(data + data[: rng.integers(1, len(data) + 1)])


def hostile_numbers(path: Path, rng: np.random.Generator) -> None:
    """Put numbers that no reader likes where numbers stand as text; the fields of a BDF keep their width."""
    data = path.read_bytes()
    fixed = path.suffix == ".bdf"
    chosen = [HOSTILE[place].encode() for place in rng.integers(0, len(HOSTILE), 64)]
    head, rest = data[:_TEXT_BYTES], data[_TEXT_BYTES:]
    found = list(_NUMBER.finditer(head))
    for place in sorted(rng.integers(0, len(found), 2).tolist(), reverse=True) if found else []:
        match, new = found[place], chosen.pop()
        if fixed:
            new = new[: len(match[0])].ljust(len(match[0]))
        head = head[: match.start()] + new + head[match.end() :]
    path.write_bytes(head + rest)


def hostile_floats(path: Path, rng: np.random.Generator) -> None:
    """Put samples that are not finite, or not in float32, where samples may stand."""
    data = bytearray(path.read_bytes())
    for kind, value in (("<f8", 1e300), ("<f4", np.inf), ("<f4", 3e38), ("<f8", np.nan)):
        raw = np.array(value, kind).tobytes()
        at = int(rng.integers(len(data) // 3, max(len(data) // 3 + 1, len(data) - 8))) // 8 * 8
        data[at : at + len(raw)] = raw[: max(0, len(data) - at)]
    path.write_bytes(bytes(data))


def quoted(path: Path, rng: np.random.Generator) -> None:
    """A quote that is never closed."""
    data = path.read_bytes()
    at = int(rng.integers(0, len(data)))
    path.write_bytes(data[:at] + b'"' + data[at:] + b"1" * 140_000)


def foreign(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(rng.bytes(4096))


def fifo(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path, rng: np.random.Generator) -> None:
    """A link to a device whose size is 0 and that never ends."""
    path.unlink()
    path.symlink_to("/dev/zero")


def folder(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    path.mkdir()
    (path / path.name).write_bytes(b"1")


def a_socket(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may have 107 bytes, its folder any number
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def dangling(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def a_loop(path: Path, rng: np.random.Generator) -> None:
    path.unlink()
    path.symlink_to(path.name)


def forbidden(path: Path, rng: np.random.Generator) -> None:
    path.chmod(0)


def gone(path: Path, rng: np.random.Generator) -> None:
    path.unlink()


CONTENT: dict[str, Damage] = {
    made.__name__: made
    for made in (
        cut, cut_early, emptied, flipped, flipped_early, doubled, hostile_numbers, hostile_floats, quoted, foreign,
    )
}  # fmt: skip
NO_FILE: dict[str, Damage] = {
    made.__name__: made for made in (fifo, endless, folder, a_socket, dangling, a_loop, forbidden, gone)
}
SEVERAL = {"flipped": 2, "flipped_early": 3, "hostile_numbers": 4, "cut": 2}
