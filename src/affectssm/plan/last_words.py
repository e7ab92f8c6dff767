"""The last thing a person reads of a run that failed is what it failed of, in our words and not in Snakemake's."""

from __future__ import annotations

import atexit
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from affectssm.errors import AffectError

READ_BYTES = 1 << 16  # of the end of a log
_OWN = re.compile(r"^affectssm [a-z-]+: ", re.MULTILINE)
_waiting: list[str] = []


def say_last(text: str) -> None:
    """Print a text to stderr when the process ends, each text once."""
    if not _waiting:
        atexit.register(_say)
    if text not in _waiting:
        _waiting.append(text)


def _say() -> None:
    sys.stdout.flush()  # Snakemake's own words, where they go to a file or a pipe together with ours
    print(*("\n" + text for text in _waiting), sep="\n", file=sys.stderr)


@contextmanager
def said_last(instead: type[Exception]) -> Iterator[None]:
    """Turn an error of ours in the block into ``instead``, which Snakemake shows, and say ours after all else."""
    try:
        yield
    except AffectError as error:
        say_last(str(error))
        raise instead("What is wrong is said in the last lines.") from None


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
