"""Windows that overlap: every frame is covered, and what is stitched together is what one pass would say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from window_world import build, write_shard

from affectssm.store.shards import Track
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.frames import Frames
from affectssm.timeline.index import Target, WindowIndex
from affectssm.timeline.loader import WindowDataset
from affectssm.timeline.stitch import Stitcher, overlaps

LONG, SHORT = (1000, 800), (300, 200)  # length and stride of Mamba-VA's windows


def frames_of(centre, stride):
    return Frames("va", ("valence", "arousal"), label_hz=None, context=0, centre=centre, stride=stride)


def index_of(lengths, geometry, label_hz=30.0):
    frames = frames_of(*geometry)
    targets = [
        Target("affwild2", "val", "main", "s00", f"video{n}", f"video{n}", own, own, label_hz, ())
        for n, own in enumerate(lengths)
    ]
    starts = [frames.starts(own) for own in lengths]
    target = np.repeat(np.arange(len(lengths), dtype=np.int32), [len(own) for own in starts])
    return WindowIndex(frames, 1, tuple(targets), target, np.concatenate(starts))


def windows_of(index, numbers, signal):
    """A batch whose single feature is a signal of each target's own, and its label too."""
    frame = index.label_frames(numbers)
    length = np.array([target.clock_frames for target in index.targets])[index.target[numbers]]
    inside = frame < length[:, None]
    of = [
        signal[t][np.minimum(f, len(signal[t]) - 1)]
        for t, f in zip(index.target[numbers], frame, strict=True)
    ]
    value = torch.from_numpy(np.where(inside, np.stack(of), 0.0)).float()
    valid = torch.from_numpy(inside)
    label = torch.stack([value, -value], -1)
    empty = {"mae": torch.zeros(0)}
    return value, NativeBatch(
        rows=empty,
        index=empty,
        phase=empty,
        valid={"mae": valid[None]},
        partner_present=torch.zeros(len(numbers), 0, dtype=torch.bool),
        frame_valid=valid,
        label=label,
        label_valid=valid,
        window=torch.from_numpy(np.asarray(numbers)),
    )


def stitched(index, signal, model, blend):
    stitcher = Stitcher(index, blend)
    order = np.random.default_rng(0).permutation(len(index))
    for numbers in np.array_split(order, max(1, len(index) // 4)):
        value, batch = windows_of(index, numbers, signal)
        stitcher.add(batch, model(value))
    return stitcher.table().to_pandas()


def causal(value):
    """A causal filter of 100 frames over (B, L), its second column the negative."""
    kernel = torch.linspace(1, 2, 100)[None, None]
    seen = torch.nn.functional.conv1d(torch.nn.functional.pad(value[:, None], (99, 0)), kernel)[:, 0]
    return torch.stack([seen, -seen], -1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.sampled_from([LONG, SHORT]))
@example(1000, LONG)
@example(1001, LONG)
@example(300, SHORT)
def test_windows_cover_every_frame_and_end_with_the_recording(frames, geometry):
    length, stride = geometry
    start = frames_of(length, stride).starts(frames)
    assert len(start) == -(-max(frames - length, 0) // stride) + 1
    assert start[0] == 0 and (np.diff(start) > 0).all() and (np.diff(start) <= stride).all()
    assert start[-1] + length == max(frames, length)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=3), st.sampled_from([LONG, SHORT]))
def test_later_halves_are_what_one_pass_over_the_video_says(lengths, geometry):
    index = index_of(lengths, geometry)
    signal = [np.random.default_rng(n).normal(size=own) for n, own in enumerate(lengths)]
    rows = stitched(index, signal, causal, "later")
    assert len(rows) == sum(lengths)
    for number, own in enumerate(lengths):
        mine = rows[rows.recording == f"video{number}"]
        whole = causal(torch.from_numpy(signal[number]).float()[None])[0].numpy()
        np.testing.assert_allclose(mine["prediction.valence"], whole[:, 0], atol=1e-4)
        np.testing.assert_allclose(mine["prediction.arousal"], whole[:, 1], atol=1e-4)
        np.testing.assert_allclose(mine["target.valence"], signal[number].astype(np.float32))
        assert mine.frame.tolist() == list(range(own))
        np.testing.assert_allclose(mine.time_s, (np.arange(own) + 0.5) / 30)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5000), st.sampled_from([LONG, SHORT]))
