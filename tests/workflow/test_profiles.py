"""The profiles name what exists."""

from __future__ import annotations

import re

import yaml

from affectssm.plan.plan import Plan
from tests.workflow.workplace import REPOSITORY


def test_the_slurm_profile_speaks_of_rules_that_exist_and_gives_networks_a_gpu():
    text = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    found = set(re.findall(r"^(?:(?:rule|checkpoint) |use rule \w+ as )(\w+)", text, re.M))
    found |= {job.rule for job in Plan({}).jobs}
    profile = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text())
    named = set(profile["set-resources"]) | set(profile.get("set-threads", {}))
    assert named <= found
    assert {rule for rule, own in profile["set-resources"].items() if own.get("gpu")} == {
        "extract",
        "train_dialogue",
        "predict_dialogue",
        "memory_dialogue",
        "train_video",
        "tune_video",
        "encode_video",
        "predict_video",
        "train_clips",
        "measure_clips",
    }
    assert "resources" not in profile, "a limit for the whole cluster would run one GPU job at a time"
