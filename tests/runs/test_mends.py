"""The mends of the plugin for SLURM: what it would lose or wait for without end, it does not."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from affectssm.errors import ConfigError
from affectssm.runs import mends


class Words(list[str]):
    """A logger that keeps what it is told."""

    def debug(self, said: str) -> None:
        """Not kept."""

    def info(self, said: str) -> None:
        """Keep it."""
        self.append(said)

    warning = info


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The plugin itself, mended, with an answer of squeue that a test sets; as it was afterwards."""
    module = importlib.import_module("snakemake_executor_plugin_slurm")
    for owner, names in (
        (
            module,
            ("get_min_job_age", "query_job_status", "get_submit_command", "create_efficiency_report"),
        ),
        (module.Executor, ("run_job", "check_active_jobs", "cancel_jobs")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))

    async def answer(command: str, logger: Any) -> tuple[Any, Any]:
        if module.answers is None:
            logger.debug("SLURM query command failed: Unable to contact slurm controller")
            return None, None
        return dict(module.answers), 0.1

    monkeypatch.setattr(module.Executor, "run_job", lambda self, job: None)
    monkeypatch.setattr(module, "query_job_status", answer)
    monkeypatch.setattr(module, "answers", None, raising=False)
    monkeypatch.setattr(mends, "no_controller", lambda: "")
    mends.mend(module)
    return module


class Run:
    """An executor of the plugin without Snakemake around it."""

    def __init__(self, plugin: ModuleType, outputs: list[str]) -> None:
        self.plugin, self.ended = plugin, dict[str, str]()
        self.executor = object.__new__(plugin.Executor)
        settings = {"status_command": "squeue", "status_attempts": 5, "init_seconds_before_status_checks": 40}
        self.executor.workflow = SimpleNamespace(
            executor_settings=SimpleNamespace(**settings, keep_successful_logs=True, requeue=True)
        )
        self.executor.logger = self.said = Words()
        self.executor.status_rate_limiter = _Unlimited()
        self.executor.next_seconds_between_status_checks = 40
        self.executor.run_uuid, self.executor._submitted_job_clusters = "r", set()
        self.executor._preemption_warning = False
        for name in ("calls", "failures", "total_seconds", "max_seconds"):
            setattr(self.executor, f"_status_query_{name}", 0)
        self.executor._status_query_min_seconds, self.executor._status_query_cycle_rows = None, []
        self.executor.report_job_success = lambda info: self.ended.update({info.external_jobid: "done"})
        self.executor.report_job_error = lambda info, **_: self.ended.update({info.external_jobid: "failed"})
        job = SimpleNamespace(output=outputs)
        self.job = SimpleNamespace(job=_Hashed(job), external_jobid="7", aux={"slurm_logfile": None})

    def check(self) -> list[str]:
        """Ask for the job's state as Snakemake does; the jobs that go on."""

        async def ask() -> list[str]:
            found: AsyncIterator[Any] = self.executor.check_active_jobs([self.job])
            return [info.external_jobid async for info in found]

        return asyncio.run(ask())


class _Hashed:
    def __init__(self, job: SimpleNamespace) -> None:
        self.output = job.output


class _Unlimited:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


def test_a_controller_that_is_away_loses_no_job_and_is_named_once(plugin):
    run = Run(plugin, [])
    assert [run.check() for _ in range(3)] == [["7"]] * 3
    assert not run.ended
    assert len(run.said) == 1 and "Unable to contact slurm controller" in run.said[0]
    plugin.answers = {"7": "COMPLETED"}
    assert run.check() == [] and run.ended == {"7": "done"}
    assert run.said[-1] == "SLURM answers again."


@pytest.mark.parametrize("state", ["CANCELLED", "CANCELLED by 0"])
def test_a_job_that_was_cancelled_has_failed(plugin, state):
    run = Run(plugin, [])
    plugin.answers = {"7": state}
    assert run.check() == [] and run.ended == {"7": "failed"}


@pytest.mark.parametrize("listed", [{}, {"7": "NODE_FAIL"}])
@pytest.mark.parametrize(("age", "end"), [(0, "done"), (100, "failed"), (None, "failed")])
def test_a_job_that_is_gone_ended_as_its_outputs_say(plugin, tmp_path, monkeypatch, listed, age, end):
    made = tmp_path / "made"
    run = Run(plugin, [str(made)])
    monkeypatch.setattr(plugin, "is_query_tool_available", lambda tool: False)
    run.executor._failed_nodes = set()
    plugin.answers = listed
    run.executor.run_job(run.job.job)
    if age is not None:
        made.touch()
        before = made.stat().st_mtime - age
        os.utime(made, (before, before))
    assert run.check() == ["7"]  # squeue may have been asked just then
    assert run.check() == [] and run.ended == {"7": end}


def test_nodes_that_failed_are_left_to_slurm_and_those_named_by_the_user_are_not(plugin):
    resources = {"mem_mb": 100, "runtime": 5}
    job = SimpleNamespace(resources=_Resources(resources), threads=1, is_group=lambda: False)
    words = {"run_uuid": "r", "slurm_logfile": "l", "comment_str": "c"}
    params = words | {"account": "", "partition": "", "workdir": ""}

    def call(named: str | None) -> str:
        settings = SimpleNamespace(
            exclude_failed_nodes=named, requeue=True, no_requeue=False, qos=None, reservation=None
        )
        return plugin.get_submit_command(job, params, settings=settings, failed_nodes={"None assigned", "n1"})

    assert "--exclude" not in call(None)
    assert "--exclude=bad" in call("bad")


class _Resources(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


def test_a_job_waits_for_the_controller_and_is_not_submitted_when_the_run_ends(monkeypatch):
    mended, submitted = mends.Mends(seconds=0.01), []
    answers = iter(["away", "away", ""])
    monkeypatch.setattr(mends, "no_controller", lambda: next(answers))
    executor = SimpleNamespace(logger=Words(), run_uuid="r", _job_submission_executor=_Pool())
    run_job = mended.run_job(lambda executor, job: submitted.append(job))
    run_job(executor, "first")
    assert submitted == ["first"] and len(executor.logger) == 2
    monkeypatch.setattr(mends, "no_controller", lambda: "away")
    cancelled: list[Any] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: cancelled.append(command))
    mended.cancel_jobs(lambda executor, jobs: None)(executor, [])
    run_job(executor, "second")
    assert submitted == ["first"] and cancelled == [["scancel", "--name", "r"]]


class _Pool:
    def shutdown(self, wait: bool) -> None: ...


def test_outputs_made_before_the_job_count_for_nothing(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    for file, moment in ((old, 50), (new, 150)):
        file.touch()
        os.utime(file, (moment, moment))
    assert mends.made_since([str(new)], 100)
    assert not mends.made_since([str(new), str(old)], 100)
    assert not mends.made_since([str(tmp_path / "none")], 100)


def test_another_plugin_is_named_and_nothing_is_put_into_it():
    other = ModuleType("another")
    other.Executor = type("Executor", (), {})  # type: ignore[attr-defined]
    before = dict(vars(other))
    with pytest.raises(ConfigError, match=r"no get_min_job_age in it"):
        mends.mend(other)
    assert vars(other) == before