def test_hann_keeps_what_all_windows_agree_on(frames, geometry):
    index = index_of([frames], geometry)
    signal = [np.random.default_rng(0).normal(size=frames)]
    rows = stitched(index, signal, lambda value: torch.stack([value, -value], -1), "hann")
    np.testing.assert_allclose(rows["prediction.valence"], signal[0], atol=1e-6)


def test_hann_trusts_the_middle_of_a_window_more_than_its_edges():
    index = index_of([400], (300, 100))  # two windows: frames 0 to 299 and 100 to 399
    rows = stitched(
        index,
        [np.zeros(400)],
        lambda value: torch.arange(len(value))[:, None, None].expand(-1, 300, 2),
        "hann",
    )
    told = rows["prediction.valence"].to_numpy()  # which of the two windows spoke
    first, last = told[50], told[350]
    assert {first, last} == {0.0, 1.0} and (told[:100] == first).all() and (told[300:] == last).all()
    share = np.abs(told[100:300] - first)
    assert (np.diff(share) > 0).all() and share[0] < 0.05 and share[-1] > 0.95


def test_overlaps_are_of_windows_of_the_same_target():
    index = index_of([1700, 900, 2700], LONG)
    assert index.start.tolist() == [0, 700, 0, 0, 800, 1600, 1700]
    assert overlaps(index).tolist() == [0, 300, 0, 0, 200, 200, 900]


def test_each_recording_has_its_own_rate(tmp_path):
    """Row i of a recording's features and labels is its frame i, whatever the rate."""
    rates = {"a": 15.0, "b": 59.94}
    for feature, columns in (("mae", 3), ("va", 2)):
        tracks = {
            (name, name): Track(
                np.arange(40 * columns, dtype=np.float32).reshape(40, columns) + n,
                (np.arange(40) + 0.5) / rate,
                np.arange(40) != 7,
                rate,
            )
            for n, (name, rate) in enumerate(rates.items())
        }
        write_shard(tmp_path / f"{feature}.h5", tracks)
    targets = tuple(
        Target("affwild2", "train", "main", "s00", name, name, 40, 40, rate, ())
        for name, rate in rates.items()
    )
    index = WindowIndex(frames_of(30, 20), 1, targets, np.array([0, 0, 1, 1]), np.array([0, 10, 0, 10]))
    files = {"affwild2": [tmp_path / "mae.h5"]}
    for cache in (0, 1 << 30):
        for held in ((), ("mae",)):
            dataset = WindowDataset(
                index, {"mae": files}, {"affwild2": [tmp_path / "va.h5"]}, None, cache, held
            )
            batch = dataset[np.arange(4)]
            frame = index.label_frames(np.arange(4))
            expected = (
                np.stack([frame * 3, frame * 3 + 1, frame * 3 + 2], -1)
                + np.array([0, 0, 1, 1])[:, None, None]
            )
            there = (frame != 7) | bool(held)
            found = batch.interpolate(None)
            np.testing.assert_array_equal(found.target["mae"].valid, there)
            np.testing.assert_allclose(
                found.target["mae"].frames(), np.where(there[..., None], expected, 0), atol=2e-3
            )
            np.testing.assert_array_equal(batch.label_valid, frame != 7)


def test_a_window_twice_is_refused_where_windows_overlap_too(tmp_path):
    world = build(tmp_path, clock_hz=25, own=Frames("labels", ("valence",), 25, 0, 32, 16))
    dataset = WindowDataset(world.index, world.features, world.labels)
    stitcher = Stitcher(world.index)
    for numbers in (np.arange(len(dataset)), [0]):
        stitcher.add(dataset[numbers], torch.zeros(len(numbers), 32))
    with pytest.raises(ValueError, match="exactly once"):
        stitcher.table()
    assert replace(world.index.frames, stride=0).starts(64).tolist() == [0, 32]
