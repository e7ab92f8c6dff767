"""A cache of compiled kernels that knows all of their sources.

Numba keeps compiled functions by the file they stand in and does not notice an edit of another file that they call.
Here the cache lies in a folder named after all the sources: in ``NUMBA_CACHE_DIR`` where that is set, else in the first
that can be written of the sources' own folder, the user's cache, and the user's own folder among the temporary ones.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
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
    for folder in (_HERE / "__pycache__", _users_cache()):
        if folder is not None and _can_be_written(folder):
            return folder / name
    return _temporary() / name


def _users_cache() -> Path | None:
    """None where the user has no home, as in containers under a number that no account has."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "affectssm"
    except RuntimeError:
        return None


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary() -> Path:
    """A folder that nobody else can write: what lies in a cache is executed."""
    folder = Path(tempfile.gettempdir()) / f"affectssm-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix="affectssm-"))
