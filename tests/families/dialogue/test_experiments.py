import json
import subprocess
import sys

import pytest

from affectssm.families.base import answer
from affectssm.families.configuration import load_config
from affectssm.families.dialogue.experiments import (
    Experiment,
    evaluation_settings,
    run_settings,
    training_modules,
)
from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.plan.plan import Plan
from affectssm.store.code import reachable
from affectssm.vocabulary.targets import load


def config(**given):
    return load_config(given)


@pytest.mark.parametrize(
    ("experiment", "name"),
    [
        (Experiment("da_mamba"), "da_mamba-extracted"),
        (Experiment("dat", source="multimediate", selection="holdout"), "dat-multimediate-holdout"),
        (
            Experiment("da_mamba", "no_partner", "extracted", "holdout"),
            "da_mamba+no_partner-extracted-holdout",
        ),
    ],
)
def test_an_experiment_is_named_by_all_that_sets_it_apart(experiment, name):
    assert experiment.name == name


def test_a_run_is_told_what_its_variant_changes_and_nothing_of_the_tables():
    full = run_settings(config(), Experiment("da_mamba"), 2)
    alone = run_settings(config(), Experiment("da_mamba", "no_partner"), 2)
    changed = {
        key for key in full["model_settings"] if full["model_settings"][key] != alone["model_settings"][key]
    }
    assert changed == {"partner_fusion"} and full["seed"] == 2
    other = config(
        tables={"allow_incomplete": True},
        dialogue={"scorer": "official", "seeds": [7, 8], "ablation_seeds": [2]},
    )
    assert run_settings(other, Experiment("da_mamba"), 2) == full


@pytest.mark.parametrize(
    ("variant", "changed"),
    [
        ("no_modality", {"modality_fusion": False}),
        ("no_partner", {"partner_fusion": False}),
        ("no_fusion", {"modality_fusion": False, "partner_fusion": False}),
        ("transformer", {"backbone": "transformer"}),
    ],
)
def test_a_variant_of_the_ablation_changes_its_switches_alone(variant, changed):
    full = run_settings(config(), Experiment("da_mamba"), 1)["model_settings"]
    assert run_settings(config(), Experiment("da_mamba", variant), 1)["model_settings"] == full | changed


def test_an_evaluation_is_told_its_seeds_and_cells():
    told = evaluation_settings(config(), Experiment("dat", "", "extracted", "holdout"), (4, 5))
    assert (told["cells"], told["seeds"]) == (["noxi_base", "mpiigi"], [4, 5])


def test_editing_the_catalogue_or_the_tables_retrains_nothing():
    code = reachable(*training_modules(Experiment("da_mamba")))
    assert (
        "affectssm.families.dialogue.stages.models.da_mamba" in code and "affectssm.training.losses" in code
    )
    assert not {
        name
        for name in code
        if name.startswith("affectssm.tables") or name.endswith(("experiments", "catalogue"))
    }
    assert "affectssm.families.dialogue.stages.models.dat" not in code


def test_the_catalogue_is_light():
    heavy = "{'torch', 'transformers', 'cv2', 'matplotlib'}"
    line = f"import affectssm.families.dialogue.experiments, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", line], check=True)


def test_every_job_is_told_what_its_model_knows_and_writes_it_as_it_was_told():
    plan = Plan({"dialogue": {"adapt_mpiigi": True}})
    family = next(job.family for job in plan.jobs if job.family.name == "dialogue")
    experiment = next(name for name in family.experiments if "adapt_mpiigi" in name)
    known = {"experiment": experiment, "task": family.task(experiment), "seed": "1", "seeds": [1, 2]}
    for step in family.steps:
        told = answer([family], step.settings, known)
        assert load(step.model).model_validate(json.loads(json.dumps(told))).told() == json.loads(
            json.dumps(told)
        )


def test_how_a_run_is_computed_stands_in_its_card():
    told = run_settings(config(), Experiment("dat"), 2)
    run = RunSettings.model_validate(told).computed({"workers": 3})
    assert run.told() == told | {
        "groups": run.told()["groups"],
        "training": told["training"] | {"workers": 3},
    }
