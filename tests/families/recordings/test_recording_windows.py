"""Windows of own recordings: who is predicted, with whom, on which clock; labels by their times."""

from __future__ import annotations

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.families.recordings.stages.data import open_own
from affectssm.families.recordings.stages.foreseen import missing
from affectssm.families.recordings.stages.frames import frames_of, per_label_of, placed
from affectssm.families.recordings.stages.people import read_division, read_people
from affectssm.store.parquet import read_parquet
from affectssm.store.track import Track
from affectssm.timeline.index import read_windows
from tests.families.recordings.small_recordings import HZ, PEOPLE, One, manifest_rows, truth, write_world

KINDS = {"labels": "annotation", "kinds": {"both": ["audio", "video"]}, "folds": 3}


def test_whoever_has_labels_and_any_medium_is_predicted_beside_all_who_are_there(own):
    targets = {target.recording: target for target in read_windows(own.windows / "labelled.parquet").targets}
    assert sorted(targets) == ["mute", "sit", "stand", "talk", "walk"]
    assert targets["talk"].partners == ("ben",) and targets["mute"].partners == ()
    assert targets["walk"].label_frames == 60 and targets["walk"].clock_frames == 120  # 20 Hz of labels at 10
    (row,) = read_parquet(own.windows / "missing.parquet").to_pylist()
    assert (row["recording"], row["reason"]) == ("blank", "no audio, no video")
    assert read_people(own.windows)["mute", "one"] == {"video"}
    parts = read_division(own.windows)
    for part in parts.values():
        assert ("sit" in part.report) is ("stand" in part.report)


def test_labels_lie_where_their_times_say(own):
    index, held = read_windows(own.windows / "labelled.parquet"), read_people(own.windows)
    windows = open_own(index, own.features, ["wav2vec2", "optical_flow"], held)
    known = {one.recording: one for one in PEOPLE if one.who != "ben"}
    for number, target in enumerate(index.targets):
        one = known[target.recording]
        value, valid = windows.label_track(number)
        first = round(one.starts * HZ)
        wanted = np.ones(len(value), bool)
        wanted[:first] = wanted[first + 20 : first + 22] = False
        assert np.array_equal(valid, wanted), one
        np.testing.assert_allclose(value[valid], truth(one)[valid], rtol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 0.5, 0.02, -0.02, 0.48])
def test_a_time_is_of_one_label_frame_whether_it_is_its_start_or_its_middle(offset):
    value = np.arange(200, dtype=np.float32)[:, None]
    track = Track(value, (np.arange(200) + offset) / 24.975, np.ones(200, bool), 24.975)
    found, valid = placed(track, 24.975, 200)
    assert valid.all() and np.array_equal(found, value)


def test_a_medium_that_somebody_lacks_is_masked(own):
    index, held = read_windows(own.windows / "labelled.parquet"), read_people(own.windows)
    windows = open_own(index, own.features, ["wav2vec2", "optical_flow"], held)
    mute = [number for number, target in enumerate(index.targets) if target.recording == "mute"]
    batch = windows[np.flatnonzero(np.isin(index.target, mute))]
    assert not batch.valid["wav2vec2"].any() and batch.valid["optical_flow"].any()


def test_a_feature_that_nobody_has_is_left_out_and_one_that_is_gone_is_named(own, tmp_path):
    index, held = read_windows(own.windows / "labelled.parquet"), read_people(own.windows)
    mute = index.select(lambda target: target.recording == "mute")
    assert list(open_own(mute, own.features, ["wav2vec2", "optical_flow"], held).dims) == ["optical_flow"]
    world = write_world(tmp_path)
    gone = world.features[0] / "wav2vec2/s00.h5"
    gone.unlink()
    with pytest.raises(DataError, match=r"wav2vec2/s00\.h5(.|\n)*make them again: snakemake"):
        open_own(index, world.features, ["wav2vec2", "optical_flow"], held)


def test_the_clock_is_a_whole_number_of_frames_a_label():
    rows = manifest_rows([One("a")])
    assert [per_label_of(rows, hz) for hz in (1.0, 10.0, 24.0, 26.0)] == [1, 1, 2, 3]
    assert frames_of(("x",), 32, 32, 3).centre == 33 and frames_of(("x",), 0, 4, 25).centre == 25


def test_what_will_be_missing_is_said_before_anything_runs(own):
    assert list(missing(KINDS, own.manifests)) == ["both: blank/one (no audio, no video)"]


def test_too_few_recordings_and_a_part_without_media_stop_before_anything_runs(tmp_path):
    few = write_world(tmp_path / "some")
    alone = tmp_path / "alone" / "manifest.parquet"
    for people, said in (
        ([One("a"), One("b")], "2 recordings"),
        (
            [One("a"), One("b", lacks=("audio", "video")), One("c", lacks=("audio", "video"))],
            "none of the recordings",
        ),
    ):
        from affectssm.corpora.manifest import write_manifest

        write_manifest(alone, manifest_rows(people), {"id": "x", "settings": {}, "extra": {}})
        with pytest.raises(DataError, match=said):
            list(missing(KINDS, [alone]))
    assert few.windows.is_dir()
