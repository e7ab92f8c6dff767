"""The list of finished runs: whose they are, of what, how they score; broken folders among thousands."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from affectssm import cli
from affectssm.runs.processes import is_stage
from affectssm.serving import models as listing
from affectssm.serving import scores
from tests.serving.small_models import dialogue_run, video_run, write_metrics


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("list") / "results"
    video_run(results, seed=1)
    video_run(results, seed=2)
    broken = video_run(results, seed=3)
    (broken / "checkpoint.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{torn")
    unfinished = video_run(results, seed=4)
    (unfinished / "checkpoint.safetensors").unlink()
    dialogue_run(results, {"audio": ["wav2vec2"]})
    return results


def told(results, capsys, *words) -> list[dict]:
    assert cli.main(["models", *words, "--results", str(results), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_run_is_told_with_what_it_learnt_from_and_its_own_scores(results, capsys):
    dialogue, one, two, torn, unfinished = told(results, capsys)
    assert (dialogue["family"], dialogue["corpora"], dialogue["features"]) == (
        "dialogue",
        ["noxi"],
        ["wav2vec2"],
    )
    assert (dialogue["data"], dialogue["weights"], dialogue["scores"]) == ("demo", "random", [])
    assert (one["experiment"], one["edition"], one["part"], one["seeds"]) == (
        "mamba_va-mae", "affwild2-tiny", "fold0", [1],
    )  # fmt: skip
    assert one["epoch"] == 0 and one["validation"] == {"val_ccc": 0.25}
    assert [(s["metric"], s["value"], s["n"], s["of"]) for s in one["scores"]] == [
        ("valence", 0.125, 3, 4), ("arousal", 0.125, 3, 4),
    ]  # fmt: skip
    assert two["seeds"] == [2] and {s["seed"] for s in two["scores"]} == {2}
    assert "not readable" in torn["trouble"] and "no such file" in unfinished["trouble"]


def test_words_filter_and_people_read_heads_runs_and_broken_folders(results, capsys):
    assert [one["seeds"] for one in told(results, capsys, "AROUSAL", '"seeds": [2]')] == [[2]]
    assert cli.main(["models", "--results", str(results)]) == 0
    text = capsys.readouterr().out
    assert "mamba_va-mae-affwild2-tiny: Mamba-VA, affwild2, demo data, random weights; features mae\n" in text
    assert "fold0/2  epoch 0  val_ccc 0.250  fold0 valence 0.125 (n 3 of 4)" in text
    assert "broken: " in text and "5 runs, 2 of them broken" in text
    assert cli.main(["models", "--results", str(results / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_pooled_scores_say_so_and_the_last_evaluation_counts(tmp_path, capsys):
    results = tmp_path / "results"
    video_run(results)
    folder = results / "metrics/mamba_va-mae-affwild2-tiny"
    for at, (name, value) in enumerate((("seeds-1-2", 0.5), ("seeds-1", 0.75))):
        write_metrics(folder / f"{name}.parquet", "fold0+fold1", 1, ("valence",), value)
        os.utime(folder / f"{name}.parquet", (at, at))
    ((score,),) = [one["scores"] for one in told(results, capsys)]
    assert (score["value"], score["parts"]) == (0.75, "fold0+fold1")
    assert cli.main(["models", "--results", str(results)]) == 0
    said = capsys.readouterr().out
    assert "\n  pooled over fold0+fold1, seed 1: " in said and said.count("valence 0.750 (n 3 of 4)") == 1


def test_metrics_of_an_experiment_are_read_once_for_all_its_runs(results, tmp_path, monkeypatch):
    shutil.copytree(results, tmp_path / "results")
    for seed in range(10, 40):
        shutil.copytree(
            tmp_path / "results/runs/mamba_va-mae-affwild2-tiny/fold0/1",
            tmp_path / f"results/runs/mamba_va-mae-affwild2-tiny/fold0/{seed}",
        )
    read = []
    monkeypatch.setattr(listing, "metrics_of", lambda *a: read.append(a) or scores.metrics_of(*a))
    assert sum(1 for _ in listing.listed(tmp_path / "results")) == 35
    assert len(read) == 2  # experiments


def test_what_looks_or_predicts_for_itself_is_no_stage_of_the_workflow():
    assert is_stage(["affectssm", "predict", "video", "--run", "x"])
    for words in (
        ["models"],
        ["pack", "run", "m.zip"],
        ["predict", "m.zip", "a.mp4"],
        ["predict", "--plot", "m.zip"],
    ):
        assert not is_stage(["affectssm", *words])


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["predict", "model.zip", "a.mp4"], True),
        (["predict", "--help"], True),
        (["predict"], True),
        (["predict", "models/mine", "a.mp4"], True),
        (["predict", "video", "--run", "x"], False),
        (["predict", "mylab.tasks", "--run", "x"], False),
        (["models"], False),
    ],
)
def test_a_packed_model_is_told_from_a_family(words, ours):
    from affectssm.cli.serving import is_serving

    assert is_serving(words) is ours
