"""Batches against a reference that interpolates every track with numpy, from memory and from files alike."""

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset, DataLoader, Subset
from window_world import build, regular, write_shard

from affectssm.errors import DataError
from affectssm.timeline.clock import clock_times
from affectssm.timeline.loader import WindowDataset, batch_indices, in_order, make_loader
from affectssm.timeline.scaler import Scaler

CONTEXT = CENTRE = 32
LENGTH = 96


def reference(track, clock_hz, start, frames):
    """Interpolate one window of one track, a column at a time: values (L, D) and valid (L,)."""
    times = clock_times(start, start + LENGTH, clock_hz)
    inside = (np.arange(start, start + LENGTH) >= 0) & (np.arange(start, start + LENGTH) < frames)
    if track is None or not len(track.time):
        return None, np.zeros(LENGTH, bool)
    value = np.stack([np.interp(times, track.time, column.astype(np.float64)) for column in track.value.T], 1)
    period = 1 / track.rate
    valid = []
    for t in times:
        near = np.flatnonzero(abs(track.time - t) < 1e-6)
        before, after = np.flatnonzero(track.time < t), np.flatnonzero(track.time > t)
        if len(near):
            valid.append(track.valid[near[0]])
        elif not len(before) or not len(after):
            edge = after[0] if len(after) else before[-1]
            valid.append(track.valid[edge] and abs(track.time[edge] - t) <= period * (1 + 1e-6))
        else:
            valid.append(track.valid[before[-1]] and track.valid[after[0]])
    return value, np.array(valid) & inside


@pytest.fixture(scope="module", params=["cached", "stored"])
def dataset(world, request):
    dataset = WindowDataset(
        world.index, world.features, world.labels, cache_bytes=(1 << 30) * (request.param == "cached")
    )
    assert dataset.cached == (request.param == "cached")
    return dataset


def test_frames_are_those_of_the_reference(world, dataset):
    index = world.index
    numbers = np.arange(len(index))[:: 7 if index.per_label == 4 else 1]
    batch = dataset[numbers].interpolate(None)
    values, valids = {}, {}  # by seat, the target first
    for feature, own in batch.target.items():
        partners = batch.partners[feature]
        values[feature] = [own.frames(), *partners.frames().unbind(1)]
        valids[feature] = [own.valid, *partners.valid.unbind(1)]
    for b, window in enumerate(numbers):
        target, start = index.targets[index.target[window]], int(index.start[window])
        inside = (np.arange(start, start + LENGTH) >= 0) & (
            np.arange(start, start + LENGTH) < target.clock_frames
        )
        np.testing.assert_array_equal(batch.frame_valid[b], inside)
        assert batch.partner_present[b].sum() == len(target.partners)
        for seat, name in enumerate(target.seats):
            for feature in world.features:
                track = world.tracks[feature][target.corpus, target.recording, name]
                value, valid = reference(track, index.per_label * 25, start, target.clock_frames)
                got, got_valid = values[feature][seat][b], valids[feature][seat][b]
                np.testing.assert_array_equal(got_valid, valid)
                assert not got[~got_valid].any()
                if valid.any():
                    scale = abs(track.value.astype(np.float64)).max(0)
                    np.testing.assert_allclose(
                        got[got_valid].numpy() / scale, value[valid] / scale, atol=3e-4
                    )
        for empty in range(len(target.partners) + 1, batch.seats + 1):
            assert not valids["voice"][empty][b].any() and not values["voice"][empty][b].any()


