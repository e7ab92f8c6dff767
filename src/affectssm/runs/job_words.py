"""What a job that failed says itself, in our words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

READ_BYTES = 1 << 16  # of the end of a log
_OWN = re.compile(r"^affectssm [a-z-]+: ", re.MULTILINE)


def words_of_job(rule: str, logs: Iterable[str]) -> str:
    """Return what a failed job says itself: its error as we write them, else the last line of its log.

    Args:
        rule: the rule's name.
        logs: the job's log files.
    """
    for log in logs:
        text = _end_of(Path(log)).strip()
        if begins := [found.start() for found in _OWN.finditer(text)]:
            return f"{text[begins[-1] :]}\n  log:      {log}"
        if text:
            return f"{rule} ended with: {text.splitlines()[-1]}\n  log:      {log}"
    return f"{rule} ended without a word of its own; see what Snakemake says above"


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - READ_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
