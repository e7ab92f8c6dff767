"""What a job that failed says itself, in our words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from affectssm.runs.snakemake_log import LoggedJob

READ_BYTES = 1 << 16  # of the end of a log
LINES = 3  # of what SLURM itself says
_OF_SLURM = re.compile(r"^((?:slurmstepd(?:-\S+)?|srun): (?:error|fatal): .*)$", re.MULTILINE)
_OWN = re.compile(r"^affectssm [a-z-]+: ", re.MULTILINE)


def words_of_job(rule: str, logs: Iterable[str], told: LoggedJob | None = None, lines: int = 1) -> str:
    """Return what a failed job says itself: its error as we write them, else the last lines of its log.

    Args:
        rule: the rule's name.
        logs: the job's log files.
        told: what Snakemake's log tells of it, for what SLURM knows and the job could not say.
        lines: how many of a log that ends otherwise.
    """
    said = _own_words(rule, logs, lines) or f"{rule} ended without a word of its own{_where(told)}"
    return "\n".join([said, *_of_slurm(told)])


def _own_words(rule: str, logs: Iterable[str], lines: int) -> str:
    for log in logs:
        text = _end_of(Path(log)).strip()
        if begins := [found.start() for found in _OWN.finditer(text)]:
            return f"{text[begins[-1] :]}\n  log:      {log}"
        if text:
            last = text.splitlines()[-lines:]
            said = last[0] if len(last) == 1 else "".join(f"\n  {line}" for line in last)
            return f"{rule} ended with:{'' if last[1:] else ' '}{said}\n  log:      {log}"
    return ""


def _where(told: LoggedJob | None) -> str:
    return "" if told is not None and told.slurm else "; see what Snakemake says above"


def _of_slurm(told: LoggedJob | None) -> Iterator[str]:
    """How a job ended that SLURM ended, and what SLURM itself wrote of it."""
    if told is None or not told.slurm:
        return
    yield f"  SLURM:    job {told.slurm}{' ended as ' if told.slurm_state else ''}{told.slurm_state}; {told.slurm_log}"
    for line in list(dict.fromkeys(_OF_SLURM.findall(_end_of(Path(told.slurm_log)))))[-LINES:]:
        yield f"            {line}"


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - READ_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
