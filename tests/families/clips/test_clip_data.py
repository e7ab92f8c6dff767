"""Clips as models see them: scaled by the training clips alone, zero where nothing is there."""

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages import data
from affectssm.families.clips.stages.format import CLIPS
from affectssm.families.clips.stages.train import train
from affectssm.store.card import make_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.segment_writer import Cut, write_index, written_segments
from affectssm.timeline.segments import ChannelScaler

COUNT, STEPS = 7, 4
SPLITS = ["train"] * 4 + ["test"] * 2 + ["val"]
LABELS = [-1.5, 0.0, 2.0, 0.4, float("nan"), 3.0, float("nan")]


def made(tmp_path):
    rng = np.random.default_rng(0)
    value, valid = rng.normal(3, 2, (COUNT, 2, STEPS)).astype(np.float32), rng.random((COUNT, STEPS)) > 0.3
    value[4:] += 100  # the training clips alone decide the scale
    valid[2] = False  # a clip without text
    card = make_card("clips/segments", ["affectssm.errors"], {})
    with written_segments(tmp_path / "s00.h5", CLIPS, {"text": (2, STEPS)}, card, masked=True) as file:
        for at in range(COUNT):
            shared = {"corpus": "sims", "shard": "s00", "video": "v", "recording": f"v[{9 - at}]"}
            cut = {"text": Cut(value[at : at + 1], valid[at].any()[None], valid[at : at + 1])}
            file.append(shared | {"split": SPLITS[at], "sentiment": LABELS[at]}, 1, 1.0, cut)
    write_index(tmp_path / "s00.parquet", CLIPS, file.rows, card)
    return data.open_store([tmp_path / "s00.h5"]), value, valid


def test_steps_are_scaled_by_the_training_clips_and_zero_where_masked(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "READ_AT_ONCE", 2)
    store, value, valid = made(tmp_path)
    learnt = data.labelled(store.index, "train", tmp_path)
    assert learnt.tolist() == [3, 2, 1, 0]  # by their names
    kept = np.concatenate([value[at][:, valid[at]] for at in range(4)], axis=1)
    scaled = (value - kept.mean(axis=1)[:, None]) / kept.std(axis=1)[:, None]
    rows = np.array([5, 0, 2, 3])
    scaler = ChannelScaler.learn(store, learnt)
    for held in (0, data.HELD_BYTES):
        monkeypatch.setattr(data, "HELD_BYTES", held)
        batch = data.ClipDataset(store, rows, scaler, ("text",), np.zeros(4))[np.array([2, 0, 1])]
        own = rows[[2, 0, 1]]
        wanted = np.where(valid[own][:, None], scaled[own], 0).transpose(0, 2, 1)
        np.testing.assert_allclose(batch.values["text"].numpy(), wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(batch.mask["text"].numpy(), valid[own])
    assert not batch.without("text").mask["text"].any()


def test_classes_are_signs_and_exchanged_labels_are_those_of_other_clips(tmp_path):
    store, _, _ = made(tmp_path)
    rows = data.labelled(store.index, "train", tmp_path)
    own = store.index.labels["sentiment"][rows]
    given = data.exchanged(store.index, rows, 1)
    assert sorted(given) == sorted(own) and (given != own).all()
    assert data.targets(own, "classification").tolist() == [2, 2, 1, 0]
    with pytest.raises(DataError, match="no val clip with a label"):
        data.labelled(store.index, "val", tmp_path)


@pytest.mark.parametrize("rate", [1e-3, 1e30])
def test_a_seed_answers_or_says_that_it_diverged(tmp_path, rate):
    store, *_ = made(tmp_path)
    index = read_parquet(tmp_path / "s00.parquet").to_pydict()
    rows = [{name: column[at] for name, column in index.items()} for at in range(COUNT)]
    rows[-1]["sentiment"] = 1.0  # a clip to select by
    write_index(tmp_path / "s00.parquet", CLIPS, rows, make_card("clips/segments", ["affectssm.errors"], {}))
    sizes = {"d_model": 4, "layers": 1, "d_state": 2, "dt_rank": 1, "hidden": 4}
    settings = RunSettings.model_validate({
        "experiment": "x", "model": "average_fusion", "variant": "", "corpus": "sims", "source": "unaligned",
        "task": "classification", "modalities": ["text"], "left_out": ["text"], "language": "chinese",
        "seeds": [1, 2], "model_settings": sizes, "batch": 4,
        "training": {"epochs": 2, "learning_rate": rate, "scan_backend": "reference"},
    })  # fmt: skip
    train(settings, store.files, tmp_path / "run", {})
    found = read_parquet(tmp_path / "run" / "predictions.parquet").to_pylist()
    assert len(found) == 2 * 2 * 3  # seeds, what is left out, clips of the test and validation parts
    for row in found:
        diverged = rate > 1
        assert bool(row["reason"]) == diverged and (row["positive"] is None) == diverged
        assert diverged or row["negative"] + row["neutral"] + row["positive"] == pytest.approx(1)
