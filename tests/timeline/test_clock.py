"""Clock frames against np.interp, and the rules of validity."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from affectssm.media.spacing import gather
from affectssm.timeline.clock import clock_times, ratio, to_labels


def interpolated(value, index, phase):
    after = np.minimum(index + 1, len(value) - 1)
    return (1 - phase) * value[index] + phase * value[after]


@st.composite
def tracks(draw):
    """An irregular track: rate, times that increase by 0.3 to 1.7 periods, a start that is late or early."""
    rate = draw(st.floats(2, 60))
    steps = draw(st.lists(st.floats(0.3, 1.7), min_size=1, max_size=40))
    time = draw(st.floats(-0.5, 0.5)) + np.cumsum(steps) / rate
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return rate, time, rng.normal(size=len(time))


@settings(max_examples=60, deadline=None)
@given(tracks(), st.sampled_from([25, 100]))
def test_values_are_those_of_np_interp(track, clock_hz):
    rate, time, value = track
    times = clock_times(0, int((time[-1] + 1) * clock_hz) + 1, clock_hz)
    index, phase, valid = gather(time, np.ones(len(time), bool), times, 1 / rate)
    expected = np.interp(times, time, value)
    np.testing.assert_allclose(interpolated(value, index, phase), expected, atol=2e-3)
    inside = (times >= time[0] - 1 / rate) & (times <= time[-1] + 1 / rate)
    assert (phase >= 0).all() and (phase < 1).all()
    # steps stay below two periods, so only the ends decide; one rounding step at the border is not judged
    border = np.minimum(abs(times - time[0] + 1 / rate), abs(times - time[-1] - 1 / rate)) < 1e-3 / rate
    np.testing.assert_array_equal(valid[~border], inside[~border])


@settings(max_examples=40, deadline=None)
@given(tracks(), st.data())
def test_a_frame_is_valid_only_between_valid_neighbours(track, data):
    rate, time, _ = track
    valid = np.array(data.draw(st.lists(st.booleans(), min_size=len(time), max_size=len(time))))
    times = np.linspace(time[0], time[-1], 50)
    index, phase, frame_valid = gather(time, valid, times, 1 / rate)
    after = np.minimum(index + 1, len(time) - 1)
    np.testing.assert_array_equal(frame_valid, valid[index] & ((phase == 0) | valid[after]))


@settings(max_examples=30, deadline=None)
@given(tracks(), st.integers(0, 30), st.integers(1, 40))
def test_a_window_is_a_slice_of_the_whole(track, start, length):
    rate, time, _ = track
    valid = np.arange(len(time)) % 5 > 0
    whole = gather(time, valid, clock_times(0, 80, 25), 1 / rate)
    part = gather(time, valid, clock_times(start, start + length, 25), 1 / rate)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[start : start + length], b)


def test_rows_on_the_clock_need_no_neighbour():
    time = clock_times(0, 1000, 25) + 1e-12  # as a sum of floats has it
    valid = np.arange(1000) % 2 == 0
    index, phase, frame_valid = gather(time, valid, clock_times(0, 1000, 25), 1 / 25)
    np.testing.assert_array_equal(index, np.arange(1000))
    assert not phase.any()
    np.testing.assert_array_equal(frame_valid, valid)


def test_a_lost_row_leaves_a_hole_and_the_ends_are_held_for_one_period():
    time = np.array([1.0, 1.1, 1.3, 1.4])  # 1.2 is lost
    times = np.array([0.85, 0.95, 1.05, 1.15, 1.25, 1.3, 1.35, 1.45, 1.55])
    _, _, valid = gather(time, np.ones(4, bool), times, 0.1)
    assert valid.tolist() == [False, True, True, False, False, True, True, True, False]


@pytest.mark.parametrize("rows", [0, 1])
def test_tracks_without_neighbours(rows):
    index, phase, valid = gather(
        np.full(rows, 0.5), np.ones(rows, bool), np.array([0.3, 0.5, 0.55, 0.7]), 0.1
    )
    assert not index.any() and not phase.any()
    assert valid.tolist() == ([False, True, True, False] if rows else [False] * 4)


def test_label_frames_are_means_of_their_clock_frames():
    frames = torch.arange(32.0).repeat(2, 1)
    assert to_labels(frames, 4).tolist() == [[1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]] * 2
    assert torch.equal(to_labels(frames, 1), frames)
    np.testing.assert_array_equal(to_labels(frames.numpy(), 4), to_labels(frames, 4).numpy())
    embedded = frames[..., None] * torch.tensor([1.0, 2.0])
    assert torch.equal(to_labels(embedded, 4, axis=1)[..., 1], 2 * to_labels(frames, 4))
    with pytest.raises(ValueError, match="30 Hz"):
        ratio(30, 25)
