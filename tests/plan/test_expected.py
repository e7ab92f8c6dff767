"""What a controller expects of a job, asked by rule and wildcards, is what the estimate says of it beforehand."""

from __future__ import annotations

import pytest

from affectssm.plan import asked
from affectssm.plan.costs import HOUR, START_S, Costs
from affectssm.plan.expected import Expecting
from affectssm.plan.walk import Walk

HOLDS = {"noxi": {"root": "/data/noxi"}, "noxi_add": {"root": "none"}, "mpiigi": {"root": "none"}}


def test_it_expects_what_the_estimate_adds_up():
    plan = asked.plan_of([], {"scale": "paper", "families": ["dialogue"], "corpora": HOLDS}, "results")
    expecting = Expecting(plan)
    with pytest.raises(KeyError):  # before the corpus is discovered or described
        expecting(
            "extract", {"corpus_edition": plan.places.name("noxi"), "feature": "wav2vec2", "shard": "s00"}
        )
    asked.describe(plan, ["noxi_ccc"], {asked.ALL: "150"}, {asked.ALL: "20"}, {}, {asked.ALL: "1920x1080@25"})
    costs = Costs(plan)
    for job in Walk(plan, ["noxi_ccc"]):
        expected, cost = expecting(job.rule, job.wildcards), costs.of(job)
        assert (expected.kind, expected.cores, expected.gpus) == (job.kind, cost.cores, cost.gpus)
        assert (expected.seconds or START_S) == pytest.approx(cost.hours * HOUR), job
    assert expecting("a rule of somebody", {}).seconds is None
