"""From tiny Aff-Wild2 to Mamba-VA's table, as a user goes, and what a change computes again."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from docs.draw_jobs import PAGE, edges_of
from tests.workflow.workplace import Workplace, rules

pytestmark = pytest.mark.workflow
TABLE = "results/tables/affwild2_va.csv"


@pytest.fixture(scope="module")
def gone(tmp_path_factory) -> Workplace:
    """A workplace in which the table was made."""
    place = Workplace.make(tmp_path_factory.mktemp("video") / "road")
    place.snakemake(TABLE)
    return place


def rows(place: Workplace) -> list[dict[str, str]]:
    return list(csv.DictReader(place.read(TABLE).splitlines()))


def test_the_table_holds_published_and_measured_rows_of_every_fold(gone):
    found = rows(gone)
    measured = [row for row in found if row["source"] == "measured"]
    assert [(row["fold"], row["split"]) for row in measured] == [
        ("0", "val"), ("1", "val"), ("mean of 2", "val"), ("0", "test"), ("0", "val"),
    ]  # fmt: skip
    assert {row["data"] for row in measured} == {"demo"} and {row["weights"] for row in measured} == {
        "random"
    }
    assert [row["fold"] for row in found if row["source"] == "published"][:6] == list("012345")
    for row in measured:
        told = [row[name] for name in ("valence", "arousal", "average")]
        assert told == ["", "", ""] if row["split"] == "test" else all(-1 <= float(one) <= 1 for one in told)
    assert measured[-1]["selection"] == "reported videos"
    for ending in (".md", ".png", ".provenance.json", ".faults.csv"):
        assert (gone.folder / TABLE.replace(".csv", ending)).stat().st_size


def test_the_page_of_jobs_draws_what_the_rules_say(gone):
    said = gone.snakemake(TABLE, "--rulegraph", "mermaid-js")
    assert edges_of(said) and edges_of(said) <= edges_of(PAGE.read_text(encoding="utf-8"))


def test_what_is_wrong_with_the_files_is_listed_and_stops_nothing(gone):
    codes = {
        row["code"] for row in csv.DictReader(gone.read(TABLE.replace(".csv", ".faults.csv")).splitlines())
    }
    assert {"shared_video", "picture_gaps", "label_invalid"} <= codes


def test_a_submission_has_a_line_for_each_listed_frame_in_order(gone):
    (folder,) = (gone.folder / "results/submissions").iterdir()
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    ((name, count),) = index["files"].items()
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    (template,) = (gone.folder / "results/demo/affwild2-tiny").rglob("*sample.txt")
    wanted = [line.split(",")[0] for line in template.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == "image_location,valence,arousal" and len(lines) == count + 1
    assert [line.split(",")[0] for line in lines] == wanted
    assert all(-1 <= float(value) <= 1 for line in lines[1:] for value in line.split(",")[1:])


def test_nothing_is_left_to_do_and_another_loss_trains_again(gone, tmp_path):
    assert "Nothing to be done" in gone.snakemake(TABLE)
    place = gone.clone(tmp_path / "copy")
    task = place.folder / "src/affectssm/families/video/stages/task.py"
    task.write_text(task.read_text(encoding="utf-8") + "\nADDED = 1\n", encoding="utf-8")
    jobs = rules(place.executed("-n", TABLE))
    assert {"train_video", "predict_video", "evaluate_video"} <= jobs
    assert not jobs & {"extract", "extract_on_cpu", "training_windows_video", "manifest"}


def test_what_is_left_of_a_run_that_was_killed_knows_its_input(gone, tmp_path):
    place = gone.clone(tmp_path / "copy")
    not_reached = [*place.folder.glob("results/features/*/listed_frames")]
    not_reached += [place.folder / "results" / name for name in ("submissions", "tables")]
    for path in not_reached:  # as after a kill in training: both checkpoints are finished
        shutil.rmtree(path)
    said = place.snakemake("-n", TABLE)
    assert "rule extract_on_cpu:\n    input: results/corpora/" in said and "<TBD>" not in said
