"""Recordings with a label as a whole: what is learnt, answered and scored, against what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from affectssm.corpora.manifest import StreamRow, read_manifest, write_manifest
from affectssm.errors import DataError
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.configuration import load_config
from affectssm.families.recordings import experiments
from affectssm.families.recordings.run_settings import ItemEvaluationSettings, ItemRunSettings
from affectssm.families.recordings.stages.folds import divide, groups_of
from affectssm.families.recordings.stages.items import prediction_schema, read_labels
from affectssm.families.recordings.stages.items_cut import cut_shard
from affectssm.families.recordings.stages.items_evaluate import evaluate, scores_of
from affectssm.families.recordings.stages.items_train import train
from affectssm.store.card import make_card
from affectssm.store.parquet import read_parquet, write_parquet
from affectssm.store.shards import ResumableShard, Track

MODULE = ["affectssm.evaluation.metrics"]
NAMES = [f"r{number:02d}" for number in range(12)]
WORDS = {"no": 0.1, "yes": 0.7}  # neither is what float32 keeps of it


def labels_of(task: str) -> np.ndarray:
    """(12, 2): two labels, or one class in the first column."""
    rng = np.random.default_rng(3)
    found = np.stack([rng.uniform(0, 100, 12), rng.uniform(-1, 1, 12)], axis=1)
    return found if task == "regression" else np.where(found[:, :1] > 50, WORDS["yes"], WORDS["no"])


def config(task: str):
    labels = {"per": "item", "names": ["effort", "valence"] if task == "regression" else ["effort"]}
    labels |= {"values": WORDS} if task == "classification" else {"range": [-1, 100]}
    training = {"epochs": 15, "learning_rate": 0.03}
    return load_config(
        {
            "scale": "tiny",
            "families": ["recordings"],
            "corpora": {"folder": {"root": "/own", "table": "t.csv", "labels": labels}},
            "recordings": {"folds": 3, "items": {"task": task, "steps": 4, "batch": 4, "training": training}},
        }
    )


def write_world(root: Path, task: str) -> dict[str, Path]:
    """Write manifest, features that hold the labels (r03 has no sound) and segments."""
    folder, manifest = root / "features/folder-x", root / "corpora/folder-x/manifest.parquet"
    rows = [
        StreamRow(
            "folder", "all", name, "one", kind, f"{kind}/{name}", "root", 25.0, 50, 2, 2.0, 10, "sha256:0", name, "",
            "s00",
        )
        for name in NAMES
        for kind in ("audio", "video", "item_label")
        if (name, kind) != ("r03", "audio")
    ]  # fmt: skip
    write_manifest(manifest, rows, make_card("corpora/manifest", MODULE, {}))
    label = labels_of(task)
    unit = (label - label.mean(0)) / label.std(0)
    rng = np.random.default_rng(1)
    for feature, dim in (("wav2vec2", 3), ("clip_face", 4), ("folder_item", label.shape[1])):
        told = {"weights": "random"} if feature != "folder_item" else {}
        shard = ResumableShard(folder / feature / "s00.h5", make_card(f"features/{feature}", MODULE, told))
        mixing = rng.standard_normal((label.shape[1], dim))
        for at, name in enumerate(NAMES):
            if (name, feature) == ("r03", "wav2vec2"):
                continue
            value = unit[at] @ mixing + 0.1 * rng.standard_normal((8, dim))
            value = label[at][None] if feature == "folder_item" else value
            time, valid = np.arange(len(value)) + 0.5, np.ones(len(value), bool)
            shard.write(name, "content", {"one": Track(value.astype(np.float32), time, valid, 1.0)})
        shard.finish()
    cut = CutSettings.model_validate(experiments.cut_settings(config(task), "extracted"))
    files = [root / f"segments/s00.{end}" for end in ("h5", "parquet", "faults.parquet")]
    cut_shard(cut, manifest, folder, "s00", *files)
    return {"manifest": manifest, "features": folder, "segments": files[0], "faults": files[2]}


def run(root: Path, task: str, world, seeds=(1, 2)):
    one = experiments.Experiment("coupled_mamba", "extracted")
    settings = ItemRunSettings.model_validate(experiments.item_run_settings(config(task), one, seeds))
    train(settings, [world["segments"]], [world["features"]], world["manifest"], root / "seeds-1-2")
    return root / "seeds-1-2/predictions.parquet"


def scored(world, task: str, files, out: Path, seeds=(1, 2)):
    one = experiments.Experiment("coupled_mamba", "extracted")
    settings = experiments.item_evaluation_settings(config(task), one, seeds)
    evaluate(
        ItemEvaluationSettings.model_validate(settings), files, [world["features"]], world["manifest"], out
    )
    rows = read_parquet(out).to_pylist()
    return {row["metric"]: row for row in rows if row["level"] == "summary"}


@pytest.fixture(scope="module", params=["regression", "classification"])
def learnt(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    world = write_world(root, request.param)
    return request.param, world, run(root, request.param, world), root


def test_each_recording_is_answered_once_a_seed_by_a_model_that_has_not_seen_it(learnt):
    _, world, path, _ = learnt
    table = read_parquet(path).to_pandas()
    assert len(table) == 24 and not table.duplicated(["item", "seed"]).any()
    parts = divide(groups_of(read_manifest(world["manifest"]), "item_label"), 3, "")
    for (part, name), _ in table.groupby(["part", "recording"]):
        assert name in parts[part].report
    (fault,) = read_parquet(world["faults"]).to_pylist()[:1]
    assert fault["code"] == "modality_missing"


def test_the_scores_are_those_of_all_answers_and_better_than_the_best_constant(learnt, tmp_path):
    task, world, path, _ = learnt
    found = scored(world, task, [path], tmp_path / "items-1-2.parquet")
    table = read_parquet(path).to_pandas().sort_values(["seed", "item"])
    label = labels_of(task)
    if task == "classification":
        chosen = (table["probability.0.7"] > table["probability.0.1"]).to_numpy().reshape(2, 12)
        truth = label[:, 0] == WORDS["yes"]
        right = (chosen == truth).mean(axis=1)
        assert found["effort_accuracy"]["value"] == pytest.approx(right.mean())
        assert found["effort_accuracy_constant"]["value"] == pytest.approx(
            max(truth.mean(), 1 - truth.mean())
        )
        assert right.mean() > 0.6
        return
    for at, name in enumerate(("effort", "valence")):
        answers = table[f"prediction.{name}"].to_numpy().reshape(2, 12)
        assert found[f"{name}_mae"]["value"] == pytest.approx(np.abs(answers - label[:, at]).mean(), rel=1e-5)
        correlation = np.mean([np.corrcoef(own, label[:, at])[0, 1] for own in answers])
        assert found[f"{name}_pearson"]["value"] == pytest.approx(correlation, abs=1e-5)
        assert found[f"{name}_mae"]["value"] < found[f"{name}_mae_constant"]["value"]
        assert found[f"{name}_ccc"]["low"] < found[f"{name}_ccc"]["value"]
    assert found["average_ccc"]["n_used"] == 12 and "average_mae" not in found


def test_a_number_that_is_no_class_is_no_label(learnt):
    task, world, _, _ = learnt
    one = experiments.Experiment("coupled_mamba", "extracted")
    told = ItemEvaluationSettings.model_validate(experiments.item_evaluation_settings(config(task), one, [1]))
    told = told.model_copy(update={"classes": told.classes[:1]})
    found = read_labels(told, [world["features"]], read_manifest(world["manifest"]), tests=True)
    own = labels_of(task)[:, 0]
    kept = [
        f"{name}/one"
        for name, value in zip(NAMES, own, strict=True)
        if task == "regression" or value == WORDS["no"]
    ]
    assert sorted(found) == kept and kept


def test_items_without_a_label_to_learn_from_are_named(tmp_path, caplog):
    world = write_world(tmp_path, "classification")
    one = experiments.Experiment("coupled_mamba", "extracted")
    told = experiments.item_run_settings(config("classification"), one, (1,))
    told |= {"classes": [WORDS["no"], 5.0], "training": told["training"] | {"epochs": 1}}
    settings = ItemRunSettings.model_validate(told)
    with caplog.at_level("WARNING"):
        train(settings, [world["segments"]], [world["features"]], world["manifest"], tmp_path / "seeds-1")
    lost = [
        name
        for name, value in zip(NAMES, labels_of("classification")[:, 0], strict=True)
        if value == WORDS["yes"]
    ]
    (said,) = [line for line in caplog.messages if "no label to learn from" in line]
    assert f"{len(lost)} of {len(NAMES)} items" in said and f"{lost[0]}/one" in said


def test_scores_without_a_recording_are_those_of_the_others():
    rng = np.random.default_rng(0)
    one = experiments.Experiment("coupled_mamba", "extracted")
    told = experiments.item_evaluation_settings(config("regression"), one, [1])
    settings = ItemEvaluationSettings.model_validate(told)
    value, label = rng.normal(size=(1, 9, 2)), rng.normal(size=(9, 2))
    unit = np.repeat([0, 1, 2], 3)
    found = scores_of(settings, value, label, unit, 3)
    for left in range(3):
        kept = unit != left
        rest = scores_of(settings, value[:, kept], label[kept], np.zeros(6, int), 1)
        for name in ("effort_ccc", "valence_mae", "effort_rmse", "valence_pearson"):
            assert found[name].without[left] == pytest.approx(rest[name].values[0])


def test_what_is_absent_or_doubled_is_named(learnt, tmp_path):
    task, world, path, _ = learnt
    with pytest.raises(DataError, match=r"seeds \[1, 2, 3\]"):
        scored(world, task, [path], tmp_path / "a.parquet", seeds=(1, 2, 3))
    with pytest.raises(DataError, match="answered twice"):
        scored(world, task, [path, path], tmp_path / "b.parquet")
    table = read_parquet(path)
    kept = table.filter(pc.not_equal(table["recording"], "r05"))
    names = [name for name in table.column_names if name.startswith(("prediction.", "probability."))]
    write_parquet(tmp_path / "some.parquet", kept, prediction_schema(names), make_card("x", MODULE, {}))
    found = scored(world, task, [tmp_path / "some.parquet"], tmp_path / "c.parquet")
    row = next(iter(found.values()))
    assert (row["n_used"], row["n_expected"], row["missing"]) == (
        11, 12, ["r05/one (no media that can be used)"],
    )  # fmt: skip
