"""What was chosen for the methods of adaptation, and on whom: chosen.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from affectssm.errors import DataError

Setting = dict[str, float | None]
"""``learning_rate`` and ``entropy_margin``, None for a method without one."""


@dataclass(frozen=True)
class Chosen:
    """A finished choice.

    Attributes:
        chosen: method -> constants; empty where the authors' stand.
        development_subjects: ``{corpus}/{subject}`` who chose.
        reason: why the authors' constants stand; "" where they do not.
    """

    chosen: dict[str, Setting]
    development_subjects: list[str]
    reason: str = ""


def read_chosen(path: Path) -> Chosen:
    """Return what was chosen.

    Raises:
        DataError: if the file is absent or no choice.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Chosen(found["chosen"], found["development_subjects"], found.get("reason", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            path, f"not readable: {error}", "chosen.json of a finished choice", "choose again"
        ) from error
