"""A family from outside goes from raw files to its table through Snakemake, and touches nothing of the others."""

from __future__ import annotations

import csv
import json
import shlex
import shutil

import pytest

from tests.workflow.workplace import REPOSITORY, Workplace, rules

pytestmark = pytest.mark.workflow
TABLE = "results/tables/mini_mae.csv"
CONFIG = "scale: tiny\nfamilies: [dialogue, biosignals, minilab]\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Workplace:
    """A workplace with minilab beside the source, and its table."""
    made = Workplace.make(tmp_path_factory.mktemp("outside") / "place")
    shutil.copytree(REPOSITORY / "tests/minilab", made.folder / "src/minilab")
    (made.folder / "lab.yaml").write_text(CONFIG)
    made.snakemake(TABLE, config="lab.yaml")
    return made


def test_the_table_shows_what_was_planted_with_provenance_faults_and_a_figure(place):
    (row,) = csv.DictReader(place.read(TABLE).splitlines())
    assert row["edition"] == "demo mini-demo" and row["data"] == "demo"
    assert 0.1 < float(row["mae"]) < 0.4  # noise of 0.3: a mean absolute error of 0.24
    assert float(row["mae_low"]) < float(row["mae"]) < float(row["mae_high"])
    assert row["n_units"] == row["n_expected"] == "20"
    (origin,) = json.loads(place.read("results/tables/mini_mae.provenance.json"))["rows"]
    (run,) = origin["evaluation"]["extra"]["runs"]
    assert run["extra"]["run"]["stage"] == "minilab/train"
    faults = list(csv.DictReader(place.read("results/tables/mini_mae.faults.csv").splitlines()))
    assert sorted(fault["code"] for fault in faults) == ["sentiment_unparsable", "vectors_missing"]
    assert (place.folder / "results/tables/mini_mae.png").stat().st_size > 10_000


def test_nothing_runs_twice_and_an_edit_runs_again_what_it_makes(place):
    assert place.executed("-n", TABLE, config="lab.yaml") == []
    file = place.folder / "src/minilab/predict.py"
    text = file.read_text()
    file.write_text(text + "\nEDITED = True\n")
    again = rules(place.executed("-n", TABLE, config="lab.yaml"))
    file.write_text(text)
    assert again == {"predict_mini", "evaluate_mini", "edition_table", "table"}


def test_a_line_of_a_job_runs_by_itself(place):
    printed = place.snakemake("-n", "-p", TABLE, "--forcerun", "evaluate_mini", config="lab.yaml")
    (line,) = {line.strip() for line in printed.splitlines() if "affectssm evaluate minilab" in line}
    words = shlex.split(line[line.index("affectssm") :].partition(" > ")[0])
    done = place.cli(*words[1:])
    assert done.returncode == 0, done.stderr
