"""What rules ask for: every rule and extractor has numbers, which grow by attempt up to what a cluster has."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from affectssm.families import OWN
from affectssm.plan import resources
from affectssm.plan.plan import Plan
from affectssm.plan.resources import SHARED
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.needs import UNSAID

SCALES = ("paper", "demo", "tiny")
PAPER = {"scale": "paper"}


def elsewhere(**given):
    return Plan(PAPER | given, elsewhere=True)


def resource(plan, rule, name, attempt=1, **wildcards):
    given = next(job for job in plan.jobs if job.rule == rule).resources[name]
    return given(wildcards, attempt) if callable(given) else given


@pytest.mark.parametrize("scale", SCALES)
def test_every_rule_and_every_extractor_says_what_it_takes_and_where_the_numbers_come_from(scale):
    plan = Plan({"scale": scale})
    assert set(plan.families) == set(OWN)
    needs = {job.rule: job.step.needs for job in plan.jobs}
    needs |= {name: spec.needs for name, spec in FEATURES.items()} | dict(SHARED)
    for name, by_scale in needs.items():
        need = by_scale[scale]
        assert need.source != UNSAID and need.cpu_s is not None, name
        assert need.mem_mb and need.minutes > 0 and need.reading_s >= 0, name
    for job in plan.jobs:
        assert job.memory >= 500 and job.threads >= 1


def test_demos_ask_for_the_memory_of_demos_and_no_gpu():
    for scale in ("demo", "tiny"):
        plan = Plan({"scale": scale}, elsewhere=True)
        for job in plan.jobs:
            measures = job.step.name in ("memory", "measure")  # up to the limit that the configuration sets
            assert measures or job.resources["mem_mb"]({}, 1) <= 4000
            assert job.resources.get("gpu", 0) == 0
        given = SimpleNamespace(corpus_edition="noxi-demo", feature="clip_face", shard="s00")
        asked = plan.resources.extraction(network=True)
        assert asked["gpu"](given, 1) == 0 and asked["mem_mb"](given, 1) <= 2000


def test_memory_and_time_grow_by_attempt_up_to_what_nodes_and_the_partition_have():
    plan = elsewhere(cluster={"hours": 10, "memory_gb": 30})
    memory = [resource(plan, "predict_dialogue", "mem_mb", n, experiment="x") for n in (1, 2, 3)]
    minutes = [resource(plan, "evaluate_dialogue", "runtime", n) for n in (1, 2, 3)]
    assert memory == [12000, 24000, 30000]
    assert minutes == [120, 240, 360]
    assert [plan.resources.minutes(1440, n) for n in (1, 2)] == [600, 600]
    assert elsewhere().resources.memory(20000, 3) == 60000


def test_one_switch_takes_the_gpu_of_every_rule(monkeypatch):
    def gpus(plan):
        given = SimpleNamespace(corpus_edition="noxi-demo", feature="clip_face", shard="s00")
        steps = {job.rule: job.resources["gpu"] for job in plan.jobs if "gpu" in job.resources}
        return steps | {"extract": plan.resources.extraction(network=True)["gpu"](given, 1)}

    # as --config cluster='{gpus: 0}' gives it
    with_gpu, without = gpus(elsewhere()), gpus(elsewhere(cluster={"gpus": "0"}))
    assert {rule for rule, count in with_gpu.items() if count} == {
        "extract", "train_dialogue", "predict_dialogue", "memory_dialogue", "train_video", "tune_video",
        "encode_video", "predict_video", "train_clips", "measure_clips", "train_recordings", "predict_recordings",
        "train_items_recordings",
    }  # fmt: skip
    assert set(without.values()) == {0}
    # on one machine the switch counts for nothing: the card that is there is used, also by demos
    for count in (0, 1):
        monkeypatch.setattr(resources, "local_gpus", lambda count=count: count)
        assert set(gpus(Plan({"cluster": {"gpus": 1 - count}})).values()) == {count}


def test_a_measurement_has_one_file_wherever_the_workflow_is_read():
    """The name of a measurement says whether it has a GPU: jobs on a node must find the name that was planned."""
    (name,) = {plan.families["clips"].efficiency_file() for plan in (elsewhere(), elsewhere())}
    assert name != elsewhere(cluster={"gpus": 0}).families["clips"].efficiency_file()


def test_jobs_have_the_cpus_of_their_workers_too():
    training = {"training": {"threads": 2, "workers": 3}}
    given = {
        "dialogue": training,
        "video": {**training, "tuning": {"workers": 5}},
        "features": {"threads": 4},
    }
    threads = {job.rule: job.threads for job in Plan(given).jobs}
    assert threads["train_dialogue"] == threads["predict_dialogue"] == threads["train_video"] == 5
    assert (threads["tune_video"], threads["encode_video"]) == (9, 4)


@pytest.fixture
def counted(tmp_path):
    """A plan of a NoXi whose shards were counted, by its GPUs; the longest holds 14 sessions of two people."""

    corpora = {"noxi": {"root": "/data/noxi"}, "noxi_add": {"root": "none"}, "mpiigi": {"root": "none"}}

    def plan(gpus, seconds):
        found = Plan(
            {"scale": "paper", "corpora": corpora, "cluster": {"gpus": gpus, "hours": 100}},
            str(tmp_path), elsewhere=True,
        )  # fmt: skip
        folder = tmp_path / "corpora" / found.places.name("noxi")
        folder.mkdir(parents=True, exist_ok=True)
        index = {"shards": {}, "splits": {}, "seats": {}} | ({"seconds": seconds} if seconds else {})
        (folder / "shards.json").write_text(json.dumps(index))
        return found

    return plan


def test_the_time_limit_of_an_extraction_follows_the_longest_shard(counted):
    def hours(plan, feature, network):
        given = SimpleNamespace(corpus_edition=plan.places.name("noxi"), feature=feature, shard="s03")
        return plan.resources.extraction(network)["runtime"](given, 1) / 60

    seconds = {"s03": 4 * 2 * 1200.0, "s07": 14 * 2 * 1200.0}
    on_cpu = hours(counted(0, seconds), "clip_face", True)
    assert on_cpu == pytest.approx(
        2 * 34, rel=0.02
    )  # twice what 14 sessions at 3.5 s a second take, and reading
    assert hours(counted(1, seconds), "clip_face", True) < on_cpu / 5
    assert hours(counted(0, seconds), "face_track", False) > 12
    assert hours(counted(0, {"s03": 10.0}), "clip_face", True) == 1
    assert hours(counted(0, None), "clip_face", True) == 12  # shards.json of an earlier version


@pytest.mark.parametrize(("seconds", "hours"), [(None, 4), (1000.0, 4), (360000.0, 100)])
def test_the_time_limit_of_a_step_is_longer_where_it_is_expected_to_take_longer(counted, seconds, hours):
    plan = counted(0, {"s00": seconds} if seconds else None)
    job = next(one for one in plan.jobs if one.rule == "predict_dialogue")
    wildcards = {"experiment": next(iter(job.family.experiments)), "part": "main", "seed": "1"}
    limit = job.resources["runtime"](wildcards, 1) / 60
    assert limit == 4 if hours == 4 else 20 < limit < hours


def test_what_asks_for_resources_is_light():
    heavy = "{'torch', 'pandas', 'numpy', 'pyarrow', 'h5py'}"
    line = f"import affectssm.plan.walk, affectssm.plan.estimate, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", line], check=True)
