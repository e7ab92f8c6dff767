"""A folder of a demo, which is either whole or absent, and the card of one."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card, sha256
from affectssm.vocabulary.stages import demo_modules


@contextmanager
def written_whole(out: Path, content: Set[str]) -> Iterator[Path]:
    """Yield a temporary folder beside ``out`` and put it in ``out``'s place once the block has ended well.

    Args:
        out: the final folder.
        content: what an earlier one may hold; a folder that holds anything else is left alone.

    Raises:
        DataError: if ``out`` holds something else, or the folder cannot be written.
    """
    foreign = sorted({path.name for path in out.iterdir()} - content) if out.is_dir() else []
    if foreign:
        raise DataError(
            out,
            f"a folder that also holds {foreign[0]}",
            "no folder, or an earlier demo",
            "name another folder",
        )
    mark = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary, former = (out.with_name(f".{out.name}.{mark}.{end}") for end in ("tmp", "old"))
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if out.exists():
            out.rename(former)
        temporary.rename(out)
    except OSError as error:
        raise DataError(
            out,
            f"writing the demo corpora failed: {error.strerror or error}",
            "a folder with room and the right to write",
            "free space or mend the rights, then run the same command again",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def write_card(folder: Path, edition: str, **extra: Any) -> None:
    """Write ``card.json``: what made the demo, the hash of every file below its folder, and what else is to be said."""
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in written}
    card = make_card("corpora/demo", demo_modules(edition), {"edition": edition}, files=files, **extra)
    write_json(folder / "card.json", {"card": card})
