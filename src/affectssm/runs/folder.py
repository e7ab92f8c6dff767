"""The folder that a run works in, by whatever way one came to it."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mark:
    """An output that a job began and that nobody has called finished, as Snakemake notes it.

    Attributes:
        output: its path, as the workflow names it.
        job_id: the cluster's number of the job that makes it; None for a job on the controller's own machine.
    """

    output: str
    job_id: str | None


@dataclass(frozen=True)
class RunFolder:
    """A results folder, and the folder beside it in which Snakemake keeps its memory.

    Args:
        results: the folder that everything is computed into.
    """

    results: Path

    @property
    def path(self) -> Path:
        """The folder that Snakemake works in."""
        return self.results.parent

    @property
    def memory(self) -> Path:
        """Snakemake's own folder."""
        return self.path / ".snakemake"

    def is_that_of(self, place: Path | str) -> bool:
        """Whether who works in ``place`` computes into these results, under whatever name."""
        with suppress(OSError, ValueError):
            return (Path(place) / self.results.name).samefile(self.results)
        return False

    def locks(self) -> dict[str, int]:
        """Name -> time in ns of the files by which Snakemake locks the folder; they do not say who did it."""
        found = {}
        with suppress(OSError):
            for path in (self.memory / "locks").glob("*.lock"):
                with suppress(OSError):
                    found[path.name] = path.stat().st_mtime_ns
        return found

    def marks(self) -> list[Mark]:
        """Every output that was begun and not finished."""
        root = self.memory / "incomplete"
        return sorted(_marks(root), key=lambda mark: mark.output)


def _marks(root: Path) -> Iterator[Mark]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            # Snakemake cuts long names into folders that begin with an @
            text = "".join(part.removeprefix("@") for part in path.relative_to(root).parts)
            try:
                output = base64.urlsafe_b64decode(text).decode()
                noted = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, binascii.Error):
                continue  # removed just now, being written, or not a mark
            job = noted.get("external_jobid") if isinstance(noted, dict) else None
            yield Mark(output, None if job is None else str(job))
