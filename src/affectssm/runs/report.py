"""How far a run folder is, in words."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from affectssm.runs.controllers import Controller, State
from affectssm.runs.job_words import words_of_job
from affectssm.runs.progress import Count
from affectssm.runs.snakemake_log import LoggedJob
from affectssm.runs.state import STANDINGS, RunState, over

NAMED = 12  # of jobs of one kind
LAST_LINES = 5  # of the log of a job that failed without an error of ours
COUNTS = "snakemake -n with your targets and configuration counts them"


def report(state: RunState) -> str:
    """Return what ``affectssm status`` says."""
    parts = [
        _controllers(state), _broken(state), _slurm(state), _strays(state), _stages(state), _of_plan(state),
        _failed(state.of("failed")), _again(state),
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
    if state.progress is not None and state.progress.stages:
        known = state.controllers[-1][1] in ("alive", "ended")
        when = "" if known else f" at {_at(state.progress.at)}, when they were counted last"
        yield f"  {state.progress.line}{when}"
    elif state.log.total is not None:
        yield f"  {state.log.done} of {state.log.total} steps done; more become known as corpora are discovered"


def _lives(state: RunState) -> bool:
    return bool(state.controllers) and state.controllers[-1][1] == "alive"


def _broken(state: RunState) -> Iterator[str]:
    """Notes that cannot be read: who wrote them may be at work."""
    if state.broken:
        yield "Notes of a controller that cannot be read, and count for nothing:"
        yield from _named([f"{one.file}: {one.found}" for one in state.broken])
        yield "Damaged, or of another version: delete them once no snakemake runs here that wrote them."


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
    planned = state.progress.stages if state.progress is not None else {}
    names = [*(("planned", "left") if planned else ()), *STANDINGS]
    yield f"{'stage':<{width}}" + "".join(f"{name:>10}" for name in names)
    for stage, counts in stages.items():
        own = planned.get(stage, Count())
        numbers = [*((own.planned, own.left) if planned else ()), *(counts[name] for name in STANDINGS)]
        yield f"{stage:<{width}}" + "".join(f"{number or '':>10}" for number in numbers)


def _failed(jobs: Sequence[LoggedJob]) -> Iterator[str]:
    if jobs:
        yield "Failed, and done again at the next call:"
        for job in jobs[:NAMED]:
            yield f"  {job.name}"
            words = words_of_job(job.rule, job.logs, job, LAST_LINES)
            yield from ("    " + line for line in words.splitlines())
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


def _of_plan(state: RunState) -> Iterator[str]:
    """What the numbers of planned jobs are of."""
    told = state.progress
    if told is None or not told.stages:
        why = f": its controller could not tell ({told.fault})" if told is not None and told.fault else ""
        yield f"How many jobs are left is not known here{why}; {COUNTS}."
    elif _lives(state):
        yield f"planned and left are of this run, as of {_at(told.at)}; finished are all that there are."
    else:
        anew = f", at {_at(told.at)}; {COUNTS} anew" if told.whole.left else ""
        yield f"planned and left are of the last run's plan{anew}."
