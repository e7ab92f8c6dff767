"""From tiny CMU-MOSEI to Coupled Mamba's table, as a user goes, and what a change computes again."""

from __future__ import annotations

import csv
import shutil

import pytest

from affectssm.store.parquet import read_parquet
from docs.draw_jobs import PAGE, edges_of
from tests.workflow.workplace import Workplace, rules

pytestmark = pytest.mark.workflow
TABLE = "results/tables/mosei_regression.csv"


@pytest.fixture(scope="module")
def gone(tmp_path_factory) -> Workplace:
    """A workplace in which the table was made."""
    place = Workplace.make(tmp_path_factory.mktemp("clips") / "road")
    place.snakemake(TABLE)
    return place


def rows(place: Workplace, path: str = TABLE) -> list[dict[str, str]]:
    return list(csv.DictReader(place.read(path).splitlines()))


def test_the_table_holds_published_and_measured_rows(gone):
    found = rows(gone)
    measured = [row for row in found if row["source"] == "measured"]
    assert {row["method"] for row in found if row["source"] == "published"} > {"Coupled Mamba", "TFN", "MulT"}
    assert [(row["method"], row["setting"]) for row in measured] == [("Coupled Mamba", "unaligned")]
    for row in measured:
        assert (row["data"], row["weights"], row["split"], row["n_videos"]) == (
            "demo",
            "supplied",
            "test",
            "7",
        )
        assert 0 <= float(row["mae_low"]) <= float(row["mae"]) <= float(row["mae_high"]) <= 6
        assert all(0 <= float(row[name]) <= 1 for name in ("acc2_has0", "acc2_non0", "f1_has0", "acc7"))
    for ending in (".md", ".png", ".provenance.json", ".faults.csv"):
        assert (gone.folder / TABLE.replace(".csv", ending)).stat().st_size


def test_the_page_of_jobs_draws_what_the_rules_say(gone):
    said = gone.snakemake(TABLE, "--rulegraph", "mermaid-js")
    assert edges_of(said) and edges_of(said) <= edges_of(PAGE.read_text(encoding="utf-8"))


def test_what_is_wrong_with_the_files_is_listed_and_stops_nothing(gone):
    listed = rows(gone, TABLE.replace(".csv", ".faults.csv"))
    planted = rows(gone, "results/demo/sentiment-tiny/truth/specimens.csv")
    wanted = {row["code"] for row in planted if row["corpus"] == "mosei" and row["code"]}
    assert wanted <= {row["code"] for row in listed if row["corpus"] == "mosei"}
    (unheard,) = [
        row["recording"] for row in planted if row["kind"] == "not_finite_audio" and row["corpus"] == "mosei"
    ]
    assert ("unaligned_audio", unheard) in {(row["stream"], row["recording"]) for row in listed}
    faults = gone.folder / "results/segments/mosei-sentiment-tiny/unaligned/s00.faults.parquet"
    unseen = {row["recording"] for row in planted if row["kind"] == "no_vision"}
    assert {row["recording"] for row in read_parquet(faults).to_pylist()} <= unseen


def test_nothing_is_left_to_do_and_a_change_computes_what_hangs_on_it(gone, tmp_path):
    assert "Nothing to be done" in gone.snakemake(TABLE, "-n")
    other = gone.executed("-n", "results/tables/mosei_classification.csv")
    assert rules(other) == {"train_clips", "evaluate_clips", "edition_table", "table"}, "of the same segments"
    place = gone.clone(tmp_path / "copy")
    edited(place, "families/clips/stages/task.py")
    jobs = place.executed("-n", TABLE)
    assert rules(jobs) == {"train_clips", "evaluate_clips", "edition_table", "table"}
    edited(place, "timeline/steps.py", of=gone)
    jobs = rules(place.executed("-n", TABLE))
    assert "segments_clips" in jobs and not jobs & {"manifest", "extract", "extract_on_cpu"}


def edited(place: Workplace, module: str, of: Workplace | None = None) -> None:
    """Change a module, and no other that was changed before: all the source is first as it is elsewhere."""
    if of is not None:
        shutil.rmtree(place.folder / "src")
        shutil.copytree(of.folder / "src", place.folder / "src")
    path = place.folder / "src/affectssm" / module
    path.write_text(path.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
