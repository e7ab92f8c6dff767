"""A few lines before a long run: how long it will take, whether what it writes has room, roots that are not there.

Asked by the workflow once it knows which jobs run. It says nothing of a run that is short or nearly done.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from affectssm.errors import DataError
from affectssm.plan import asked, extents
from affectssm.plan.check_corpora import CHECKS
from affectssm.plan.check_room import clock_h, legs
from affectssm.plan.costs import Cost
from affectssm.plan.estimate import Estimate
from affectssm.plan.plan import Plan
from affectssm.plan.text import number, took
from affectssm.store import layout

LONG_H = 0.25
"""Of a run that takes less, how long it takes is not said."""
LEAST_GB = 1.0
"""Of less that is to be written, the room is not looked at."""
IMPOSSIBLE = 10.0
"""A run is refused that would write this many times what is free: no estimate is so far off."""
_TABLES = ("table", "edition_table")
Job = tuple[str, Mapping[str, str]]
"""A job: its rule and its wildcards."""


def ahead(
    plan: Plan, jobs: Iterable[Job], anew: Callable[[], Plan], cores: int, files: Sequence[str] = ()
) -> list[str]:
    """Return what to say before a run.

    Args:
        plan: of the configuration.
        jobs: that are to run, as far as Snakemake knows before corpora are discovered.
        anew: makes the plan once more: an estimate imagines what is not there yet.
        cores: that compute at a time; 0 where jobs go elsewhere, and nobody knows.
        files: of the configuration, to name the command that says more.

    Raises:
        DataError: when what is to be written is many times what is free.
    """
    known = list(jobs)
    said = list(_roots(plan, known))
    tables = sorted({given["table"] for rule, given in known if rule in _TABLES})
    if tables and any(rule not in _TABLES for rule, _ in known):
        said += _amount(anew(), tables, cores, " ".join(files))
    return said


def _roots(plan: Plan, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield corpora that are to be discovered and whose roots are not there."""
    for rule, given in jobs:
        if rule != "manifest":
            continue
        corpus = plan.places.corpus_editions[given["corpus_edition"]]
        root = plan.places.root(corpus)
        if not plan.places.is_demo(corpus) and not Path(root).is_dir():
            yield (
                f"warning: corpora.{corpus}.root: {root} is no folder on this machine; unless the machine has it that "
                "discovers, the run will stop there"
            )


def _amount(plan: Plan, tables: Sequence[str], cores: int, files: str) -> Iterator[str]:
    """Yield how long the rest takes and whether it has room."""
    asked.describe(plan, tables, {}, {}, {}, {})
    _take_looked_at(plan)
    estimate = Estimate(plan, tables)
    left = [cost for stage in estimate.stages for cost in stage.costs if not _is_done(cost)]
    gb = sum(one.kb for one in left) / 1e6
    disk = shutil.disk_usage(plan.results)
    free = disk.free / 1e9
    if disk.total and gb > LEAST_GB and gb > IMPOSSIBLE * free:
        raise DataError(
            plan.results,
            f"{number(free)} GB are free, and about {number(gb)} GB are still to be written",
            "room for what tables are made of",
            f"make room, or put results/ on a larger disk (a link will do); affectssm estimate {files} says what takes "
            "most".replace("  ", " "),
        )
    if disk.total and gb > LEAST_GB and gb > free:
        yield (
            f"warning: about {number(gb)} GB are still to be written, and {number(free)} GB are free where "
            f"{plan.results}/ lies"
        )
    hours = clock_h(legs(estimate, cores, 1)) if cores else 0.0
    share = sum(one.hours * one.busy for one in left) / (
        sum(one.hours * one.busy for stage in estimate.stages for one in stage.costs) or 1.0
    )
    if hours * share > LONG_H:
        command = f"affectssm check {files}".strip()
        yield f"about {took(hours * share)} to go on {cores} cores ({command} says of what, and what is missing)"


def _is_done(cost: Cost) -> bool:
    """Whether a job has run in this folder: it then left a file of what it took."""
    return bool(cost.ran)


def _take_looked_at(plan: Plan) -> None:
    """Give corpora that are not discovered yet the extent that a check has found."""
    places = plan.places
    for corpus in places.all:
        folder = Path(plan.results, CHECKS, "corpora", places.name(corpus))
        known = places.extents.get(corpus)
        if (known is None or known.origin != "manifest") and (folder / "shards.json").is_file():
            places.extents[corpus] = extents.of_manifest(folder, None)
            places.imagined[corpus] = layout.shard_index(folder)
