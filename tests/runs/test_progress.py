"""How far a run is: counted from a plan as Snakemake has it, estimated, written, and said in a line."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from affectssm.runs import progress, telling
from affectssm.runs.jobs_seen import Looker, Seen, SeenJob
from affectssm.runs.progress import Count, Progress, lasting
from affectssm.runs.telling import Telling
from affectssm.runs.time_left import Expected, TimeLeft


class Job:
    """A job as Snakemake has it."""

    def __init__(self, rule: str, name: str = "", after: tuple[Job, ...] = (), norun: bool = False) -> None:
        self.rule, self.wildcards_dict = (
            SimpleNamespace(name=rule, norun=norun),
            {"name": name} if name else {},
        )
        self.benchmark = f"results/benchmarks/{rule}/{name}.tsv" if name else None
        self.log = [f"results/logs/{rule}/x.log"]
        self.after = after

    def is_group(self) -> bool:
        return False


class Workflow:
    """A plan of Snakemake: two extractions, a training of each, a table, and what asks for it."""

    def __init__(self) -> None:
        self.extracts = [Job("extract", name) for name in "ab"]
        self.trains = [Job("train", job.wildcards_dict["name"], (job,)) for job in self.extracts]
        self.table = Job("table", "", tuple(self.trains))
        old = Job("demo", "old")  # nothing to do
        self.jobs = [old, *self.extracts, *self.trains, self.table, Job("all", "", (self.table,), norun=True)]
        self.needed, self.done = set(self.jobs[1:]), set()
        self.checkpoint_jobs: set[Job] = set()
        self.scheduler = SimpleNamespace(
            _lock=threading.Lock(), running=set(), failed=set(), print_progress=True,
            global_resources={"_cores": 2, "_nodes": 9**99, "gpu": 1, "mem_mb": 5},
        )  # fmt: skip
        self.dag = self

    def needrun_jobs(self, exclude_finished: bool) -> set[Job]:
        assert not exclude_finished
        return self.needed

    def finished(self, job: Job) -> bool:
        return job in self.done

    def job_dependencies(self, job: Job) -> tuple[Job, ...]:
        return job.after


@pytest.fixture
def workflow() -> Workflow:
    return Workflow()


def test_jobs_are_seen_as_they_stand(workflow):
    first, second = workflow.extracts
    workflow.done, workflow.scheduler.running = {first}, {workflow.trains[0]}
    workflow.needed -= {first}  # as after a checkpoint, when Snakemake plans anew
    workflow.scheduler.failed, workflow.checkpoint_jobs = {second}, {second}
    seen = Looker(workflow).look()
    fates = {job.place: job.fate for job in seen.jobs}
    assert fates == {
        "extract/a": "finished", "extract/b": "failed", "train/a": "running", "train/b": "blocked",
        "table/x": "blocked",
    }  # fmt: skip
    assert seen.limits == {"cores": 2, "gpu": 1} and seen.more
    assert {job.place: job.behind for job in seen.jobs}["table/x"] == ("train/a", "train/b")
    with workflow.scheduler._lock:
        assert Looker(workflow).look() is None


def test_the_time_left_is_that_of_the_cores_or_of_the_longest_chain():
    def seen(*jobs: SeenJob, cores: int = 2) -> Seen:
        return Seen(jobs, {"cores": cores}, False)

    def job(place: str, fate: str = "waiting", *behind: str) -> SeenJob:
        return SeenJob(place.partition("/")[0], {}, place, fate, behind)

    seconds = {"extract": 10.0, "train": 100.0, "manifest": None}
    took = {"extract/a": 30.0, "table/x": 7.0}

    def expecting(rule: str, _: object) -> Expected:
        return Expected(rule, seconds[rule], cores=2 if rule == "train" else 1)

    def time_left(*jobs: SeenJob, now: float = 0.0, **limits: int) -> tuple[float | None, bool]:
        return TimeLeft(expecting, took.get).left(seen(*jobs, **limits), now)

    waiting = [job(f"extract/{number}") for number in range(8)]
    assert time_left(*waiting) == (40.0, True)  # eight of 10 s on two cores
    assert time_left(*waiting, job("extract/a", "finished")) == (120.0, True)  # they take three times as long
    assert time_left(job("extract/a", "finished"), job("train/1")) == (300.0, True)  # as all others, too
    chain = [job("extract/0"), job("train/1", "waiting", "extract/0"), job("train/2", "waiting", "train/1")]
    assert time_left(*chain, cores=8) == (210.0, True) and time_left(*chain, cores=1) == (210.0, True)
    assert time_left(*chain, cores=2) == (210.0, True)
    assert time_left(job("extract/1"), job("manifest/x")) == (10.0, False)
    assert time_left(job("manifest/x")) == (None, False)
    assert time_left(job("extract/a", "finished")) == (0.0, True)
    assert time_left(job("extract/1", "failed"), job("train/1", "blocked", "extract/1")) == (0.0, True)
    # nothing is expected of a table, but one has taken 7 s; of an unknown corpus nothing is
    assert time_left(job("table/x", "finished"), job("table/y")) == (7.0, True)
    later = TimeLeft(expecting, took.get)
    assert later.left(seen(job("train/1", "running")), 50.0) == (100.0, True)
    assert later.left(seen(job("train/1", "running")), 80.0) == (70.0, True)
    assert later.left(seen(job("train/1")), 90.0) == (100.0, True)  # begun anew after a failure
    assert later.left(seen(job("train/1", "running")), 990.0) == (100.0, True)
    # two jobs of 30 s, three times what is expected, end after 33 s on two cores: 3 s more for each
    slow, both = TimeLeft(expecting, {"extract/1": 30.0, "extract/2": 30.0}.get), waiting[1:3]
    assert slow.left(seen(*both), 0.0) == (10.0, True)
    done = [job("extract/1", "finished"), job("extract/2", "finished")]
    assert slow.left(seen(*done, *waiting[3:5]), 33.0) == (33.0, True)
    assert slow.left(seen(*done, *waiting[3:5]), 99.0) == (
        35.0,
        True,
    )  # a cluster's queue, or a disk that was away


def test_a_run_is_said_in_a_line():
    stages = {
        "extract": Count(60, 30, 1),
        "train": Count(12, 3, 1, 1),
        "done": Count(2, 2),
        "table": Count(1),
    }
    now = Progress(0.0, stages, 380.0, sure=True)
    assert now.line == "35 of 75 jobs (extract 30/60, train 3/12), 2 running, 1 failed, about 6 min left"
    more = Progress(0.0, stages, 20.0, sure=True, more=True)
    assert more.line.endswith("at least 1 min left, more jobs become known after discovery")
    assert Progress(0.0, stages).line.endswith("time left not known")
    assert Progress(0.0, {"table": Count(1, 0, 1)}, 3.0, True).line.endswith(
        "1 running, less than 1 min left"
    )
    assert Progress(0.0, {"table": Count(1, 1)}, 0.0, True).line == "1 of 1 jobs"
    assert [lasting(60.0 * minutes) for minutes in (0, 59.4, 59.6, 130, 1439.9, 6000)] == [
        "1 min", "59 min", "1 h", "2 h 10 min", "1 d", "4 d 4 h",
    ]  # fmt: skip
    assert stages["train"].left == 9 and stages["train"].waiting == 7


def test_what_is_written_is_read_again(tmp_path):
    note = tmp_path / "1.json"
    now = Progress(5.0, {"train": Count(3, 1)}, None, more=True)
    assert progress.read(note) is None
    progress.write(note, now)
    assert progress.read(note) == now and list(tmp_path.glob("*.json")) == []
    for text in (
        "",
        "[]",
        '{"at": 1}',
        '{"stages": {"a": {"planned": -1}}, "at": 1}',
        '{"stages": {}, "at": "x"}',
    ):
        progress.beside(note).write_text(text)
        assert progress.read(note) is None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_controller_tells_what_is_new_and_its_terminal_a_line_when_a_stage_ends(workflow, tmp_path):
    note, terminal = tmp_path / "controllers" / "1.json", Terminal()
    told = Telling(tmp_path, note, Looker(workflow), terminal=terminal)
    measured = tmp_path / "benchmarks" / "extract" / "a.tsv"
    measured.parent.mkdir(parents=True)
    measured.write_text("s\tcpu_time\n120.0\t1\n")
    workflow.scheduler.running = {workflow.extracts[1]}
    workflow.done = {workflow.extracts[0]}
    told.tell()
    found = progress.read(note)
    assert found.stages["extract"] == Count(2, 1, 1) and found.whole == Count(5, 1, 1)
    assert 110 < found.left_s <= 120 and not found.sure  # nothing is known of a training
    before = progress.beside(note).stat().st_mtime_ns
    told.tell()
    assert progress.beside(note).stat().st_mtime_ns == before and terminal.getvalue() == ""
    told._said_at -= telling.TERMINAL_S
    told.tell()
    assert terminal.getvalue().startswith(
        "affectssm: 1 of 5 jobs (extract 1/2), 1 running, at least 2 min left\n"
    )
    workflow.done, workflow.scheduler.running = set(workflow.extracts), set()
    told.tell()
    assert terminal.getvalue().count("\n") == 2 and "2 of 5 jobs, at least" not in terminal.getvalue()
    workflow.scheduler.print_progress = False  # snakemake --quiet
    told._said_at -= telling.FILE_S
    workflow.done |= set(workflow.trains)
    told.tell()
    assert terminal.getvalue().count("\n") == 2 and progress.read(note).whole.finished == 4


def test_what_goes_wrong_is_said_once_and_harms_nothing(tmp_path: Path):
    class Broken:
        silent = False

        def look(self) -> None:
            raise RuntimeError("dictionary changed size")

    note, terminal = tmp_path / "controllers" / "1.json", io.StringIO()
    told = Telling(tmp_path, note, Broken(), terminal=terminal)
    told.tell()
    told.tell()
    assert terminal.getvalue().count("dictionary changed size") == 1 and "goes on" in terminal.getvalue()
    assert json.loads(progress.beside(note).read_text())["fault"].startswith("RuntimeError")
    terminal.close()
    Telling(tmp_path / "\0", note, Broken(), terminal=terminal).tell()
