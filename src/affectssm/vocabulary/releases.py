"""How much the owners' releases of corpora hold, where it is known: a look at a corpus is compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Release:
    """What a release holds.

    Attributes:
        unit: what is counted: recordings, or people of recordings, in words.
        counted: ``recordings``, ``people`` (each of every recording), ``labelled`` (those of them with an annotation)
            or ``subjects`` (people over all recordings).
        splits: split -> the least and the most that releases hold; those that withhold nothing of a part agree.
    """

    unit: str
    counted: Literal["recordings", "people", "labelled", "subjects"]
    splits: Mapping[str, tuple[int, int]]


def _exactly(**splits: int) -> dict[str, tuple[int, int]]:
    return {split.replace("_", "-"): (count, count) for split, count in splits.items()}


RELEASES: Mapping[str, tuple[Release, ...]] = {
    # of MultiMediate's engagement task, 2023 to 2026
    "noxi": (
        Release("sessions", "recordings", _exactly(train=38, val=10, test_base=16)),
        Release("labelled participants", "labelled", _exactly(train=76, val=20)),
    ),
    "noxi_add": (Release("sessions", "recordings", _exactly(test_additional=12)),),
    "mpiigi": (
        Release("sessions", "recordings", _exactly(val=6, test=6)),
        # one of the 22 occupied seats has no annotation
        Release("labelled participants", "labelled", _exactly(val=21)),
    ),
    "deap": (
        Release("subjects", "subjects", _exactly(all=32)),
        # of the original recordings, one subject's lacks three
        Release("trials", "recordings", {"all": (1277, 1280)}),
    ),
    # sources differ on how many of the 600 trials with ratings have signals that can be used
    "mahnob": (Release("trials", "recordings", {"all": (527, 547)}),),
    # of the valence-arousal challenge of the 6th to the 8th ABAW; two people of one video count twice
    "affwild2": (Release("annotated people", "people", _exactly(train=356, val=76, test=162)),),
}
"""Corpus -> what its releases hold. Readers of clips compare their own counts: their fault ``counts_differ``."""
