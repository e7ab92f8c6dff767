"""Predictions come back to their label frames, each once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from window_world import FRAMES, build

from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.frames import Frames
from affectssm.timeline.loader import WindowDataset, in_order
from affectssm.timeline.stitch import Stitcher, prediction_schema


def clock_position(dataset, batch):
    """A prediction that names its own clock frame and target."""
    start = torch.from_numpy(dataset.index.start[batch.window.numpy()])
    target = torch.from_numpy(dataset.index.target[batch.window.numpy()])
    return (start[:, None] + torch.arange(96)).float() + 10000.0 * target[:, None]


def test_every_label_frame_gets_the_mean_of_its_clock_frames(world, tmp_path):
    dataset = WindowDataset(world.index, world.features, world.labels)
    stitcher = Stitcher(world.index)
    order = np.random.default_rng(0).permutation(len(dataset))
    for place in in_order(len(dataset), 13):
        batch = dataset[order[place]]
        stitcher.add(batch, clock_position(dataset, batch))
    table = stitcher.table()
    step, at = world.index.per_label, 0
    for number, target in enumerate(world.index.targets):
        rows = table.slice(at, target.label_frames).to_pydict()
        at += target.label_frames
        assert set(zip(rows["corpus"], rows["recording"], rows["participant"], strict=True)) == {
            (target.corpus, target.recording, target.participant)
        }
        frame = np.arange(target.label_frames)
        assert rows["frame"] == frame.tolist()
        np.testing.assert_allclose(rows["time_s"], (frame + 0.5) / 25)
        np.testing.assert_allclose(rows["prediction"], 10000 * number + frame * step + (step - 1) / 2)
        label = world.tracks["label"][target.corpus, target.recording, target.participant]
        np.testing.assert_array_equal(np.isnan(rows["target"]), ~label.valid)
        np.testing.assert_array_equal(np.array(rows["target"])[label.valid], label.value[label.valid, 0])
    assert at == len(table)
    write_parquet(
        tmp_path / "predictions.parquet", table, prediction_schema(FRAMES), make_card("test", [], {})
    )


def test_valid_says_whether_any_cue_was_there(world):
    dataset = WindowDataset(world.index, {"flow": world.features["flow"]})
    stitcher = Stitcher(world.index)
    stitcher.add(dataset[np.arange(len(dataset))], torch.zeros(len(dataset), 96))
    rows = stitcher.table().to_pandas()
    person = rows[rows.participant == "subjectPos2"]  # a track without rows: predicted, never valid
    assert not person.valid.any() and person.prediction.notna().all()
    late = rows[rows.participant == "novice"]  # the track starts at 0.34 s and is held for one row before
    assert not late.valid[late.time_s < 0.25].any() and 0.6 < late.valid[late.time_s > 1].mean() < 1
    assert rows.target.isna().all()  # labels were not given


def test_gaps_and_repetitions_are_refused(world):
    dataset = WindowDataset(world.index, world.features)
    stitcher = Stitcher(world.index)
    some = dataset[np.arange(len(dataset) - 1)]
    stitcher.add(some, torch.zeros(len(some), 96))
    with pytest.raises(ValueError, match="exactly once"):
        stitcher.table()
    stitcher.add(dataset[len(dataset) - 1], torch.zeros(1, 96))
    stitcher.table()
    stitcher.add(dataset[0], torch.zeros(1, 96))
    with pytest.raises(ValueError, match="exactly once"):
        stitcher.table()


def test_several_label_columns_come_back_side_by_side(tmp_path):
    world = build(tmp_path, own=replace(FRAMES, columns=("valence", "arousal")))
    dataset = WindowDataset(world.index, world.features, world.labels)
    batch = dataset[np.arange(len(dataset))]
    assert batch.label.shape == (len(dataset), 8, 2) and batch.label_valid.shape == (len(dataset), 8)
    stitcher = Stitcher(world.index)
    position = clock_position(dataset, batch)
    stitcher.add(batch, torch.stack([position, -position], -1))
    rows = stitcher.table().to_pandas()
    np.testing.assert_array_equal(rows["prediction.valence"], -rows["prediction.arousal"])
    target = world.index.targets[0]
    label = world.tracks["label"][target.corpus, target.recording, target.participant]
    for column, name in enumerate(("target.valence", "target.arousal")):
        own = rows[name][: target.label_frames].to_numpy()
        np.testing.assert_array_equal(own[label.valid], label.value[label.valid, column])
        assert np.isnan(own[~label.valid]).all()
    track, valid = dataset.label_track(0)
    np.testing.assert_array_equal(track[valid], label.value[label.valid])


def test_windows_of_another_geometry_tile_the_recordings(tmp_path):
    own = Frames("labels", ("valence",), label_hz=25, context=0, centre=300)
    world = build(tmp_path, clock_hz=25, own=own)
    dataset = WindowDataset(world.index, world.features, world.labels)
    assert [len(own.starts(frames)) for frames in (1, 300, 301)] == [1, 1, 2]
    stitcher = Stitcher(world.index)
    for place in in_order(len(dataset), 3):
        batch = dataset[place]
        assert batch.label.shape == (len(place), 300)
        stitcher.add(batch, batch.window.float()[:, None].expand(-1, 300))
    assert len(stitcher.table()) == sum(target.label_frames for target in world.index.targets)
