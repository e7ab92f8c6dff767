"""A cache of compiled kernels that knows all of their sources.

Numba keeps compiled functions by the file they stand in and does not notice an edit of another file that they call.
Here the cache lies in a folder named after all the sources, beside them where that can be written and in the user's
cache otherwise (``NUMBA_CACHE_DIR`` goes before both).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent


@contextmanager
def own_cache() -> Iterator[None]:
    """Kernel modules that are imported inside use that cache."""
    from numba import config

    given = config.CACHE_DIR
    config.CACHE_DIR = str(_folder(given))
    try:
        yield
    finally:
        config.CACHE_DIR = given


def _folder(given: str) -> Path:
    sources = hashlib.sha256()
    for path in sorted(_HERE.glob("numba_*.py")):
        sources.update(path.read_bytes())
    name = f"numba-{sources.hexdigest()[:12]}"
    if given:
        return Path(given) / name
    beside = _HERE / "__pycache__"
    if os.access(beside if beside.is_dir() else _HERE, os.W_OK):
        return beside / name
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "affectssm" / name
