"""From a folder of real clips and labels to a table of one's own, by six lines, as a user goes."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.workflow.workplace import REPOSITORY, Workplace

FACES = REPOSITORY.parent / "shared/media/face"
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(not FACES.is_dir(), reason="needs the real media (../shared/media/face)"),
]
TABLE = "results/tables/recordings_ccc.csv"
LAB = """\
scale: tiny
families: [recordings]
corpora:
  folder: {{root: {root}, table: recordings.csv}}
recordings: {{sources: [picture]}}
"""
CLIPS = {"first": ("single_face", "train"), "second": ("single_face", "train"), "third": ("no_face", "test")}


def write_folder(root: Path) -> None:
    """Three clips, each with a label ten times a second, and the table that names them."""
    root.mkdir()
    lines = ["recording,video,labels,split"]
    for number, (name, (clip, split)) in enumerate(CLIPS.items()):
        shutil.copy(FACES / f"{clip}.mp4", root / f"{name}.mp4")
        labels = [f"{at / 10:.1f},{(at * (3 + number)) % 11 / 10:.2f}" for at in range(24)]
        (root / f"{name}.csv").write_text("\n".join(["time,calm", *labels]) + "\n")
        lines.append(f"{name},{name}.mp4,{name}.csv,{split}")
    (root / "recordings.csv").write_text("\n".join(lines) + "\n")


def test_six_lines_lead_from_clips_and_labels_to_a_table(tmp_path):
    write_folder(tmp_path / "mine")
    place = Workplace.make(tmp_path / "place")
    (place.folder / "lab.yaml").write_text(LAB.format(root=tmp_path / "mine"))
    place.snakemake(TABLE, config="lab.yaml")
    (row,) = csv.DictReader(place.read(TABLE).splitlines())
    assert (row["method"], row["data"], row["weights"], row["split"]) == (
        "DA-Mamba",
        "real",
        "random",
        "as given",
    )
    assert -1 <= float(row["label_ccc"]) <= 1 and float(row["label_rmse"]) > 0
    assert (row["n_units"], row["n_expected"], row["label_ccc_low"]) == ("1", "1", "")
    assert "over 1 recording only, no interval below 6" in row["note"]
    (origin,) = json.loads(place.read(TABLE.replace(".csv", ".provenance.json")))["rows"]
    assert origin["runs"][0]["training"]["stage"] == "recordings/train"
    faults = list(csv.DictReader(place.read(TABLE.replace(".csv", ".faults.csv")).splitlines()))
    assert ("third", "no_face") in {(fault["recording"], fault["code"]) for fault in faults}
    assert (place.folder / TABLE.replace(".csv", ".png")).stat().st_size > 10_000
    assert place.executed("-n", TABLE, config="lab.yaml") == []
