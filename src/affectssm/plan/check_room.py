"""Room, memory and hours of asked tables in short: an estimate by stages of the road, and the time by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affectssm.plan.costs import Cost
from affectssm.plan.estimate import Estimate

HOUR = 3600.0
BETWEEN_S = 1.0
"""Seconds between a job's end and the next one's begin: what Snakemake does then (a demo run)."""
_STAGES = (
    ("corpora", ("demo_corpora", "manifest", "complete")),
    ("face tracks", ("extract face_track",)),
    ("features", ("extract",)),
    ("segments", ("segments", "training_windows", "prediction_windows", "windows")),
    ("training", ("train", "tune", "encode", "masks", "choose")),
    ("answers", ("predict", "adapt")),
    ("scores", ("evaluate", "submission")),
    ("tables", ("edition_table", "table")),
)
OTHER = "other"


@dataclass(frozen=True)
class Leg:
    """The jobs of a stage of the road.

    Attributes:
        name: of the stage.
        jobs: how many.
        core_hours, gpu_hours: of all.
        clock_h: from its first job's begin to its last one's end.
        gb: that are written.
        mem_gb: of the job that asks for most.
        unknown: kinds of jobs of which nobody has measured how long they take.
    """

    name: str
    jobs: int
    core_hours: float
    gpu_hours: float
    clock_h: float
    gb: float
    mem_gb: float
    unknown: tuple[str, ...]


def legs(estimate: Estimate, cores: int, gpus: int, memory_gb: float | None = None) -> list[Leg]:
    """Return the stages of the road with what they take.

    Jobs of a stage run side by side, as many as cores, GPUs and memory hold; the next stage begins where all have
    ended, which some of its jobs in truth need not wait for.

    Args:
        estimate: of the tables.
        cores: of the machine, or of all nodes at work at a time.
        gpus: of the same.
        memory_gb: of the same; None where it is no limit.
    """
    groups: dict[str, list[tuple[str, Sequence[Cost]]]] = {}
    for stage in estimate.stages:
        groups.setdefault(_leg_of(stage.kind), []).append((stage.kind, stage.costs))
    order = [name for name, _ in _STAGES] + [OTHER]
    return [_leg(name, groups[name], cores, gpus, memory_gb) for name in sorted(groups, key=order.index)]


def clock_h(found: Sequence[Leg]) -> float:
    """Return hours from the first job's begin to the last one's end."""
    return sum(one.clock_h for one in found)


def _leg_of(kind: str) -> str:
    return next((name for name, begins in _STAGES if kind.startswith(begins)), OTHER)


def _leg(
    name: str,
    kinds: Sequence[tuple[str, Sequence[Cost]]],
    cores: int,
    gpus: int,
    memory_gb: float | None,
) -> Leg:
    costs = [cost for _, own in kinds for cost in own]
    with_gpu = [cost for cost in costs if cost.gpus]
    without = [cost for cost in costs if not cost.gpus]
    return Leg(
        name,
        len(costs),
        sum(one.hours * one.busy for one in without),
        sum(one.hours * one.gpus for one in with_gpu),
        max(_side_by_side(without, cores, memory_gb), _side_by_side(with_gpu, gpus, memory_gb, of_gpus=True)),
        sum(one.kb for one in costs) / 1e6,
        max(one.mem_mb for one in costs) / 1000,
        tuple(kind for kind, own in kinds if not all(one.known for one in own)),
    )


def _side_by_side(
    costs: Sequence[Cost], places: int, memory_gb: float | None, of_gpus: bool = False
) -> float:
    """Hours by the clock: no less than the longest job, nor than the work divided by how much is done at a time."""
    if not costs:
        return 0.0
    hours = [one.hours + BETWEEN_S / HOUR for one in costs]
    taken = [(one.gpus if of_gpus else one.cores) for one in costs]
    work = sum(hour * min(take, places) for hour, take in zip(hours, taken, strict=True)) / max(places, 1)
    if memory_gb:
        room = 1000 * memory_gb
        work = max(
            work, sum(hour * min(one.mem_mb, room) for hour, one in zip(hours, costs, strict=True)) / room
        )
    return max(work, max(hours))
