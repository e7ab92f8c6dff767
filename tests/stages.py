"""Every stage of the workflow, by name, with the modules whose code decides what it writes.

Run as a script it prints the stages' hashes as JSON, of the package that Python finds.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from affectssm.plan import Plan
from affectssm.store.code import ROOT, Source
from affectssm.vocabulary.corpora import CORPORA, DEMOS
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.tables import PAGES

RULES = Path(__file__).parents[1] / "workflow" / "rules"
_NAMED = re.compile(r'\brule (\w+)(?: as (\w+))?|code=plan\.code\("([\w.]+)"\)')


class _Modules(Plan):
    """A plan that says modules where the plan says their hash."""

    @staticmethod
    def code(*modules: str) -> tuple[str, ...]:  # type: ignore[override]
        return modules


def stages() -> dict[str, tuple[str, ...]]:
    """Stage -> its modules, over all corpora, features, models and tables."""
    plan = _Modules({"experiments": {"adapt_mpiigi": True}})  # all variants of training
    dialogues, trials = plan.experiments, plan.trial_experiments
    asked = {
        "demo": {edition: plan.demo_code(edition) for edition in DEMOS},
        "discovery": {corpus: plan.discovery_code(corpus) for corpus in CORPORA},
        "feature": {feature: plan.feature_code(feature) for feature in FEATURES},
        "training": {_model(one): plan.training_code(name) for name, one in dialogues.items()},
        "prediction": {_model(one): plan.prediction_code(name) for name, one in dialogues.items()},
        "trial_training": {one.model: plan.trial_training_code(name) for name, one in trials.items()},
        "memory": {"": plan.memory_code()},
        "mask": {"": plan.mask_code()},
        "choice": {"": plan.choice_code()},
        "adaptation": {"": plan.adaptation_code()},
        "table": {table: plan.table_code(table) for table in PAGES},
    }
    assert {f"{stage}_code" for stage in asked} == {name for name in dir(Plan) if name.endswith("_code")}
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
