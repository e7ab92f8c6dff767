"""Chunks cover a track once, with context; its level is measured as if it were one piece."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affectssm.features.chunks import Level, plan_chunks
from affectssm.media.audio import AudioBlock


@given(st.integers(0, 500), st.integers(3, 60), st.data())
def test_every_frame_is_kept_once_with_its_context(frames: int, length: int, data: st.DataObject) -> None:
    context = data.draw(st.integers(0, (length - 1) // 2))
    plan = plan_chunks(frames, length, context)
    kept = [frame for chunk in plan for frame in range(chunk.keep_first, chunk.keep_last)]
    assert kept == list(range(frames))
    for chunk in plan:
        assert 0 <= chunk.first <= chunk.keep_first < chunk.keep_last <= chunk.last <= frames
        assert chunk.last - chunk.first == plan[0].last <= min(length, frames)
        assert chunk.first == 0 or chunk.keep_first - chunk.first >= context
        assert chunk.last == frames or chunk.last - chunk.keep_last >= context


def test_overlap_is_all_that_is_computed_twice() -> None:
    plan = plan_chunks(30_000, 1000, 75)  # ten minutes in passes of 20 s with 1.5 s of context
    assert sum(chunk.last - chunk.first for chunk in plan) <= 30_000 + 150 * (len(plan) - 1) + len(plan)
    assert len(plan) == 36


def test_the_level_of_blocks_is_that_of_the_whole() -> None:
    wave = np.random.default_rng(0).normal(0.1, 0.3, 5003).astype(np.float32)
    cuts = [0, 1, 7, 1000, 1004, 3333, 5003]
    level = Level.of((AudioBlock(wave[a:b], a) for a, b in pairwise(cuts)), window=10, hop=5)
    seen = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), 10)[::5]
    assert level.samples == 5003
    np.testing.assert_allclose([level.mean, 1 / level.scale], [wave.mean(), wave.std()], rtol=1e-5)
    np.testing.assert_allclose(level.window_mean, seen.mean(0))
    np.testing.assert_allclose(level.window_cov, np.cov(seen.T, bias=True), atol=1e-12)


def test_an_empty_track_has_a_level() -> None:
    level = Level.of([], window=10, hop=5)
    assert (level.samples, level.peak) == (0, 0.0)
    assert np.isfinite(level.scale)
