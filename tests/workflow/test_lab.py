"""A lab's own roots, whose test labels are withheld; the challenge's streams alone are asked for."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml

from affectssm.corpora.manifest import is_test_split, label_frames, read_manifest
from tests.workflow.workplace import TABLE, Workplace, rules

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def lab(road, tmp_path_factory) -> tuple[Workplace, Path]:
    """The finished road, and then a lab's own roots gone to the end, one adaptation included."""
    place = road.clone(tmp_path_factory.mktemp("lab") / "copy")
    root = place.folder / "corpora"
    shutil.copytree(place.folder / "results/demo/demo-tiny", root)
    shutil.rmtree(root / "ground_truth")
    (root / "card.json").unlink()  # by which it would be known as the demo's data
    settings = {
        "scale": "tiny",
        "dialogue": {
            "sources": ["multimediate"],
            "models": ["da_mamba"],
            "adapt_mpiigi": True,
            "adapt_steps": 2,
        },
        "corpora": {
            "noxi": {"root": str(root / "noxi"), "shards": 3, "edition": "lab1"},
            "noxi_add": {"root": str(root / "noxi"), "shards": 1, "edition": "lab1"},
            "mpiigi": {"root": str(root / "mpiigi"), "shards": 1},
        },
    }
    (place.folder / "lab.yaml").write_text(yaml.safe_dump(settings))
    place.snakemake(TABLE, config="lab.yaml")
    return place, root


@pytest.fixture
def place(lab) -> Workplace:
    """The lab's workplace."""
    return lab[0]


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
        if "-demo-" in path.parent.name:
            continue
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


def test_the_demos_table_is_kept_and_does_not_replace_a_labs(lab):
    place, _ = lab
    kept = TABLE.replace("tables/", "tables/demo-tiny/")
    assert "Nothing to be done" in place.snakemake("-n", kept)
    said = place.snakemake("-n", TABLE, ok=False)
    assert f"ask for {kept}" in said.strip().splitlines()[-1]
    assert "--configfile" in said.strip().splitlines()[-1]


def test_a_lab_table_says_real(lab):
    place, _ = lab
    rows = list(csv.DictReader(place.read(TABLE).splitlines()))
    assert len({row["edition"] for row in rows}) == 1 and "demo" not in rows[0]["edition"]
    assert {row["data"] for row in rows if row["source"] == "measured"} == {"real"}


def configured(place: Workplace, noxi: Path) -> str:
    """Write lab.yaml anew with NoXi at another place; return the file's name."""
    settings = yaml.safe_load(place.read("lab.yaml"))
    for corpus in ("noxi", "noxi_add"):
        settings["corpora"][corpus]["root"] = str(noxi)
    (place.folder / "moved.yaml").write_text(yaml.safe_dump(settings))
    return "moved.yaml"


def test_a_named_corpus_that_moved_with_its_times_has_nothing_to_do(lab):
    place, root = lab
    shutil.copytree(root / "noxi", place.folder / "disk" / "NoXi")
    moved = configured(place, place.folder / "disk" / "NoXi")
    assert "Nothing to be done" in place.snakemake("-n", TABLE, config=moved)


def test_of_one_that_was_copied_without_its_times_nothing_is_extracted_or_trained_again(lab):
    place, root = lab
    shutil.copytree(root / "noxi", place.folder / "other" / "noxi", copy_function=shutil.copyfile)
    moved = configured(place, place.folder / "other" / "noxi")
    done = rules(place.executed(TABLE, config=moved))
    assert "manifest" in done
    assert not done & {
        "extract",
        "extract_on_cpu",
        "training_windows_dialogue",
        "prediction_windows_dialogue",
        "train_dialogue",
    }


def test_labels_that_arrive_later_are_scored_and_nothing_is_trained_again(lab):
    place, root = lab
    shutil.copytree(place.folder / "results/demo/demo-tiny/ground_truth", root / "ground_truth")
    settings = yaml.safe_load(place.read("lab.yaml"))
    for corpus in settings["corpora"].values():
        corpus["ground_truth"] = str(root / "ground_truth")
    (place.folder / "scored.yaml").write_text(yaml.safe_dump(settings))
    found = place.folder.glob("results/corpora/*/manifest.parquet")
    own = [str(path.relative_to(place.folder)) for path in found if "-demo-" not in path.parent.name]
    assert rules(place.executed(*own, config="scored.yaml")) == {"manifest"}
    assert rules(place.executed(place.check("scored.yaml"), config="scored.yaml")) == {"complete"}
    jobs = place.executed("-n", TABLE, config="scored.yaml")
    assert {"evaluate_dialogue", "edition_table", "table"} <= rules(jobs)
    assert [output for rule, output in jobs if rule == "train_dialogue"] == []
    extracted = {output.split("/")[3] for rule, output in jobs if rule.startswith("extract")}
    assert extracted == {"engagement_test"}


def test_a_new_session_reruns_its_shard_onward(lab):
    place, root = lab  # changes the lab, so it comes late
    noxi = root / "noxi" / "train"
    donor = next(
        path
        for path in sorted(noxi.iterdir())
        if any(path.glob("*.egemapsv2.stream")) and len(list(path.glob("*annotation.csv"))) > 1
    )
    shutil.copytree(donor, noxi / "099")
    assert rules(place.executed(place.check("lab.yaml"), config="lab.yaml")) == {"manifest", "complete"}
    jobs = place.executed("-n", TABLE, config="lab.yaml")
    extracted = {
        Path(output).stem for rule, output in jobs if rule.startswith("extract") and "/noxi-" in output
    }
    (assigned,) = place.folder.glob("results/corpora/noxi-lab1-3-tiny_scale/assignment.json")
    assert extracted == {json.loads(assigned.read_text())["recordings"]["099"]}
    assert not [output for rule, output in jobs if rule.startswith("extract") and "/mpiigi-" in output]
    assert {"train_dialogue", "predict_dialogue", "evaluate_dialogue", "edition_table", "table"} <= rules(
        jobs
    )


def test_a_root_too_deep_stops_before_anything_is_extracted(lab):
    place, root = lab  # Snakemake deletes the manifest that could not be made anew, so it comes last
    said = place.snakemake(TABLE, config=configured(place, root / "noxi" / "train"), ok=False)
    assert f"did you mean {root / 'noxi'}?" in said and "rule extract" not in said
