"""Who learns, who selects, who is reported: videos stay whole."""

from __future__ import annotations

import pytest

from affectssm.errors import DataError
from affectssm.families.video.stages import train as training
from affectssm.families.video.stages.folds import Division, divide
from affectssm.families.video.stages.train import indexes, train
from affectssm.timeline.index import read_windows
from tests.families.video.small_videos import VIDEOS, run_settings

LABELLED = [video for video in VIDEOS if video.split != "test" and "crops" not in video.without]
PEOPLE = {(video.name, person) for video in LABELLED for person in video.names}


@pytest.fixture
def targets(world):
    return read_windows(world.windows / "labelled.parquet").targets


def videos_of(people):
    return {recording for recording, _ in people}


def test_the_official_split_reports_the_owners_validation_videos(targets):
    found = divide(targets, 0, 3)
    assert videos_of(found.report) == {video.name for video in LABELLED if video.split == "val"}
    assert videos_of(found.learn | found.select) == {v.name for v in LABELLED if v.split == "train"}
    assert found.learn | found.select | found.report == PEOPLE


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_cross_validation_reports_every_video_once(targets, folds):
    found = [divide(targets, fold, folds) for fold in range(1, folds + 1)]
    shown = [recording for one in found for recording in sorted(videos_of(one.report))]
    assert sorted(shown) == sorted(video.name for video in LABELLED)
    sizes = [len(videos_of(one.report)) for one in found]
    assert max(sizes) - min(sizes) <= 1
    learnt = {recording for one in found for recording in videos_of(one.learn)}
    assert learnt & {video.name for video in LABELLED if video.split == "val"}


@pytest.mark.parametrize("fold", [0, 1, 2, 3])
@pytest.mark.parametrize("selection", ["inner", "reported"])
def test_two_people_of_one_video_are_on_one_side(targets, fold, selection):
    found = divide(targets, fold, 3, selection)
    for video in ("video2", "video10_1"):
        sides = [side for side in (found.learn, found.select, found.report) if video in videos_of(side)]
        assert len({frozenset(side) for side in sides}) == 1
        assert {f"{video}_left", f"{video}_right"} == {who for name, who in sides[0] if name == video}
    assert found.learn and found.select and found.learn.isdisjoint(found.select | found.report)
    assert (found.select == found.report) == (selection == "reported")
    assert found.learn | found.select | found.report == PEOPLE


def test_folds_are_the_same_in_any_order(targets):
    for fold in range(4):
        assert divide(targets, fold, 3) == divide(targets[::-1], fold, 3)


def test_fewer_videos_than_folds_are_a_clear_error(targets):
    with pytest.raises(DataError, match="12 videos") as error:
        divide(targets, 1, 13)
    assert "video.cross_folds" in error.value.remedy


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_side_without_anybody_is_an_error(targets, split):
    with pytest.raises(DataError, match="people to learn from"):
        divide([target for target in targets if target.split == split], 0, 3)


def test_a_run_learns_from_nobody_it_selects_on_or_reports(world):
    for fold in range(4):
        learnt, selecting, division = indexes(run_settings(fold), world.windows)
        seen = {target.recording for target in learnt.targets}
        assert seen == videos_of(division.learn)
        assert {target.recording for target in selecting.targets} == videos_of(division.select)
        assert seen.isdisjoint(videos_of(division.select | division.report))


@pytest.mark.parametrize("side", ["select", "report"])
def test_people_dealt_instead_of_videos_fail_the_run(world, tmp_path, monkeypatch, side):
    """As the released code deals them."""

    def by_person(targets, fold, cross_folds, selection):
        people = sorted((target.recording, target.participant) for target in targets)
        beside = frozenset(one for one in people if one[1].endswith("_left"))
        others = frozenset(one for one in people if one[0] == "video12")
        sides = (beside, others) if side == "select" else (others, beside)
        return Division(fold, frozenset(people) - beside - others, *sides)

    monkeypatch.setattr(training, "divide", by_person)
    with pytest.raises(DataError, match=r"2 videos on both sides: video10_1, video2") as error:
        train(run_settings(2), world.windows, world.features, tmp_path / "1", {})
    assert error.value.where == "fold 2" and "not people" in error.value.remedy
    assert not (tmp_path / "1").exists()
