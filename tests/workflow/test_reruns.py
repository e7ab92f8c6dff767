"""What runs again, and what does not."""

from __future__ import annotations

import pytest

from tests.workflow.workplace import TABLE, Workplace, rules

pytestmark = pytest.mark.workflow
MODEL = "families/dialogue/stages/models/da_mamba.py"


def edit(place: Workplace, module: str) -> None:
    """Change a module's code without changing what it does."""
    path = place.folder / "src" / "affectssm" / module
    path.write_text(path.read_text() + "\n_EDITED = True\n")


def test_a_second_run_has_nothing_to_do(copy):
    assert "Nothing to be done" in copy.snakemake(TABLE)


def test_editing_a_model_reruns_its_training_onward(copy):
    edit(copy, MODEL)
    jobs = copy.executed("-n", TABLE)
    assert rules(jobs) == {
        "train_dialogue",
        "predict_dialogue",
        "evaluate_dialogue",
        "edition_table",
        "table",
    }
    assert all("/da_mamba" in output for rule, output in jobs if "table" not in rule)


def test_editing_an_extractor_reruns_it_onward(copy):
    edit(copy, "features/optical_flow.py")
    jobs = copy.executed("-n", TABLE)
    extracted = [output for rule, output in jobs if rule.startswith("extract")]
    assert extracted and all("/optical_flow/" in output for output in extracted)
    trained = [output for rule, output in jobs if rule == "train_dialogue"]
    assert trained and all("-extracted-" in output for output in trained)
    assert not rules(jobs) & {"demo_corpora", "manifest", "training_windows_dialogue"}


def test_editing_the_face_tracker_reruns_what_looks_at_faces_and_retrains(copy):
    edit(copy, "features/faces.py")
    jobs = copy.executed("-n", TABLE)
    extracted = {output.split("/")[3] for rule, output in jobs if rule.startswith("extract")}
    assert extracted == {"face_track", "clip_face", "optical_flow", "landmark_flow"}
    assert "train_dialogue" in rules(jobs)


def test_comments_rerun_nothing(copy):
    path = copy.folder / "src/affectssm" / MODEL
    path.write_text("# a comment\n" + path.read_text())
    assert "Nothing to be done" in copy.snakemake(TABLE)


def test_a_jobs_own_snakemake_plans_that_job_alone_also_where_its_files_are_not_seen_yet(copy):
    """As on a node of a cluster; else a training would begin extractions itself."""
    run = next(copy.folder.glob("results/runs/da_mamba*/*/*/checkpoint.safetensors"))
    experiment, part, seed = run.relative_to(copy.folder / "results/runs").parts[:3]
    for path in copy.folder.glob("results/features/*/*/*.h5"):
        path.unlink()
    job = f"train_dialogue:experiment={experiment},part={part},seed={seed}"
    own = ("--allowed-rules", "train_dialogue", "--mode", "remote", "--force", "--nolock", "--no-hooks")
    assert rules(copy.executed("-n", "--target-jobs", job, *own)) == {"train_dialogue"}


def test_results_copied_without_their_times_are_touched_and_kept(copy):
    before = copy.read(TABLE)
    for path in (copy.folder / "results/features").rglob("*.h5"):
        path.touch()
    assert "train_dialogue" in rules(copy.executed("-n", TABLE))
    copy.snakemake(TABLE, "--touch")
    assert copy.read(TABLE) == before
    assert "Nothing to be done" in copy.snakemake(TABLE)
