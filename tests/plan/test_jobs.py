"""What a rule is made of: patterns, constraints, command lines and resources that follow from a step."""

from __future__ import annotations

import json
import shlex
from types import SimpleNamespace

import pytest

from affectssm.families.configuration import load_config
from affectssm.families.step import Input, Step
from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.jobs import Job
from affectssm.plan.plan import Plan
from affectssm.plan.resources import Resources
from affectssm.settings.base import Strict

RUN = "results/runs/{experiment}/{part}/{seed}"


class Told(Strict):
    """Settings of STEP."""

    experiment: str
    z: str


STEP = Step(
    "fit_it",
    "fit",
    run="affectssm.training.seeds:mixed",
    reads={
        "tracks": Input("tracks", above=2),
        "base": Input("base", given=False),
        "index": Input("index", one=True),
    },
    writes={"checkpoint": f"{RUN}/checkpoint.safetensors", "config": f"{RUN}/config.yaml"},
    out=RUN,
    settings="told",
    model=f"{__name__}:Told",
    words=("part",),
    computing=True,
    threads="cores",
    gpu=True,
)


class Family:
    """Answers the questions of STEP."""

    name, word = "own", "their.lab"
    experiments, held, tasks = {"a-demo": None, "b.c-demo": None}, (), ()
    places = SimpleNamespace()

    def tracks(self, experiment):
        return [f"results/features/x-demo/{feature}/s00.h5" for feature in ("one", "two")] + [
            "results/features/y-demo/one/s00.h5"
        ]

    def base(self):
        return []

    def index(self, seed):
        return f"index of {seed}"

    def told(self, experiment, seed):
        return {"z": seed, "experiment": experiment}

    def cores(self):
        return 3


@pytest.fixture
def job():
    return Job(Family(), STEP, dict, Resources(CorpusPlan(load_config({}))))


def test_a_rule_is_named_and_kept_to_the_familys_experiments(job):
    assert job.rule == "fit_it_own" and job.command == "fit-it their.lab"
    assert job.wildcards == ["experiment", "part", "seed"]
    assert job.constraints == {"experiment": r"a\-demo|b\.c\-demo"}
    assert job.log == "results/logs/fit_it/{experiment}/{part}/{seed}.log"
    assert job.benchmark == "results/benchmarks/fit_it/{experiment}/{part}/{seed}.tsv"
    assert job.threads == 3 and set(job.resources) == {"gpu", "mem_mb", "runtime"}


def test_the_line_names_folders_words_and_settings(job):
    wildcards = {"experiment": "a-demo", "part": "s00", "seed": "5"}
    files = {name: job.files(read, wildcards) for name, read in STEP.reads.items()}
    assert files["index"] == ["index of 5"] and files["base"] == []
    folders = ["results/features/x-demo", "results/features/y-demo"]
    assert shlex.split(job.file_words(files)) == ["--tracks", *folders, "--index", "index of 5"]
    *words, settings = shlex.split(job.settings_words(wildcards))
    assert words == ["--part", "s00", "--settings"]
    assert json.loads(settings) == {"experiment": "a-demo", "z": "5"}
    out = ["--computing", "results/computing.json", "--out", "results/runs/a-demo/s00/5"]
    assert shlex.split(job.written_words(wildcards)) == out


def test_code_is_that_of_the_function_unless_the_family_says_more(job):
    assert job.code({}) == Job(Family(), STEP, dict, job._asked).code({}) != ""
    assert job.content({}) == ""


def test_a_question_that_wants_to_know_more_says_what(job):
    with pytest.raises(TypeError, match="index wants seed"):
        job.files(STEP.reads["index"], {"part": "s00"})


def test_no_two_jobs_write_the_same_file_for_the_same_wildcards():
    claimed = {}
    for job in Plan({}).jobs:
        for pattern in job.outputs.values():
            for one in [pattern] if isinstance(pattern, str) else pattern:
                key = one, *sorted(job.constraints.items())
                assert key not in claimed, (job.rule, claimed[key])
                claimed[key] = job.rule
