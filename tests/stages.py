"""Every stage of the workflow, by name, with the modules whose code decides what it writes.

Run as a script it prints the stages' hashes as JSON, of the package that Python finds.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from affectssm.plan.jobs import Job
from affectssm.plan.plan import Plan
from affectssm.store.code import ROOT, Source
from affectssm.vocabulary.corpora import CORPORA, DEMOS
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.tables import PAGES

ASKING = (
    "affectssm.families.base",
    "affectssm.plan.corpora",
    "affectssm.plan.features",
    "affectssm.plan.jobs",
    "affectssm.plan.plan",
    "affectssm.plan.tables",
)


def stages() -> dict[str, tuple[str, ...]]:
    """Stage -> its modules, over all corpora, features, models and tables."""
    with ExitStack() as kept:
        for module in ASKING:  # a plan that says modules where the plan says their hash
            kept.enter_context(patch(f"{module}.code_hash", lambda *modules: modules))
        own = {"root": "/own", "table": "own.csv"}
        given = {"dialogue": {"adapt_mpiigi": True}, "corpora": {"folder": own}}  # all variants of training
        items = {"families": ["recordings"], "corpora": {"folder": own | {"labels": {"per": "item"}}}}
        return _asked(Plan(given)) | _of_jobs(Plan(items))  # labels are of frames or of items


def _asked(plan: Plan) -> dict[str, tuple[str, ...]]:
    asked = {
        "demo": {edition: plan.places.demo_code(edition) for edition in DEMOS},
        "discovery": {corpus: plan.places.discovery_code(corpus) for corpus in CORPORA},
        "check": {plan.check_family(check): plan.check_code(check) for check in plan.checks},
        "feature": {feature: plan.features.feature_code(feature) for feature in FEATURES},
        "table": {table: plan.tables.table_code(table) for table in PAGES},
    }
    asking = (plan, plan.places, plan.features, plan.tables)
    assert {f"{stage}_code" for stage in asked} == {
        name for one in asking for name in dir(one) if name.endswith("_code")
    }
    found = {f"{stage} {what}".strip(): code for stage, own in asked.items() for what, code in own.items()}
    return found | _of_jobs(plan)


def _of_jobs(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {name: code for job in plan.jobs for name, code in _of_job(job)}


def _of_job(job: Job):
    """The stages of a step: one a model, where its code follows the model of an experiment."""
    for name, experiment in job.family.experiments.items():
        of_items = "item" in job.step.name or job.rule == "cut_recordings"
        if getattr(experiment, "per", None) not in (None, "item" if of_items else "frame"):
            continue
        variant = "+adapt_mpiigi" if experiment.variant == "adapt_mpiigi" else ""
        model = f" {experiment.model}{variant}" if "experiment" in job.wildcards else ""
        yield f"{job.rule}{model}", job.code({"experiment": name})


def hashes(root: Path = ROOT) -> dict[str, str]:
    """Stage -> hash of its code, in the package below a folder."""
    source = Source(root)
    return {stage: source.hash(modules) for stage, modules in stages().items()}


if __name__ == "__main__":
    print(json.dumps(hashes()))
