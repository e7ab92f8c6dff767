"""From tiny DEAP and MAHNOB-HCI to BiMamba-TTA's tables, as a user goes, and what a change computes again."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from docs.draw_jobs import PAGE, edges_of
from tests.workflow.workplace import Workplace, rules

pytestmark = pytest.mark.workflow
ACCURACY, MISSING = "results/tables/bimtta_accuracy.csv", "results/tables/bimtta_missing.csv"
TARGETS = ("deap_valence", "deap_arousal", "mahnob_valence", "mahnob_arousal")


def rows(place: Workplace, table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(place.read(table).splitlines()))


@pytest.fixture(scope="module")
def gone(tmp_path_factory) -> Workplace:
    """A workplace in which both tables were made."""
    place = Workplace.make(tmp_path_factory.mktemp("physio") / "road")
    place.snakemake(ACCURACY, MISSING)
    return place


def test_both_tables_hold_published_and_measured_rows(gone):
    accuracy = [row for row in rows(gone, ACCURACY) if row["source"] == "measured"]
    assert [row["method"] for row in accuracy] == ["BiMamba-TTA"]
    assert all(0 <= float(row[target]) <= 1 for row in accuracy for target in TARGETS)
    assert {row["data"] for row in accuracy} == {"demo"}
    missing = [row for row in rows(gone, MISSING) if row["source"] == "measured"]
    assert [(row["setting"], row["method"]) for row in missing] == [
        ("modality", method) for method in ("none", "EATA", "BiM-TTA")
    ]
    for row in missing:
        for target in TARGETS:
            assert row[target] == row[f"{target}_at_0.8"]
    for table in (ACCURACY, MISSING):
        for ending in (".md", ".png", ".provenance.json", ".faults.csv"):
            assert (gone.folder / table.replace(".csv", ending)).stat().st_size
        assert {row["source"] for row in rows(gone, table)} == {"published", "measured"}


def test_the_page_of_jobs_draws_what_the_rules_say(gone):
    said = gone.snakemake(MISSING, "--rulegraph", "mermaid-js")
    assert edges_of(said) and edges_of(said) <= edges_of(PAGE.read_text(encoding="utf-8"))


def test_what_is_wrong_with_the_files_is_listed_and_stops_nothing(gone):
    faults = {(row["corpus"], row["code"]) for row in rows(gone, ACCURACY.replace(".csv", ".faults.csv"))}
    assert {("deap", "unsafe_file"), ("deap", "rating_missing"), ("mahnob", "missing_stream")} <= faults
    assert ("mahnob", "status_edges") in faults


def test_the_development_subject_chooses_and_is_not_tested(gone):
    for corpus in ("deap", "mahnob"):
        chosen = json.loads(gone.read(f"results/choices/{corpus}-physio-tiny/chosen.json"))
        assert len(chosen["development_subjects"]) == 1 and set(chosen["chosen"]) == {"eata", "bim_tta"}
    measured = [row for row in rows(gone, MISSING) if row["source"] == "measured"]
    assert {row["n_units"] for row in measured} == {"4"}  # of two subjects one, over four targets


def test_nothing_is_left_to_do_and_changes_compute_what_hangs_on_them(gone, tmp_path):
    assert "Nothing to be done" in gone.snakemake(ACCURACY, MISSING)
    place = gone.clone(tmp_path / "copy")
    method = place.folder / "src/affectssm/adaptation/eata.py"
    method.write_text(method.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
    jobs = rules(place.executed("-n", MISSING))
    assert "adapt_biosignals" in jobs and not jobs & {
        "train_biosignals",
        "masks_biosignals",
        "segments_biosignals",
        "extract_on_cpu",
    }
    shutil.copy2(gone.folder / "src/affectssm/adaptation/eata.py", method)
    (place.folder / "lab.yaml").write_text(
        place.read("tiny.yaml").replace("[bimamba_tta]", "[bimamba_tta, lggnet]"), encoding="utf-8"
    )
    jobs = place.executed("-n", ACCURACY, MISSING, config="lab.yaml")
    again = {output.split("/")[2].partition("-")[0] for rule, output in jobs if rule == "train_biosignals"}
    assert again == {"lggnet"}