def test_labels_are_those_of_the_centre(world, dataset):
    index, step = world.index, world.index.per_label
    batch = dataset[np.arange(len(index))]
    assert batch.label.shape == (len(index), CENTRE // step)
    for b in range(len(index)):
        target = index.targets[index.target[b]]
        track = world.tracks["label"][target.corpus, target.recording, target.participant]
        first = (index.start[b] + CONTEXT) // step
        for f in range(CENTRE // step):
            inside = first + f < target.label_frames
            assert bool(batch.label_valid[b, f]) == (inside and bool(track.valid[first + f]))
            expected = track.value[first + f, 0] if batch.label_valid[b, f] else 0
            assert batch.label[b, f] == expected


def equal(one, other):
    for name in vars(one):
        a, b = getattr(one, name), getattr(other, name)
        pairs = [(a[k], b[k]) for k in a] if isinstance(a, dict) else [(a, b)]
        if not all(x.dtype == y.dtype and torch.equal(x, y) for x, y in pairs):
            return False
    return True


@pytest.fixture(scope="module")
def both(world):
    return [WindowDataset(world.index, world.features, world.labels, cache_bytes=n) for n in (1 << 30, 0)]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_memory_and_files_agree_in_any_composition(world, both, data):
    cached, stored = both
    numbers = data.draw(st.lists(st.integers(0, len(cached) - 1), min_size=1, max_size=9))
    a, b = cached[numbers], stored[numbers]
    assert equal(a, b)
    whole, alone = a.interpolate(None), stored[numbers[-1]].interpolate(None)
    for name in world.features:  # a window does not depend on its neighbours in the batch
        assert torch.equal(whole.target[name].frames()[-1:], alone.target[name].frames())


def test_without_labels_none_is_valid(world):
    batch = WindowDataset(world.index, world.features)[[0, 1]]
    assert not batch.label_valid.any() and not batch.label.any()


def test_workers_and_copies_read_the_same(world):
    stored = WindowDataset(world.index, world.features, world.labels, cache_bytes=0)
    batches = in_order(len(stored), 16)
    here = list(make_loader(stored, batches))
    for other in (
        make_loader(stored, batches, workers=1),
        make_loader(copy.deepcopy(stored), batches),
    ):
        assert all(equal(a, b) for a, b in zip(here, other, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 25), st.integers(0, 5))
def test_every_window_once_a_pass_and_every_batch_full(windows, batch, seed):
    steps = windows * 2  # `batch` passes of two halves
    drawn = [batch_indices(windows, batch, seed, step) for step in range(steps)]
    assert {len(d) for d in drawn} == {batch}
    order = np.concatenate(drawn)
    for at in range(0, len(order), windows):
        assert Counter(order[at : at + windows]) == Counter(range(windows))
    np.testing.assert_array_equal(batch_indices(windows, batch, seed, steps - 1), drawn[-1])


def test_seeds_and_passes_differ():
    assert not np.array_equal(batch_indices(100, 100, 1, 0), batch_indices(100, 100, 2, 0))
    assert not np.array_equal(batch_indices(100, 100, 1, 0), batch_indices(100, 100, 1, 1))
    with pytest.raises(ValueError, match="no windows"):
        batch_indices(0, 4, 1, 0)
    assert [len(b) for b in in_order(10, 4)] == [4, 4, 2] and in_order(0, 4) == []


def test_scaler_has_the_moments_of_the_valid_rows(world):
    dataset = WindowDataset(world.index, world.features)
    scaler = dataset.scaler()
    for name, tracks in world.tracks.items():
        if name == "label":
            continue
        rows = np.concatenate([t.value[t.valid] for t in tracks.values() if t is not None]).astype(np.float64)
        np.testing.assert_allclose(scaler.mean[name], rows.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scaler.std[name], rows.std(0), rtol=1e-5)
    again = Scaler.from_tensors(scaler.tensors())
    assert all(
        torch.equal(again.std[n], scaler.std[n]) and torch.equal(again.mean[n], scaler.mean[n])
        for n in again.std
    )
    batch = dataset[np.arange(len(dataset))]
    plain, scaled = batch.interpolate(None), batch.interpolate(scaler)
    valid, found = plain.target["face"].valid, scaled.target["face"].frames()
    expected = (plain.target["face"].frames() - scaler.mean["face"]) / scaler.std["face"]
    np.testing.assert_allclose(found[valid], expected[valid], atol=1e-4, rtol=1e-4)
    assert not found[~valid].any()


def test_a_constant_column_is_centred_only(tmp_path):
    world = build(tmp_path)
    for track in world.tracks["face"].values():
        if track is not None:
            track.value[:, 2] = np.where(track.valid, 7.0, 0.0)
    for corpus, paths in world.features["face"].items():
        for path in paths:
            names = {key[1] for key in world.tracks["voice"] if (corpus, path.stem) in _home(world, key)}
            write_shard(
                path, {k[1:]: t for k, t in world.tracks["face"].items() if k[0] == corpus and k[1] in names}
            )
    scaler = WindowDataset(world.index, world.features).scaler()
    assert scaler.mean["face"][2] == 7 and scaler.std["face"][2] == 1


def _home(world, key):
    return {(t.corpus, t.shard) for t in world.index.targets if (t.corpus, t.recording) == key[:2]}


def test_a_shard_left_out_is_an_error_not_a_hole(world):
    features = {
        **world.features,
        "face": {**world.features["face"], "noxi": world.features["face"]["noxi"][:1]},
    }
    with pytest.raises(DataError, match="no face of noxi/002"):
        WindowDataset(world.index, features)


def test_columns_must_agree(world, tmp_path):
    with pytest.raises(DataError, match="as in training"):
        WindowDataset(world.index, world.features, dims={"voice": 6, "face": 4, "flow": 1})
    write_shard(tmp_path / "s00.h5", {("026", "subjectPos1"): regular(100, 9, 25.0, 0)})
    other = {**world.features["face"], "mpiigi": [tmp_path / "s00.h5"]}
    with pytest.raises(DataError, match=r"5 columns .*9 columns|9 columns .*5 columns"):
        WindowDataset(world.index, {"face": other})


def test_a_feature_nobody_has_needs_its_dimension(world, tmp_path):
    write_shard(tmp_path / "s00.h5", {("026", "subjectPos1"): None})
    index = world.index.select(lambda target: target.corpus == "mpiigi")
    nothing = {"gaze": {"mpiigi": [tmp_path / "s00.h5"]}}
    with pytest.raises(DataError, match="no track"):
        WindowDataset(index, nothing)
    batch = WindowDataset(index, nothing, dims={"gaze": 4})[[0]].interpolate(None)
    assert batch.target["gaze"].frames().shape == (1, LENGTH, 4) and not batch.target["gaze"].valid.any()
    assert batch.partner_present.all() and batch.partners["gaze"].frames().shape == (1, 3, LENGTH, 4)


def assert_same(found, expected):
    """The same windows with the same frames, labels and partners, whatever room was filled up."""
    assert torch.equal(found.window, expected.window)
    mine, theirs = found.interpolate(None), expected.interpolate(None)
    for name in mine.target:
        assert torch.equal(mine.target[name].frames(), theirs.target[name].frames())
        assert torch.equal(mine.target[name].valid, theirs.target[name].valid)
        of_partners = mine.partners[name].frames()
        assert torch.equal(of_partners[:, : theirs.seats], theirs.partners[name].frames())
        more = slice(theirs.seats, None)
        assert not mine.partners[name].valid[:, more].any() and not of_partners[:, more].any()
    for name in ("label", "label_valid", "frame_valid"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    seats = expected.partner_present.shape[1]
    assert torch.equal(found.partner_present[:, :seats], expected.partner_present)
    assert not found.partner_present[:, seats:].any()


def test_torchs_own_loader_takes_the_windows_as_they_are(dataset):
    loader = DataLoader(dataset, batch_size=5)
    assert len(loader) == -(-len(dataset) // 5)
    for numbers, batch in zip(in_order(len(dataset), 5), loader, strict=True):
        assert_same(batch, dataset[numbers])
    shuffled = torch.cat([b.window for b in DataLoader(dataset, batch_size=4, shuffle=True, num_workers=1)])
    assert sorted(shuffled.tolist()) == list(range(len(dataset)))


def test_windows_gathered_one_by_one_are_joined_to_the_same_batch(dataset):
    """Datasets over datasets ask for single windows: two people in some, four in others, rows as many as each needs."""
    last = len(dataset) - 1
    numbers = [0, last, 3, last - 1]
    (subset,) = DataLoader(Subset(dataset, numbers), batch_size=4)
    assert_same(subset, dataset[numbers])
    both = ConcatDataset([dataset, dataset])
    (batch,) = DataLoader(both, batch_size=4, sampler=[0, len(dataset) + last, 3, last - 1])
    assert_same(batch, dataset[numbers])
    (alone,) = DataLoader(both, batch_size=2, sampler=[0, 1])
    assert_same(alone, dataset[[0, 1]])
