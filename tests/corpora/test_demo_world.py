"""The planted truth: the law holds, the latents are what they are said to be, taking a term away costs its share."""

from __future__ import annotations

import numpy as np
import pytest

from affectssm.corpora.demo import dialogue_sessions, truth, world


@pytest.fixture(scope="module")
def worlds():
    return {session.key: truth.session_world(session) for session in dialogue_sessions.sessions("demo")}


@pytest.fixture(scope="module")
def planted(worlds):
    return truth.planted(dialogue_sessions.sessions("demo"), worlds)


def test_engagement_follows_the_law_with_the_partners_lag(worlds):
    dialogue = worlds["noxi/001"]
    drive = np.log(dialogue.engagement["expert"] / (1 - dialogue.engagement["expert"])) / world.SLOPE
    heard = dialogue.za["novice"]
    shares = [world.WEIGHT_AUDIO, world.WEIGHT_VISUAL]
    own = np.stack([world.at_labels(dialogue.za["expert"]), world.at_labels(dialogue.zv["expert"])], axis=1)
    rest = drive - own @ shares

    def left(lag: int) -> float:
        return float(np.std(rest - world.WEIGHT_PARTNER * world.at_labels(heard, lag)))

    assert left(world.PAD) == pytest.approx(world.NOISE_SD, rel=0.25)
    assert left(world.PAD) < min(left(0), left(world.PAD // 2))


def test_group_members_hear_the_mean_of_the_others(worlds):
    group = worlds["mpiigi/002"]
    others = [world.at_labels(group.za[f"subjectPos{seat}"], world.PAD) for seat in (2, 3, 4)]
    np.testing.assert_allclose(group.terms("subjectPos1")[:, 2], np.mean(others, axis=0))


def test_latents_are_independent_smooth_and_bounded(worlds):
    for session in dialogue_sessions.sessions("demo"):
        if session.seconds < world.DECORRELATE_FROM_S:
            continue
        drawn = worlds[session.key]
        latents = np.stack([*drawn.za.values(), *drawn.zv.values()])
        assert np.abs(latents).max() <= world.RANGE
        np.testing.assert_allclose(np.corrcoef(latents), np.eye(len(latents)), atol=0.06)
        np.testing.assert_allclose(latents.std(axis=1), 1, atol=0.08)
    long = worlds["noxi/001"].za["expert"]
    after_lag, after_second = (np.corrcoef(long[:-step], long[step:])[0, 1] for step in (world.PAD, 100))
    assert after_lag > 0.93
    assert 0.2 < after_second < 0.75


def test_labels_stay_within_their_range_and_use_it(worlds):
    everything = np.concatenate([label for drawn in worlds.values() for label in drawn.engagement.values()])
    assert everything.min() > 0
    assert everything.max() < 1
    assert everything.std() > 0.15


@pytest.mark.parametrize("part", ["noxi/val", "noxi/test-base", "noxi_add/test-additional"])
def test_taking_a_term_away_costs_what_was_planted(planted, part):
    found = planted["ccc"][part]
    assert found["full"] > 0.95
    # a regression that misses a share q of the variance reaches 2 (1 - q) / (2 - q)
    assert found["without_partner"] == pytest.approx(1.2 / 1.6, abs=0.06)
    assert found["without_za"] == pytest.approx(1.4 / 1.7, abs=0.06)
    assert found["without_zv"] == pytest.approx(1.4 / 1.7, abs=0.06)
    assert found["drop_partner"] == pytest.approx(found["full"] - found["without_partner"])


def test_the_law_holds_in_groups_when_it_is_fitted_on_dyads(planted):
    for part in ("mpiigi/val", "mpiigi/test"):
        assert planted["ccc"][part]["full"] > 0.95
        assert planted["ccc"][part]["drop_partner"] > 0.05
