"""Every stage of the workflow, by name, with the modules whose code decides what it writes.

Run as a script it prints the stages' hashes as JSON, of the package that Python finds.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from affectssm.plan.plan import Plan
from affectssm.store.code import ROOT, Source
from affectssm.vocabulary.corpora import CORPORA, DEMOS
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.tables import PAGES

RULES = Path(__file__).parents[1] / "workflow" / "rules"
_NAMED = re.compile(r'\brule (\w+)(?: as (\w+))?|code=plan\.code\("([\w.]+)"\)')


ASKING = (
    "affectssm.families.base",
    "affectssm.plan.corpora",
    "affectssm.plan.features",
    "affectssm.plan.tables",
)


def stages() -> dict[str, tuple[str, ...]]:
    """Stage -> its modules, over all corpora, features, models and tables."""
    with ExitStack() as kept:
        for module in ASKING:  # a plan that says modules where the plan says their hash
            kept.enter_context(patch(f"{module}.code_hash", lambda *modules: modules))
        return _asked(Plan({"experiments": {"adapt_mpiigi": True}}))  # all variants of training


def _asked(plan: Plan) -> dict[str, tuple[str, ...]]:
    dialogue, biosignals = plan.families["dialogue"], plan.families["biosignals"]
    asked = {
        "demo": {edition: plan.places.demo_code(edition) for edition in DEMOS},
        "discovery": {corpus: plan.places.discovery_code(corpus) for corpus in CORPORA},
        "feature": {feature: plan.features.feature_code(feature) for feature in FEATURES},
        "training": {_model(one): dialogue.training_code(name) for name, one in dialogue.experiments.items()},
        "prediction": {
            _model(one): dialogue.prediction_code(name) for name, one in dialogue.experiments.items()
        },
        "trial_training": {
            one.model: biosignals.trial_training_code(name) for name, one in biosignals.experiments.items()
        },
        "memory": {"": dialogue.memory_code()},
        "mask": {"": biosignals.mask_code()},
        "choice": {"": biosignals.choice_code()},
        "adaptation": {"": biosignals.adaptation_code()},
        "table": {table: plan.tables.table_code(table) for table in PAGES},
    }
    asking = (plan.places, plan.features, plan.tables, *plan.families.values())
    assert {f"{stage}_code" for stage in asked} == {
        name for one in asking for name in dir(one) if name.endswith("_code")
    }
    found = {f"{stage} {what}".strip(): code for stage, own in asked.items() for what, code in own.items()}
    return found | {f"rule {rule}": (module,) for rule, module in _rules()}


def _model(experiment) -> str:
    return experiment.model + (f"+{experiment.variant}" if experiment.variant == "adapt_mpiigi" else "")


def _rules():
    for file in sorted(RULES.glob("*.smk")):
        rule = ""
        for base, other, module in _NAMED.findall(
            file.read_text(encoding="utf-8").replace("checkpoint ", "rule ")
        ):
            rule = other or base or rule
            if module:
                yield rule, module


def hashes(root: Path = ROOT) -> dict[str, str]:
    """Stage -> hash of its code, in the package below a folder."""
    source = Source(root)
    return {stage: source.hash(modules) for stage, modules in stages().items()}


if __name__ == "__main__":
    print(json.dumps(hashes()))
