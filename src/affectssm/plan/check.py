"""A look at all that asked tables rest on, before anything runs: what is there, what it takes, what is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affectssm.features.wanted import WeightsState, state_of
from affectssm.features.weights import Wanted
from affectssm.plan import asked, extents
from affectssm.plan.check_corpora import Looked, look
from affectssm.plan.check_found import Found, found_in
from affectssm.plan.check_room import Leg, legs
from affectssm.plan.check_tables import TableFound, tables_found
from affectssm.plan.estimate import Estimate, Limits
from affectssm.plan.hashes import RememberedHashes
from affectssm.plan.plan import Plan
from affectssm.plan.weights import wanted_of
from affectssm.store import layout
from affectssm.vocabulary.features import kinds_of


@dataclass(frozen=True)
class Weights:
    """A pretrained model that asked tables want.

    Attributes:
        wanted: the model.
        who: wants it.
        state: of its files.
    """

    wanted: Wanted
    who: tuple[str, ...]
    state: WeightsState


@dataclass(frozen=True)
class Machine:
    """What computes, all nodes at work at a time together.

    Attributes:
        cores, gpus: how many.
        memory_gb: None where it is no limit.
    """

    cores: int
    gpus: int
    memory_gb: float | None


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        plan: of the configuration.
        tables: that are asked, as far as manifests tell.
        corpora: that they rest on, and those of their families, which the workflow looks at too.
        found: corpus -> what it holds, of those that can be read.
        weights: that are wanted.
        machine, limits: that hours and room are counted for.
        estimate, legs: what it takes; empty where a table cannot be planned.
        notes: what could not be told.
    """

    plan: Plan
    tables: Sequence[TableFound]
    corpora: Sequence[Looked]
    found: Mapping[str, Found]
    weights: Sequence[Weights]
    machine: Machine
    limits: Limits
    estimate: Estimate | None
    legs: Sequence[Leg] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def rested_on(self) -> set[str]:
        """The corpora that asked tables rest on."""
        return {corpus for table in self.tables for corpus in table.corpora}


def check(plan: Plan, tables: Sequence[str], machine: Machine, hours: float | None = None) -> Checked:
    """Look at everything that tables rest on.

    Args:
        plan: of the configuration.
        tables: their names; all of the configuration where none is given.
        machine: that computes.
        hours: that a job may take at most; None where nothing limits it.

    Raises:
        ConfigError: for a table that there is not.
    """
    names = list(tables) or list(plan.tables.there)
    for table in names:
        if table not in plan.tables.owners:
            raise plan.tables.no_such_table(table)
    corpora = _corpora(plan, names)
    kinds = {corpus: _kinds(plan, corpus, names) for corpus in corpora}
    looked = list(look(plan, corpora, machine.cores))
    folders = {one.corpus: one.folder for one in looked if one.folder is not None}
    found = {
        corpus: found_in(corpus, folder, kinds[corpus], corpus not in plan.places.demo_data)
        for corpus, folder in folders.items()
    }
    planned = [table for table in names if _can_be_planned(plan, table)]
    notes = _describe(plan, planned, folders)
    limits = Limits(hours, machine.memory_gb, disk_gb=_free_gb(plan.results))
    estimate = Estimate(plan, planned) if planned else None
    return Checked(
        plan,
        tables_found(plan, names, folders),
        looked,
        found,
        _weights(plan, planned),
        machine,
        limits,
        estimate,
        legs(estimate, machine.cores, machine.gpus, machine.memory_gb) if estimate else (),
        notes,
    )


def this_machine(gpus: int) -> Machine:
    """Return what computes here.

    Args:
        gpus: how many there are.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return Machine(len(os.sched_getaffinity(0)), gpus, memory)


def _can_be_planned(plan: Plan, table: str) -> bool:
    needed = plan.tables.owners[table].needed_by(table)
    return not needed or bool(plan.places.held(needed))


def _corpora(plan: Plan, tables: Sequence[str]) -> list[str]:
    """The corpora to look at: those of the families of tables that rest on corpora, for a run looks at all of them."""
    found: dict[str, None] = {}
    for table in tables:
        owner = plan.tables.owners[table]
        if owner.corpora_behind(table):
            found |= dict.fromkeys((*owner.held, *owner.needed_by(table)))
        elif not plan.places.held(owner.needed_by(table)):
            found |= dict.fromkeys(owner.needed_by(table))
    return list(found)


def _kinds(plan: Plan, corpus: str, tables: Sequence[str]) -> tuple[str, ...]:
    """Kinds of the rows of a corpus that tables are made of."""
    features = [
        feature
        for table in tables
        if corpus in plan.tables.owners[table].corpora_behind(table)
        for feature in plan.tables.owners[table].features_behind(table)
    ]
    return tuple(sorted(kinds_of(features)))


def _describe(plan: Plan, tables: Sequence[str], folders: Mapping[str, Path]) -> list[str]:
    """Give every corpus the extent that its manifest tells, and those without one what their owners say."""
    places = plan.places
    notes = asked.describe(plan, tables, {}, {}, {}, {})
    for corpus, folder in folders.items():
        places.extents[corpus] = extents.of_manifest(folder, None)
        places.imagined[corpus] = layout.shard_index(folder)
    return [note for note in notes if note.partition(":")[0] not in folders]


def _weights(plan: Plan, tables: Sequence[str]) -> list[Weights]:
    if not tables:
        return []
    hashes = RememberedHashes(Path(plan.results, "weights.json"))
    folder = plan.config.features.weights_dir
    found = [
        Weights(one, tuple(who), state_of(folder, one, hashes))
        for one, who in wanted_of(plan, tables).items()
    ]
    hashes.write()
    return found


def _free_gb(results: str) -> float:
    place = Path(results).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free / 1e9
