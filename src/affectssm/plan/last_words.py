"""The last thing a person reads of a run that failed is what it failed of, in our words and not in Snakemake's."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from affectssm.errors import AffectError

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
