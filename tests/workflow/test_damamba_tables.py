"""What DA-Mamba's two further tables ask for: nothing is trained twice, and memory needs no corpus."""

from __future__ import annotations

import pytest

from tests.workflow.workplace import Workplace, rules

pytestmark = pytest.mark.workflow
ABLATION, MEMORY = "results/tables/damamba_ablation.csv", "results/tables/damamba_memory.csv"


def test_the_ablation_shares_the_full_models_runs_and_extracts_nothing_anew(copy):
    jobs = copy.executed("-n", ABLATION)
    trained = {output.split("/")[2] for rule, output in jobs if rule == "train_dialogue"}
    assert trained == {
        f"da_mamba+{variant}-multimediate-demo-tiny"
        for variant in ("no_modality", "no_partner", "no_fusion", "transformer")
    }
    assert rules(jobs) == {
        "train_dialogue",
        "predict_dialogue",
        "evaluate_dialogue",
        "edition_table",
        "table",
    }


def test_the_memory_table_needs_no_corpus(tmp_path):
    place = Workplace.make(tmp_path / "bare")
    assert rules(place.executed("-n", MEMORY)) == {"memory_dialogue", "edition_table", "table"}
