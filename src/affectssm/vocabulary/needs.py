"""What a job takes, by scale: memory, time, room on disk. Each entry says where its numbers come from.

Families say it of their steps and extractors, the plan of what all share. The rules' memory and time limits and the
estimate follow from it; no result does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Per = Literal["job", "second", "recording"]
UNSAID = "not said"


@dataclass(frozen=True)
class Need:
    """What a job takes at one scale.

    Attributes:
        mem_mb: MB of memory that a job asks for, about twice what was measured; or a question.
        minutes: its time limit where its work is not known beforehand.
        per: what ``cpu_s``, ``most_s`` and ``kb`` are of: a job, a second of its media (of each person whose file is
            read), or one of its recordings.
        cpu_s: seconds of CPU time; or a question, of a job's wildcards; None where nobody has measured.
        most_s: at worst, where that is far more.
        reading_s: of them, what a GPU does not take over: reading, decoding.
        kb: KB that are written.
        gpu: whether a GPU is worth asking a cluster for.
        source: where the numbers come from, in a short word.
    """

    mem_mb: int | str = 4000
    minutes: int = 60
    per: Per = "job"
    cpu_s: float | str | None = None
    most_s: float | None = None
    reading_s: float = 0.0
    kb: float = 0.0
    gpu: bool = False
    source: str = UNSAID

    @property
    def worst_s(self) -> float | str | None:
        """Seconds of CPU time at worst."""
        return self.cpu_s if self.most_s is None else self.most_s


Needs = Mapping[str, Need]
"""Scale -> what a job takes."""

LIGHT: Needs = {scale: Need() for scale in ("paper", "demo", "tiny")}
"""Of a step or an extractor whose description says nothing."""


def by_scale(paper: Need, demo: Need, tiny: Need | None = None) -> Needs:
    """Return what a job takes at every scale; at ``tiny`` no more than at ``demo`` where nothing is said."""
    return {"paper": paper, "demo": demo, "tiny": demo if tiny is None else tiny}


def everywhere(need: Need) -> Needs:
    """Return what a job takes alike at every scale."""
    return by_scale(need, need)


@dataclass(frozen=True)
class Described:
    """What a corpus is taken to hold where it has no manifest yet and nobody says otherwise.

    Attributes:
        recordings: how many; None where that has to be said.
        minutes: of a recording; None where that has to be said, and only what reads sound and pictures asks for it.
        people: of a recording, whose media are read.
        learnt: share of the recordings that models learn from.
        hz: pictures a second of its videos.
        source: where the numbers come from.
    """

    recordings: int | None = None
    minutes: float | None = None
    people: int = 1
    learnt: float = 1.0
    hz: float = 25.0
    source: str = UNSAID
