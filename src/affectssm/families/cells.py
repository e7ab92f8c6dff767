"""The cells of a table, as far as manifests tell: which will have a number, which not and why, and who is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Manifests = Mapping[str, Path]
"""Corpus -> its manifest; corpora that are not there are not in it."""


@dataclass(frozen=True)
class Cell:
    """A cell that is measured here.

    Attributes:
        row: the experiment, without its edition.
        column: what is scored.
        empty: why it will have no number; "" where it will have one.
        missing: units that it lacks and has a number without.
    """

    row: str
    column: str
    empty: str = ""
    missing: tuple[str, ...] = ()
