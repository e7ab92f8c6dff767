"""DA-Mamba's two further tables on the tiny corpora: nothing is trained twice, and memory needs no corpus."""

from __future__ import annotations

import csv

import pytest

from tests.workflow.workplace import Workplace, rules

pytestmark = pytest.mark.workflow
ABLATION, MEMORY = "results/tables/damamba_ablation.csv", "results/tables/damamba_memory.csv"
BESIDE = (".md", ".png", ".provenance.json", ".faults.csv")


def measured(place: Workplace, table: str) -> list[dict[str, str]]:
    """The measured rows of a table, beside which lies all that belongs to it."""
    for ending in BESIDE:
        assert (place.folder / table.replace(".csv", ending)).stat().st_size
    return [row for row in csv.DictReader(place.read(table).splitlines()) if row["source"] == "measured"]


def test_the_ablation_shares_the_full_models_runs_and_extracts_nothing_anew(copy):
    jobs = copy.executed(ABLATION)
    trained = {output.split("/")[2] for rule, output in jobs if rule == "train"}
    assert trained == {
        f"da_mamba+{variant}-multimediate-demo-tiny"
        for variant in ("no_modality", "no_partner", "no_fusion", "transformer")
    }
    assert rules(jobs) == {"train", "predict", "evaluate", "edition_table", "table"}
    rows = measured(copy, ABLATION)
    assert [row["setting"] for row in rows] == [
        "full", "no modality fusion", "no partner fusion", "neither fusion", "Transformer backbone",
    ]  # fmt: skip
    for row in rows[1:]:
        difference = float(rows[0]["global"]) - float(row["global"])
        assert float(row["drop"]) == pytest.approx(difference, abs=2e-4)
        assert (row["drop_n"], row["drop_of"], row["drop_sd"]) == ("1", "global", "")


def test_the_memory_table_needs_no_corpus_and_is_measured_once(tmp_path):
    place = Workplace.make(tmp_path / "bare")
    assert rules(place.executed(MEMORY)) == {"memory", "edition_table", "table"}
    assert "Nothing to be done" in place.snakemake(MEMORY)
    rows = measured(place, MEMORY)
    assert {(row["method"], row["length"]) for row in rows} == {
        (method, "64") for method in ("DA-Mamba", "DAT")
    }
    assert all(float(row["memory_gb"]) > float(row["input_gb"]) > 0 for row in rows)
    assert {row["scale"] for row in rows} == {"tiny"}
