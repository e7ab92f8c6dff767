"""How this workflow's own output is known, so that it is never taken for somebody's corpus.

Two marks, either of which does: the demo's folder carries ``card.json``, whose stage begins with ``corpora/demo``; and
a results folder holds the file :data:`MARK`, which the workflow writes whenever it looks at its plan. Folders are known
by what lies in them, whatever they are called and wherever they were moved or linked to.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from affectssm.store.atomic import write_text
from affectssm.store.files import read_whole

MARK = "written-by-affectssm.txt"
CARD = "card.json"
MARKS = frozenset((MARK, CARD))
"""Names of which one at least lies in each folder of this workflow's own."""
_MARK_TEXT = (
    "affectssm writes into this folder. Discovery takes nothing below it for a corpus; keep this file.\n"
)
_CARD_BYTES = 16 << 20


def mark(results: Path) -> None:
    """Mark a results folder; it is made when missing."""
    path = results / MARK
    if not path.is_file():
        write_text(path, _MARK_TEXT)


def is_demo(folder: Path | str) -> bool:
    """Whether a folder is a demo's, by its card."""
    try:
        content = json.loads(read_whole(Path(folder, CARD), _CARD_BYTES))
        return str(content["card"]["stage"]).startswith("corpora/demo")
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False  # no card, or somebody else's


def is_own(folder: Path | str) -> bool:
    """Whether a folder is a demo's or a results folder; one that may not be looked into is neither."""
    return os.path.isfile(Path(folder, MARK)) or is_demo(folder)  # noqa: PTH113 (Path's own raises there)


def within_demo(folder: Path | str) -> bool:
    """Whether a folder is a demo's or lies in one."""
    path = Path(folder).expanduser().resolve()
    return any(is_demo(each) for each in (path, *path.parents))
