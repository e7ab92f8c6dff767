"""What runs again, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.workflow.workplace import TABLE, TINY, Workplace, rules

pytestmark = pytest.mark.workflow


def edit(place: Workplace, module: str) -> None:
    """Change a module's code without changing what it does."""
    path = place.folder / "src" / "affectssm" / module
    path.write_text(path.read_text() + "\n_EDITED = True\n")


def test_a_second_run_has_nothing_to_do(copy):
    assert "Nothing to be done" in copy.snakemake(TABLE)


def test_editing_a_model_reruns_its_training_onward(copy):
    edit(copy, "models/da_mamba.py")
    jobs = copy.executed("-n", TABLE)
    assert rules(jobs) == {"train", "predict", "evaluate", "edition_table", "table"}
    assert all("/da_mamba" in output for rule, output in jobs if "table" not in rule)


def test_editing_an_extractor_reruns_it_onward(copy):
    edit(copy, "features/optical_flow.py")
    jobs = copy.executed("-n", TABLE)
    extracted = [output for rule, output in jobs if rule.startswith("extract")]
    assert extracted and all("/optical_flow/" in output for output in extracted)
    trained = [output for rule, output in jobs if rule == "train"]
    assert trained and all("-extracted-" in output for output in trained)
    assert not rules(jobs) & {"demo_corpora", "manifest", "training_windows"}


def test_editing_the_face_tracker_reruns_what_looks_at_faces_and_retrains(copy):
    edit(copy, "features/faces.py")
    jobs = copy.executed("-n", TABLE)
    extracted = {output.split("/")[3] for rule, output in jobs if rule.startswith("extract")}
    assert extracted == {"face_track", "clip_face", "optical_flow", "landmark_flow"}
    assert "train" in rules(jobs)


def test_comments_rerun_nothing(copy):
    path = copy.folder / "src" / "affectssm" / "models" / "da_mamba.py"
    path.write_text("# a comment\n" + path.read_text())
    assert "Nothing to be done" in copy.snakemake(TABLE)


@pytest.fixture(scope="module")
def lab(road, tmp_path_factory) -> tuple[Workplace, Path]:
    """The finished road, and then a lab's own roots (with the challenge's streams only) gone to the end."""
    place = road.clone(tmp_path_factory.mktemp("lab") / "copy")
    root = place.folder / "corpora"
    shutil.copytree(place.folder / "results/demo/demo-tiny", root)
    truth = str(root / "ground_truth")
    settings = {
        "scale": "tiny",
        "features": {"sources": ["multimediate"]},
        "experiments": {"models": ["da_mamba"]},
        "corpora": {
            "noxi": {"root": str(root / "noxi"), "ground_truth": truth, "shards": 3},
            "noxi_add": {"root": str(root / "noxi"), "ground_truth": truth, "shards": 1},
            "mpiigi": {"root": str(root / "mpiigi"), "ground_truth": truth, "shards": 1},
        },
    }
    (place.folder / "lab.yaml").write_text(yaml.safe_dump(settings))
    place.snakemake(TABLE, config="lab.yaml")
    return place, root


def test_back_to_the_demo_computes_nothing_but_the_table(lab):
    place, _ = lab
    assert rules(place.executed("-n", TABLE, config=TINY)) <= {"table"}


def test_a_lab_table_says_real(lab):
    place, _ = lab
    measured = [line for line in place.read(TABLE).splitlines() if ",measured," in line]
    assert measured and all(",real," in line and ",demo," not in line for line in measured)


def test_a_new_session_reruns_its_shard_onward(lab, tmp_path):
    from affectssm.corpora.manifest import shard_of

    place, root = lab
    noxi = root / "noxi" / "train"
    donor = next(
        path
        for path in sorted(noxi.iterdir())
        if any(path.glob("*.egemapsv2.stream")) and len(list(path.glob("*annotation.csv"))) > 1
    )
    shutil.copytree(donor, noxi / "099")
    assert rules(place.executed(TABLE, "--until", "manifest", config="lab.yaml")) == {"manifest"}
    jobs = place.executed("-n", TABLE, config="lab.yaml")
    extracted = {
        Path(output).stem for rule, output in jobs if rule.startswith("extract") and "/noxi-" in output
    }
    assert extracted == {shard_of("099", 3)}
    assert not [output for rule, output in jobs if rule.startswith("extract") and "/mpiigi-" in output]
    assert {"train", "predict", "evaluate", "edition_table", "table"} <= rules(jobs)
