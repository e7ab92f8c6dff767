"""Runs on own recordings: from windows to scores, against what was planted."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from affectssm.errors import DataError
from affectssm.families.recordings.stages.evaluate import evaluate
from affectssm.families.recordings.stages.people import read_division
from affectssm.families.recordings.stages.predict import answers, predict
from affectssm.families.recordings.stages.train import train
from affectssm.store.parquet import read_parquet
from affectssm.timeline.index import read_windows
from affectssm.training.frame_models import load_model
from tests.families.recordings.small_recordings import (
    COLUMNS,
    PEOPLE,
    World,
    agreement,
    evaluation_settings,
    run_settings,
    truth,
    write_world,
)

LEARNING = {
    "steps": 30,
    "steps_per_epoch": 10,
    "warmup_steps": 3,
    "batch": 8,
    "learning_rate": 2e-2,
    "lambda_align": 0.0,
}


@pytest.fixture(scope="module")
def runs(own: World, tmp_path_factory):
    """A run of each part that learns what was planted; tests only read them."""
    folder = tmp_path_factory.mktemp("runs")
    for part in read_division(own.windows):
        settings = run_settings(part, **LEARNING)
        train(settings, own.windows, own.features, folder / part / "1", {})
        out = folder / part / "1/predictions.parquet"
        predict(settings, folder / part / "1", own.windows, own.features, out, {})
    return folder


def scores(own: World, files, out, **changes):
    evaluate(
        evaluation_settings(**changes), files, own.features, own.manifests, own.windows / "missing.parquet",
        own.windows, out, out.with_name("traces-1.parquet"),
    )  # fmt: skip
    rows = read_parquet(out).to_pylist()
    return {row["metric"]: row for row in rows if row["level"] == "summary"}


def test_each_part_predicts_what_it_has_not_seen_and_the_scores_are_of_all_together(own, runs, tmp_path):
    files = sorted(runs.glob("*/1/predictions.parquet"))
    found = scores(own, files, tmp_path / "seeds-1.parquet")
    table = {path.parts[-3]: read_parquet(path).to_pandas() for path in files}
    for part, own_part in read_division(own.windows).items():
        assert set(table[part]["recording"]) == set(own_part.report) - {"blank"}
    answered, wanted = [], []
    for one in (one for one in PEOPLE if one.who != "ben" and one.recording != "blank"):
        (rows,) = [
            t[t.recording == one.recording] for t in table.values() if (t.recording == one.recording).any()
        ]
        first = round(one.starts * 10)
        kept = np.ones(len(rows), bool)
        kept[:first] = kept[first + 20 : first + 22] = False
        answered.append(rows[[f"prediction.{name}" for name in COLUMNS]].to_numpy()[kept])
        wanted.append(truth(one)[kept])
    x, y = np.concatenate(answered).astype(float), np.concatenate(wanted).astype(np.float32).astype(float)
    for at, name in enumerate(COLUMNS):
        assert found[f"{name}_ccc"]["value"] == pytest.approx(agreement(x[:, at], y[:, at]), abs=1e-6)
        assert found[f"{name}_pearson"]["value"] == pytest.approx(
            np.corrcoef(x[:, at], y[:, at])[0, 1], abs=1e-6
        )
        assert found[f"{name}_rmse"]["value"] == pytest.approx(
            np.sqrt(np.mean((x - y)[:, at] ** 2)), rel=1e-5
        )
        assert found[f"{name}_spread"]["value"] == pytest.approx(y[:, at].std(), rel=1e-5)
        assert found[f"{name}_ccc"]["value"] > 0.5  # the features hold it
    assert found["average_ccc"]["value"] == pytest.approx(
        np.mean([found[f"{name}_ccc"]["value"] for name in COLUMNS])
    )
    assert "average_rmse" not in found  # labels have units of their own
    row = found["valence_ccc"]
    assert (row["n_used"], row["n_expected"], row["missing"]) == (5, 6, ["blank/one (no audio, no video)"])
    assert np.isnan(row["low"])  # five recordings are too few


def test_a_run_keeps_what_is_needed_to_answer_elsewhere(own, runs):
    config = yaml.safe_load((runs / "fold1/1/config.yaml").read_text())
    assert config["columns"] == list(COLUMNS) and config["label_hz"] == 10.0
    assert config["windows"]["per_label"] == 2 and config["windows"]["frames"]["centre"] == 16
    (low, high), (least, most) = config["model_settings"]["ranges"]
    assert -0.85 < low < -0.7 and 0.7 < high < 0.85 and 15 < least < 20 and 80 < most < 85
    index = read_windows(own.windows / "labelled.parquet")
    everybody = dict.fromkeys(
        ((t.recording, seat) for t in index.targets for seat in t.seats), frozenset(("audio", "video"))
    )
    # somebody without labels, such as a new recording
    found = answers(
        runs / "fold1/1",
        index.select(lambda t: t.recording == "talk"),
        own.features,
        everybody,
        4,
        labels=False,
    )
    assert len(found) == 80 and not np.isnan(found["prediction.effort"].to_numpy()).any()
    assert np.isnan(found["target.effort"].to_numpy()).all()


@pytest.mark.parametrize("model", ["da_mamba", "dat", "mamba_va"])
def test_every_model_answers_one_label_in_its_range_alone_and_beside_others(model, tmp_path):
    people = [one for one in PEOPLE if one.recording in ("talk", "walk", "sit", "mute")]
    world = write_world(tmp_path, people)
    settings = run_settings("fold1", model=model, range=(-1.0, 100.0))
    train(settings, world.windows, world.features, tmp_path / "1", {})
    _, _, config = load_model(tmp_path / "1")
    assert config["model_settings"]["ranges"] == [[-1.0, 100.0]] * 2
    out = tmp_path / "predictions.parquet"
    predict(settings, tmp_path / "1", world.windows, world.features, out, {})
    values = read_parquet(out)["prediction.effort"].to_numpy()
    assert len(values) and ((values >= -1) & (values <= 100)).all() and values.std() > 0


def test_partners_change_an_answer_of_a_model_that_hears_them_and_nobody_is_needed(own, runs):
    index = read_windows(own.windows / "labelled.parquet").select(lambda t: t.recording == "talk")
    from dataclasses import replace

    alone = replace(index, targets=tuple(replace(t, partners=()) for t in index.targets))
    held = {(t.recording, seat): frozenset(("audio", "video")) for t in index.targets for seat in t.seats}
    both, one = (
        answers(runs / "fold1/1", given, own.features, held, 4, labels=False)["prediction.effort"].to_numpy()
        for given in (index, alone)
    )
    assert np.isfinite(one).all() and np.abs(both - one).max() > 1e-4


def test_labels_of_test_parts_are_opened_by_the_evaluation_alone(tmp_path):
    people = [
        *(type(one)(one.recording, split="train", seconds=4.0) for one in PEOPLE[2:6]),
        type(PEOPLE[0])("new", split="test", seconds=4.0),
    ]
    world = write_world(tmp_path, people)
    settings = run_settings("main")
    (world.features[0] / "folder_labels_test/s00.h5").rename(tmp_path / "hidden.h5")
    train(settings, world.windows, world.features, tmp_path / "main/1", {})
    out = tmp_path / "main/1/predictions.parquet"
    predict(settings, tmp_path / "main/1", world.windows, world.features, out, {})
    table = read_parquet(out)
    assert set(table["recording"].to_pylist()) == {"new"}
    assert np.isnan(table["target.effort"].to_numpy()).all()
    (tmp_path / "hidden.h5").rename(world.features[0] / "folder_labels_test/s00.h5")
    found = scores(world, [out], tmp_path / "seeds-1.parquet")
    assert np.isfinite(found["valence_ccc"]["value"]) and found["valence_ccc"]["n_expected"] == 1


def test_a_part_or_a_seed_that_is_absent_is_named(own, runs, tmp_path):
    files = sorted(runs.glob("*/1/predictions.parquet"))
    with pytest.raises(DataError, match=r"parts fold1, fold2, fold3 with seeds \[1\]"):
        scores(own, files[1:], tmp_path / "seeds-1.parquet")
    with pytest.raises(DataError, match=r"seeds \[1, 2\]"):
        scores(own, files, tmp_path / "seeds-1.parquet", seeds=(1, 2))


def test_labels_that_never_change_are_refused_by_name(own, tmp_path, monkeypatch):
    from tests.families.recordings import small_recordings

    monkeypatch.setattr(small_recordings, "truth", lambda one: np.full((round(one.seconds * 10), 2), 3.0))
    world = write_world(tmp_path)
    with pytest.raises(DataError, match="valence, effort without two different values"):
        train(run_settings("fold1"), world.windows, world.features, tmp_path / "1", {})
