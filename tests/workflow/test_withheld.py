"""With test labels withheld, as a lab has it: the table says so, and the files for the owners' server are whole."""

from __future__ import annotations

import csv
import json

import pytest
import yaml

from affectssm.corpora.manifest import is_test_split, label_frames, read_manifest
from tests.workflow.workplace import TABLE, Workplace

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Workplace:
    """The road over the tiny corpora without their test labels, with the supplied streams alone."""
    found = Workplace.make(tmp_path_factory.mktemp("withheld") / "clone")
    corpus = {"root": "demo-tiny-withheld", "shards": 1}
    settings = {
        "scale": "tiny",
        "features": {"sources": ["multimediate"]},
        "experiments": {"models": ["da_mamba"], "adapt_mpiigi": True, "adapt_steps": 2},
        "corpora": dict.fromkeys(("noxi", "noxi_add", "mpiigi"), corpus),
    }
    (found.folder / "lab.yaml").write_text(yaml.safe_dump(settings))
    found.snakemake(TABLE, config="lab.yaml")
    return found


def test_test_cells_are_empty_and_say_why(place):
    rows = [row for row in csv.DictReader(place.read(TABLE).splitlines()) if row["source"] == "measured"]
    test, val = (next(row for row in rows if row["split"] == split) for split in ("test", "val"))
    (adapted,) = [row for row in rows if "adapt" in row["method"]]
    assert -1 <= float(adapted["mpiigi"]) <= 1
    assert test["noxi_base"] == test["noxi_add"] == test["mpiigi"] == test["global"] == ""
    assert "withheld" in test["note"]
    assert float(val["noxi_base"]) == pytest.approx(float(val["noxi_base"]))
    assert float(val["mpiigi"]) == pytest.approx(float(val["mpiigi"]))
    assert val["noxi_add"] == ""


def test_submission_files_have_a_line_for_every_frame_of_every_test_seat(place):
    (index,) = place.folder.glob("results/submissions/*/index.json")
    listed = json.loads(index.read_text())["files"]
    expected = {}
    for path in place.folder.glob("results/corpora/*/manifest.parquet"):
        seats: dict[tuple[str, str, str], list] = {}
        for row in read_manifest(path):
            if is_test_split(row.split):
                seats.setdefault((row.corpus, row.recording, row.participant), []).append(row)
        expected |= {key: label_frames(rows) for key, rows in seats.items()}
    dataset = {"noxi": "noxi", "noxi_add": "noxi", "mpiigi": "mpiigroupinteraction"}
    for (corpus, recording, role), frames in expected.items():
        own = [
            name
            for name in listed
            if name.startswith(dataset[corpus] + "/") and f"/{recording}/{role}." in name
        ]
        assert len(own) == 2, "one of the only seed and one of the mean"
        for name in own:
            lines = (index.parent / name).read_text().split()
            assert len(lines) == frames == listed[name]
            assert all(0 <= float(line) <= 1 for line in lines)
    assert len(listed) == 2 * len(expected)
