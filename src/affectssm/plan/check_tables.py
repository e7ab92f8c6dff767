"""What asked tables will have: cells with a number, cells without and why, and what will be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affectssm.errors import AffectError
from affectssm.families.base import Family
from affectssm.families.cells import Cell
from affectssm.plan.plan import Plan
from affectssm.vocabulary.targets import load


@dataclass(frozen=True)
class TableFound:
    """A table, as far as manifests tell.

    Attributes:
        table: its name.
        corpora: that it rests on.
        needs: of these, one at least has to be held; empty where it needs none.
        measured: whether it is made of measurements of this machine, without cells or corpora.
        cells: with what is to be scored.
        missing: units that the tables of its family will miss; they stop the run unless ``tables.allow_incomplete``.
        error: why the run will stop before anything is extracted.
    """

    table: str
    corpora: tuple[str, ...]
    needs: tuple[str, ...]
    measured: bool = False
    cells: tuple[Cell, ...] = ()
    missing: tuple[str, ...] = ()
    error: AffectError | None = None

    @property
    def filled(self) -> int:
        """How many cells will have a number."""
        return sum(not cell.empty for cell in self.cells)


def tables_found(plan: Plan, tables: Sequence[str], folders: Mapping[str, Path]) -> list[TableFound]:
    """Return asked tables.

    Args:
        plan: of the configuration.
        tables: their names.
        folders: corpus -> the folder of its manifest, of those that can be read.
    """
    foreseen: dict[str, tuple[tuple[str, ...], AffectError | None]] = {}
    found = []
    for table in tables:
        family = plan.tables.owners[table]
        own = {name: folders[name] / "manifest.parquet" for name in family.held if name in folders}
        if family.name not in foreseen:
            foreseen[family.name] = _foreseen(plan, family, list(own.values()))
        missing, error = foreseen[family.name] if family.corpora_behind(table) else ((), None)
        corpora, needs = family.corpora_behind(table), tuple(family.needed_by(table))
        try:
            cells = tuple(family.cells_of(table, own))
        except AffectError as wrong:
            cells, error = (), error or wrong
        measured = not family.experiments_of(table) and (not needs or bool(plan.places.held(needs)))
        found.append(TableFound(table, corpora, needs, measured, cells, missing, error))
    return found


def _foreseen(
    plan: Plan, family: Family, manifests: Sequence[Path]
) -> tuple[tuple[str, ...], AffectError | None]:
    """What a family's check before the first job will find (:mod:`affectssm.evaluation.foreseen`)."""
    settings = next(
        settings for name, (_, settings) in plan.checks.items() if name.rpartition("-")[0] == family.name
    )
    if not manifests:
        return (), None
    try:
        return tuple(load(family.foresees)(settings, manifests)), None
    except AffectError as error:
        return (), error
