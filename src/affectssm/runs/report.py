"""How far a run folder is, in words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from affectssm.runs.controllers import Controller, State
from affectssm.runs.job_words import words_of_job
from affectssm.runs.snakemake_log import LoggedJob
from affectssm.runs.state import STANDINGS, RunState, over

NAMED = 12  # of jobs of one kind


def report(state: RunState) -> str:
    """Return what ``affectssm status`` says."""
    parts = [
        _controllers(state), _slurm(state), _strays(state), _stages(state), _failed(state.of("failed")),
        _again(state), _not_known(state),
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part)))


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _named(lines: Sequence[str], indent: str = "  ") -> Iterator[str]:
    yield from (indent + line for line in lines[:NAMED])
    if len(lines) > NAMED:
        yield f"{indent}... and {len(lines) - NAMED} more"


def _controllers(state: RunState) -> Iterator[str]:
    if not state.controllers:
        yield f"{state.folder.results}: no note of a run; what ran before there were notes is not told apart"
    for one, how in state.controllers:
        yield f"snakemake on {one}"
        yield f"  {_how(one, how)}"
    if state.log.total is not None:
        yield f"  {state.log.done} of {state.log.total} steps done; more become known as corpora are discovered"


def _how(one: Controller, how: State) -> str:
    if how == "alive":
        return "at work" if one.here else f"at work, by its last sign of life at {_at(one.seen)}"
    if how == "ended":
        return f"ended at {_at(one.ended or one.seen)}"
    if how == "dead":
        return f"killed, or its machine went down, soon after {_at(one.seen)}; the same command goes on"
    return f"no sign of life since {_at(one.seen)}: whether it lives is to be seen on {one.host} alone"


def _slurm(state: RunState) -> Iterator[str]:
    if state.found.unknown is not None:
        yield f"SLURM does not answer ({state.found.unknown.found}): which of its jobs run here is not known"
    elif state.found.jobs:
        yield f"{len(state.found.jobs)} SLURM jobs"
        yield from _named([str(job).removeprefix("SLURM job ") for job in state.found.jobs])


def _strays(state: RunState) -> Iterator[str]:
    """What runs without a controller."""
    if state.found.controllers or not (state.found.jobs or state.found.processes):
        return
    yield from _named([f"process {one.pid}: {one.command[:100]}" for one in state.found.processes], "")
    if state.found.unnoted:
        yield f"snakemake, process {state.found.unnoted[0].pid}, waits for these; it left no note here."
        return
    yield "No controller waits for these any more: affectssm cancel ends them, and what they have finished is kept."


def _stages(state: RunState) -> Iterator[str]:
    stages = state.stages
    if not stages:
        return
    width = max(map(len, [*stages, "stage"]))
    yield f"{'stage':<{width}}" + "".join(f"{name:>10}" for name in STANDINGS)
    for stage, counts in stages.items():
        yield f"{stage:<{width}}" + "".join(f"{counts[name] or '':>10}" for name in STANDINGS)


def _failed(jobs: Sequence[LoggedJob]) -> Iterator[str]:
    if jobs:
        yield "Failed, and done again at the next call:"
        for job in jobs[:NAMED]:
            yield f"  {job.name}"
            yield from ("    " + line for line in words_of_job(job.rule, job.logs, job).splitlines())
        if len(jobs) > NAMED:
            yield f"  ... and {len(jobs) - NAMED} more"


def _again(state: RunState) -> Iterator[str]:
    jobs = state.of("again")
    if jobs or state.strangers:
        silent = ", unless SLURM still runs them" if state.found.unknown is not None else ""
        yield f"Begun and not finished, done again at the next call that wants them{silent}:"
        yield from _named([*(_begun(job, state) for job in jobs), *state.strangers])


def _begun(job: LoggedJob, state: RunState) -> str:
    if over(job, state.found.jobs) and state.found.unknown is None:
        return (
            f"{job.name} (SLURM job {job.slurm} is over; how it ended: sacct -j {job.slurm}, {job.slurm_log})"
        )
    return job.name


def _not_known(_: RunState) -> Iterable[str]:
    yield "How many jobs are left is not known here: snakemake -n with your targets and configuration counts them."
