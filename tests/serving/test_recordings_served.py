"""A packed run on own recordings answers for media as the workflow's own prediction does for what it reports."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from affectssm.corpora.manifest import read_manifest, write_manifest
from affectssm.families.recordings.run_settings import ItemRunSettings
from affectssm.families.recordings.served import ANSWERING
from affectssm.families.recordings.stages.items_train import train as train_items
from affectssm.families.recordings.stages.predict import predict
from affectssm.families.recordings.stages.train import train
from affectssm.serving import models
from affectssm.serving.pack import pack
from affectssm.serving.packed import unpacked
from affectssm.store.parquet import read_parquet
from affectssm.vocabulary.targets import load
from tests.families.recordings import small_recordings as frames
from tests.families.recordings import test_recording_items as items

FRAMES, ITEMS = ANSWERING


@pytest.fixture
def handed_over(tmp_path):
    """Return the media of a manifest without its labels."""

    def without_labels(manifest: Path) -> Path:
        rows = [row for row in read_manifest(manifest) if row.kind in ("video", "audio")]
        write_manifest(tmp_path / "given.parquet", rows, {"id": "given"})
        return tmp_path / "given.parquet"

    return without_labels


def answered(model: Path, answering, manifest: Path, features: Path) -> dict[tuple[str, str], list[dict]]:
    with unpacked(model) as (packed, run):
        settings = {**packed.config, **packed.description.beside, "set": packed.description.set}
        table = load(answering.answer)(run, settings, manifest, features, run, "")
        assert set(load(answering.quantities)(packed.config)) <= set(table.column_names)
    found: dict[tuple[str, str], list[dict]] = {}
    for row in table.to_pylist():
        found.setdefault((row["recording"], row["participant"]), []).append(row)
    return found


def test_answers_frame_by_frame_are_those_of_the_workflow(tmp_path, handed_over):
    people = [one for one in frames.PEOPLE if not {"audio", "video"} & set(one.lacks)]
    world = frames.write_world(tmp_path / "results", people)
    settings = frames.run_settings(steps=4, steps_per_epoch=2, warmup_steps=1)
    run = tmp_path / "results/runs" / f"{settings.experiment}-demo" / "fold1" / "1"
    train(settings, world.windows, world.features, run, {})
    predict(settings, run, world.windows, world.features, run / "predictions.parquet", {})
    lab = tmp_path / "lab.yaml"
    lab.write_text(yaml.safe_dump({"scale": "tiny", "families": ["recordings"]}))
    model = pack(run, tmp_path / "m.zip", files=[lab])
    found = answered(model, FRAMES, handed_over(world.manifests[0]), world.features[0])
    own = read_parquet(run / "predictions.parquet").to_pylist()
    assert len(own) > 40
    for row in own:
        mine = found[row["recording"], row["participant"]][row["frame"]]
        assert mine["time_s"] == pytest.approx(row["time_s"]) and mine["valid"] == row["valid"]
        for name in frames.COLUMNS:
            expected = row[f"prediction.{name}"] if row["valid"] else float("nan")
            assert mine[name] == pytest.approx(expected, abs=1e-4, nan_ok=True)
    assert ("talk", "ben") in found  # who has no labels is answered, too


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_answers_as_a_whole_are_those_of_the_workflow(task, tmp_path, handed_over):
    world = items.write_world(tmp_path / "results", task)
    one = items.experiments.Experiment("coupled_mamba", "extracted")
    told = items.experiments.item_run_settings(items.config(task), one, (1,))
    told["training"] |= {"epochs": 2}
    run = tmp_path / "results/runs" / f"{told['experiment']}-x" / "seeds-1"
    train_items(
        ItemRunSettings.model_validate(told), [world["segments"]], [world["features"]], world["manifest"], run
    )
    (listed,) = models.listed(tmp_path / "results")
    read = {"features": ["clip_face", "wav2vec2"], "weights": "random"}  # which its card does not say
    assert listed.told().items() >= read.items()
    assert "random weights; features" in next(models.lines(iter([listed])))
    lab = tmp_path / "lab.yaml"
    lab.write_text(yaml.safe_dump({"scale": "tiny", "families": ["recordings"]}))
    model = pack(run, tmp_path / "m.zip", weights_set="fold2-seed1", files=[lab])
    features = shutil.copytree(world["features"], tmp_path / "features")
    found = answered(model, ITEMS, handed_over(world["manifest"]), features)
    own = [row for row in read_parquet(run / "predictions.parquet").to_pylist() if row["part"] == "fold2"]
    names = {f"class_{value:g}": f"probability.{value:g}" for value in told["classes"]}
    if task == "regression":
        names = {name: f"prediction.{name}" for name in ("effort", "valence")}
    assert own and len(found) == len(items.NAMES)
    for row in own:
        (mine,) = found[row["recording"], "one"]
        assert (mine["start_s"], mine["stop_s"], mine["valid"]) == (0.0, 2.0, True)
        np.testing.assert_allclose([mine[n] for n in names], [row[n] for n in names.values()], rtol=1e-4)
