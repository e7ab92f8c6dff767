"""Segments with samples that do not count: kept as they are, and scaled by those that do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.store.card import make_card
from affectssm.timeline.segment_format import SegmentFormat
from affectssm.timeline.segment_writer import Cut, write_index, written_segments
from affectssm.timeline.segments import BLOCK, ChannelScaler, SegmentStore

KEPT = SegmentFormat("corpus", "person", "item", "number", ("gaze", "voice"), ("mood",), "answer")
SHAPES = {"gaze": (3, 5), "voice": (2, 4)}
ITEMS = BLOCK + 40  # more than a block


def made(path: Path, masked: bool, seed: int = 0) -> tuple[SegmentStore, np.ndarray, np.ndarray, np.ndarray]:
    """A store of items, and the gaze that was written of them: values, valid samples, and who has it."""
    rng = np.random.default_rng(seed)
    there, card = rng.random(ITEMS) < 0.8, make_card("test", ["affectssm.timeline.segment_writer"], {})
    valid = (rng.random((ITEMS, 5)) < 0.6) & there[:, None]
    valid[BLOCK // 2 : BLOCK] &= rng.random((BLOCK - BLOCK // 2, 1)) < 0.2
    value = 100 + np.array([1, 10, 0])[:, None] * rng.normal(size=(ITEMS, 3, 5))
    value = np.where(valid[:, None], value, 0).astype(np.float32)
    with written_segments(path, KEPT, SHAPES, card, masked=masked) as file:
        for at in range(ITEMS):
            cuts = {"gaze": Cut(value[[at]], np.array([True]), valid[[at]])} if there[at] else {}
            if at != 1:  # without ``valid``: all of what is there counts
                cuts["voice"] = Cut(np.ones((1, 2, 4), np.float32), np.array([True]))
            file.append(
                {"corpus": "c", "shard": "s00", "person": "p", "item": f"{at:03d}", "mood": 0.0}, 1, 1.0, cuts
            )
    write_index(path.with_suffix(".parquet"), KEPT, file.rows, card)
    return SegmentStore([path], KEPT), value, valid, there


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory):
    return made(tmp_path_factory.mktemp("masked") / "s00.h5", masked=True)


def test_what_counts_is_kept_in_the_order_that_is_asked_for(masked) -> None:
    store, value, valid, there = masked
    order = np.random.default_rng(1).permutation(ITEMS)[:77]
    order = np.concatenate([order, order[:3]])
    assert np.array_equal(store.valid("gaze", order), valid[order])
    assert np.array_equal(store.values("gaze", order), value[order])
    assert np.array_equal(store.index.there["gaze"], there)
    assert store.valid("voice", np.arange(3)).tolist() == [[True] * 4, [False] * 4, [True] * 4]


def test_scaling_is_learnt_on_the_valid_samples_alone(masked) -> None:
    store, value, valid, _ = masked
    learnt = np.arange(5, ITEMS)
    scaler = ChannelScaler.learn(store, learnt, ["gaze"])
    own = value[learnt].transpose(0, 2, 1)[valid[learnt]].astype(np.float64)
    np.testing.assert_allclose(scaler.mean["gaze"][:, 0], own.mean(axis=0), rtol=1e-12)
    wanted = own.std(axis=0)
    wanted[2] = 1.0  # it stands still
    np.testing.assert_allclose(scaler.std["gaze"][:, 0], wanted, rtol=1e-9)


def test_a_modality_without_a_valid_sample_is_not_scaled(masked) -> None:
    store, _, _, there = masked
    scaler = ChannelScaler.learn(store, np.flatnonzero(~there), ["gaze"])
    assert not scaler.mean["gaze"].any() and (scaler.std["gaze"] == 1).all()


def test_where_no_samples_are_kept_all_of_what_is_there_count(tmp_path: Path) -> None:
    store, _, _, there = made(tmp_path / "s00.h5", masked=False)
    assert np.array_equal(store.valid("gaze", np.arange(ITEMS)), np.repeat(there[:, None], 5, axis=1))
