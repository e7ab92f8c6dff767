"""Who is predicted, who is a partner, who is left out and why."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.frames import length
from affectssm.timeline.windows import find_targets, holdout
from affectssm.vocabulary.kinds import STREAM_KINDS
from tests.timeline.manifest_rows import RAW, RAW_KINDS, group, session


@pytest.mark.parametrize("seats", [2, 3, 4])
def test_partners_are_all_others_in_the_room(seats):
    targets, missing = find_targets(session("mpiigi", "val", "008", group(seats)), RAW_KINDS, 4, length)
    assert not missing and len(targets) == seats
    for target in targets:
        assert sorted(target.seats) == sorted(group(seats)) and list(target.partners) == sorted(
            target.partners
        )
        assert (target.label_frames, target.clock_frames) == (500, 2000)


def test_a_single_participant_has_no_partner():
    (target,), _ = find_targets(session("noxi", "train", "001", {"expert": RAW}), RAW_KINDS, 1, length)
    assert target.partners == () and target.clock_frames == 500


def test_unlabelled_and_incomplete_people_are_listed_and_stay_partners():
    people = {
        "subjectPos1": RAW,
        "subjectPos2": ("audio", "video"),  # occupied, unlabelled
        "subjectPos3": ("video", "annotation"),  # no sound
        "subjectPos4": STREAM_KINDS,  # no raw media: nothing of this source is known of them
    }
    targets, missing = find_targets(session("mpiigi", "val", "008", people), RAW_KINDS, 4, length)
    assert [target.participant for target in targets] == ["subjectPos1"]
    assert targets[0].partners == ("subjectPos2", "subjectPos3")
    assert {m.participant: m.reason for m in missing} == {
        "subjectPos2": "no annotation",
        "subjectPos3": "no audio",
        "subjectPos4": "no audio, no video, no annotation",
    }


@pytest.mark.parametrize("split", ["test", "test-base", "test-additional"])
def test_test_splits_need_no_labels(split):
    targets, missing = find_targets(
        session("noxi", split, "001", {"expert": STREAM_KINDS}), STREAM_KINDS, 4, length
    )
    assert len(targets) == 1 and not missing


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 999).map("{:03d}".format), min_size=2, max_size=60), st.randoms())
def test_holdout_is_a_fifth_whatever_the_order(recordings, random):
    held = holdout(recordings)
    shuffled = sorted(recordings)
    random.shuffle(shuffled)
    assert holdout(shuffled) == held < recordings
    assert len(held) == max(1, round(len(recordings) / 5))


def test_one_session_cannot_both_train_and_select():
    with pytest.raises(DataError, match="two at least"):
        holdout(["001", "001"])
