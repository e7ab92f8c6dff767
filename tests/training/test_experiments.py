import subprocess
import sys

import pytest

from affectssm.config import Config
from affectssm.errors import ConfigError
from affectssm.store.code import reachable
from affectssm.training import experiments as catalogue
from affectssm.training.experiments import (
    TABLES,
    Experiment,
    evaluation_settings,
    experiments_of,
    parse_experiment,
    run_settings,
    table_settings,
    training_modules,
)


def config(**given):
    return Config.model_validate(given)


def withheld():
    root = {"root": "demo-withheld"}
    return config(corpora={"noxi": root, "noxi_add": root, "mpiigi": root})


def test_names_go_there_and_back():
    for name in ("da_mamba-extracted", "dat-multimediate-holdout", "da_mamba+no_partner-extracted-holdout"):
        assert parse_experiment(name).name == name
    with pytest.raises(ConfigError, match="da_mamba-extracted"):
        parse_experiment("da_mamba-extractd")


def test_the_main_table_has_each_model_on_each_source():
    names = [e.name for e in experiments_of("noxi_ccc", config())]
    assert names == ["da_mamba-extracted", "da_mamba-multimediate", "dat-extracted", "dat-multimediate"]


def test_withheld_labels_and_the_switch_add_validation_rows():
    for given in (withheld(), config(experiments={"validation_rows": True})):
        found = experiments_of("noxi_ccc", given)
        assert [e.split for e in found] == ["test"] * 4 + ["val"] * 4
    assert catalogue.test_labels_withheld(withheld()) and not catalogue.test_labels_withheld(config())
    lab = {"root": "/data/noxi", "ground_truth": "/data/truth"}
    real = config(corpora={"noxi": lab, "noxi_add": lab, "mpiigi": lab | {"ground_truth": None}})
    assert catalogue.test_labels_withheld(real)


def test_controls_follow_the_labels():
    assert {e.selection for e in experiments_of("noxi_controls", config())} == {"val"}
    assert {e.selection for e in experiments_of("noxi_controls", withheld())} == {"holdout"}


def test_adaptation_is_a_row_of_its_own():
    found = experiments_of("noxi_ccc", config(experiments={"adapt_mpiigi": True}))[-1]
    assert found.name == "da_mamba+adapt_mpiigi-multimediate"
    assert (found.split, found.cells, found.base.name) == ("val", ("mpiigi",), "da_mamba-multimediate")


def test_a_run_is_told_what_its_variant_changes_and_nothing_of_the_tables():
    full = run_settings(config(), Experiment("da_mamba"), 2)
    alone = run_settings(config(), Experiment("da_mamba", "no_partner"), 2)
    changed = {
        key for key in full["model_settings"] if full["model_settings"][key] != alone["model_settings"][key]
    }
    assert changed == {"partner_fusion"} and full["seed"] == 2
    other = config(
        tables={"allow_incomplete": True}, evaluation={"bootstrap": 10}, experiments={"seeds": [7, 8]}
    )
    assert run_settings(other, Experiment("da_mamba"), 2) == full


def test_unknown_tables_are_refused():
    with pytest.raises(ConfigError, match="noxi_ccc"):
        experiments_of("noxi", config())


def test_tables_and_evaluations_know_their_experiments():
    for table in TABLES:
        told = table_settings(config(), table)
        assert told["experiments"] == [e.name for e in experiments_of(table, config())]
    assert len(table_settings(config(), "noxi_ccc")["published"]) == 16
    assert evaluation_settings(config(), Experiment("dat", "", "extracted", "holdout"))["cells"] == [
        "noxi_base",
        "mpiigi",
    ]


def test_editing_the_catalogue_or_the_tables_retrains_nothing():
    code = reachable(*training_modules(Experiment("da_mamba")))
    assert "affectssm.models.da_mamba" in code and "affectssm.training.losses" in code
    assert not {name for name in code if name.startswith("affectssm.tables") or name.endswith("experiments")}
    assert "affectssm.models.baselines.dat" not in code


def test_the_catalogue_is_light():
    heavy = "{'torch', 'lightning', 'transformers', 'cv2', 'matplotlib'}"
    line = f"import affectssm.training.experiments, sys; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", line], check=True)
