"""Which experiments and seeds a table is made of."""

import json
import subprocess
import sys

import pytest

from affectssm.errors import ConfigError
from affectssm.families.biosignals import catalogue as trial_catalogue
from affectssm.families.configuration import load_config
from affectssm.families.dialogue import catalogue
from affectssm.families.dialogue.catalogue import TABLES, experiments_of, table_settings
from affectssm.plan.plan import Plan


def config(**given):
    return load_config(given)


def withheld():
    root = {"root": "demo-withheld"}
    return config(corpora={"noxi": root, "noxi_add": root, "mpiigi": root})


def test_the_main_table_has_each_model_on_each_source():
    names = [e.name for e in experiments_of("noxi_ccc", config())]
    assert names == ["da_mamba-extracted", "da_mamba-multimediate", "dat-extracted", "dat-multimediate"]


def test_withheld_labels_and_the_switch_add_validation_rows():
    for given in (withheld(), config(dialogue={"validation_rows": True})):
        found = experiments_of("noxi_ccc", given)
        assert [e.split for e in found] == ["test"] * 4 + ["val"] * 4
    assert catalogue.test_labels_withheld(withheld()) and not catalogue.test_labels_withheld(config())
    lab = {"root": "/data/noxi", "ground_truth": "/data/truth"}
    real = config(corpora={"noxi": lab, "noxi_add": lab, "mpiigi": lab | {"ground_truth": None}})
    assert catalogue.test_labels_withheld(real)


@pytest.mark.parametrize("table", ["noxi_controls", "damamba_ablation"])
def test_comparisons_follow_the_labels(table):
    assert {e.selection for e in experiments_of(table, config())} == {"val"}
    assert {e.selection for e in experiments_of(table, withheld())} == {"holdout"}


def test_adaptation_is_a_row_of_its_own():
    found = experiments_of("noxi_ccc", config(dialogue={"adapt_mpiigi": True}))[-1]
    assert found.name == "da_mamba+adapt_mpiigi-multimediate"
    assert (found.split, found.cells, found.base.name) == ("val", ("mpiigi",), "da_mamba-multimediate")


def test_the_ablation_has_one_source_and_settles_for_the_one_there_is():
    found = experiments_of("damamba_ablation", config())
    assert [e.variant for e in found] == ["", "no_modality", "no_partner", "no_fusion", "transformer"]
    assert {e.source for e in found} == {"multimediate"}
    only = config(dialogue={"sources": ["extracted"]})
    assert {e.source for e in experiments_of("damamba_ablation", only)} == {"extracted"}


def test_the_ablations_runs_are_those_of_the_other_tables_and_its_own_seeds():
    plan = Plan({})
    dialogue = plan.families["dialogue"]

    def runs(table):
        return {
            path
            for name in dialogue.experiments_of(table)
            for path in dialogue.predictions_of(name, catalogue.seeds_of(table, plan.config))
        }

    full, ablation = runs("noxi_ccc"), runs("damamba_ablation")
    assert len(ablation) == 25
    assert {path.split("/")[2] for path in full & ablation} == {"da_mamba-multimediate-demo"}
    assert len(full & ablation) == 3
    assert len(runs("noxi_controls") & ablation) == 6
    assert not set(dialogue.metrics_of("noxi_ccc")) & set(dialogue.metrics_of("damamba_ablation"))


def test_unknown_tables_are_refused():
    with pytest.raises(ConfigError, match="noxi_ccc"):
        experiments_of("noxi", config())


def test_a_table_is_told_its_experiments():
    for table in TABLES:
        assert table_settings(config(), table)["experiments"] == [
            e.name for e in experiments_of(table, config())
        ]


def test_a_table_is_told_of_its_own_corpora_alone():
    tiny = config(corpora={name: {"root": "demo-tiny"} for name in ("noxi", "mpiigi", "deap", "mahnob")})
    assert table_settings(tiny, "noxi_ccc")["demo"] == ["mpiigi", "noxi", "noxi_add"]
    held = config(corpora={"mahnob": {"root": "none"}})
    told = trial_catalogue.table_settings(held, "bimtta_accuracy")
    assert told["demo"] == list(told["modalities"]) == ["deap"]
    for table in TABLES:
        assert not {"deap", "mahnob"} & set(json.dumps(table_settings(tiny, table)).replace('"', " ").split())


def test_the_switches_are_those_of_the_runs_also_where_the_user_turned_one():
    given = config(dialogue={"da_mamba": {"partner_fusion": False}})
    told = table_settings(given, "damamba_ablation")["switches"]
    assert told["da_mamba-multimediate"]["partner_fusion"] is False
    turned = told["da_mamba+transformer-multimediate"]
    assert turned == {"mamba": False, "transformer": True, "modality_fusion": True, "partner_fusion": False}


def test_the_catalogue_is_light():
    heavy = "{'torch', 'transformers', 'cv2', 'matplotlib', 'pandas'}"
    line = f"import affectssm.plan.plan, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", line], check=True)
