"""SHA-256 of files, remembered as long as a file's size and time are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from affectssm.store.atomic import write_json
from affectssm.store.card import sha256


class RememberedHashes:
    """Gives the SHA-256 of a file: to read all weights takes a minute.

    Args:
        memory: the file in which they stand; a broken one counts for nothing.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known = _read(memory)
        self._new = False

    def __call__(self, path: Path) -> str:
        stat = path.stat()
        name, state = str(path.absolute()), [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(name)
        if not (isinstance(known, list) and known[:2] == state and len(known) == 3):
            self._known[name] = known = [*state, sha256(path)]
            self._new = True
        return str(known[2])

    def write(self) -> None:
        """Keep what is new."""
        if self._new:
            self._new = False
            write_json(self._memory, self._known)


def _read(memory: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
