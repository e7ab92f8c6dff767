"""The profiles name what exists."""

from __future__ import annotations

import re

import yaml

from affectssm.plan.plan import Plan
from tests.workflow.workplace import REPOSITORY


def test_the_slurm_profile_runs_as_it_comes():
    """Nothing in it overrides what the rules say, or names what a cluster need not have."""
    text = (REPOSITORY / "profiles/slurm/config.yaml").read_text()
    profile = yaml.safe_load(text)
    assert not {"resources", "set-resources", "default-resources", "set-threads"} & set(profile)
    assert profile["retries"] and profile["slurm-requeue"] and profile["slurm-status-command"] == "squeue"
    # a limit for the whole cluster would run one GPU job at a time
    proposed = yaml.safe_load("\n".join(re.findall(r"^# ([\w-]+:$|  .*)", text, re.M)))
    rules = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    found = set(re.findall(r"^(?:(?:rule|checkpoint) |use rule \w+ as )(\w+)", rules, re.M))
    found |= {job.rule for job in Plan({}).jobs}
    assert proposed["set-resources"].keys() <= found
