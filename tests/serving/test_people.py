"""Several people in one video: each has a track of their own, and keeps it."""

from __future__ import annotations

import csv
from contextlib import closing

import numpy as np
import pytest

from affectssm.corpora.manifest import read_manifest
from affectssm.features.facebox import BOX
from affectssm.serving.given import given
from affectssm.serving.people import Watched
from affectssm.serving.tracks import extract, needed
from affectssm.settings.base import at_scale
from affectssm.settings.features import SCALES, Features, settings_of
from affectssm.store.faults import read_faults
from affectssm.store.shards import ShardReader
from tests.serving.made_media import ONE, OTHER, SIZE, pictures, real, side_by_side, write_video

pytestmark = real
FACES = {"min_confidence": 0.5, "zoom": 1}
DARK = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("both") / "both.mp4", side_by_side(30))


def lines(work):
    return list(csv.DictReader((work / "people.csv").open()))


def test_each_person_is_a_participant_with_a_track(both, tmp_path):
    manifest = given([both], [], "all", tmp_path, faces=FACES)
    assert [(row.participant, row.kind) for row in read_manifest(manifest)] == [
        ("p1", "video"),
        ("p2", "video"),
    ]
    with ShardReader(tmp_path / "features" / "face_track" / "s00.h5") as reader:
        for name, low, high in (("p1", 0, SIZE[0]), ("p2", SIZE[0], 2 * SIZE[0])):
            track = reader.track("both", name)
            assert track.valid.all()
            middle = track.value[:, BOX][:, 0] + track.value[:, BOX][:, 2] / 2
            assert (low < middle).all()
            assert (middle < high).all()
            assert np.allclose(track.time, (np.arange(30) + 0.5) / 25, atol=1e-3)
    assert [(one["participant"], one["pictures"]) for one in lines(tmp_path)] == [("p1", "30"), ("p2", "30")]
    sizes = [int(one["mean_area_px"]) for one in lines(tmp_path)]
    assert sizes[1] > 1.3 * sizes[0]


def test_the_largest_is_who_covers_most_and_features_are_of_that_face(both, tmp_path):
    manifest = given([both], [], "largest", tmp_path, faces=FACES)
    assert [(one["participant"], one["pictures"]) for one in lines(tmp_path)] == [("", "30"), ("p1", "30")]
    features = at_scale(Features, SCALES["demo"])
    names = ["landmark_flow"]
    folder = extract(manifest, names, {name: settings_of(name, features) for name in needed(names)}, tmp_path)
    with ShardReader(folder / "landmark_flow" / "s00.h5") as reader:
        assert reader.keys() == [("both", "p1")]
    with ShardReader(folder / "face_track" / "s00.h5") as reader:
        assert (reader.track("both", "p1").value[:, 0] > SIZE[0] - 20).all()


def test_who_leaves_and_comes_back_elsewhere_is_the_same(tmp_path):
    one, other = pictures(ONE, 12), pictures(OTHER, 36)
    scenes = [np.concatenate([a, b], 1) for a, b in zip(one, other[:12], strict=True)]
    scenes += [np.concatenate([DARK, b], 1) for b in other[12:24]]
    scenes += [np.concatenate([b, a], 1) for a, b in zip(one, other[24:], strict=True)]  # they changed sides
    path = write_video(tmp_path / "sides.mp4", scenes)
    with closing(Watched(path, FACES)) as watched:
        assert len(watched.people) == 2
        first, second = watched.people
        assert len(first.pictures) >= 22
        assert set(range(12, 24)).isdisjoint(first.pictures.tolist())
        assert len(second.pictures) >= 33
        track = np.concatenate([block.value for block in watched.track(first)])
        assert track[5, 0] < SIZE[0] < track[32, 0] + track[32, 2]


def test_a_video_without_a_face_has_one_participant_whose_track_is_not_valid(tmp_path):
    path = write_video(tmp_path / "dark.mp4", [DARK] * 10)
    manifest = given([path], [], "all", tmp_path, faces=FACES)
    assert [row.participant for row in read_manifest(manifest)] == ["p1"]
    with ShardReader(tmp_path / "features" / "face_track" / "s00.h5") as reader:
        track = reader.track("dark", "p1")
        assert len(track.valid) == 10
        assert not track.valid.any()
    faults = read_faults(tmp_path / "features" / "face_track" / "s00.faults.parquet")
    assert [fault.code for fault in faults] == ["no_face"]


def test_a_face_that_is_seen_briefly_is_nobodys(tmp_path):
    one, other = pictures(ONE, 40), pictures(OTHER, 40)
    scenes = [
        np.concatenate([a, b if at < 6 else DARK], 1)
        for at, (a, b) in enumerate(zip(one, other, strict=True))
    ]
    with closing(Watched(write_video(tmp_path / "brief.mp4", scenes), FACES)) as watched:
        assert [len(one.pictures) for one in watched.people] == [40]
        assert [note.code for note in watched.notes] == ["brief_face"]


def test_a_killed_call_goes_on_with_the_next_recording(both, tmp_path, monkeypatch):
    second = write_video(tmp_path / "second.mp4", [DARK] * 5)
    watched: list[str] = []

    class Killed(Watched):
        def __init__(self, path, settings):
            watched.append(path.stem)
            if path.stem == "second" and len(watched) == 2:
                raise KeyboardInterrupt
            super().__init__(path, settings)

    monkeypatch.setattr("affectssm.serving.people_tracks.Watched", Killed)
    with pytest.raises(KeyboardInterrupt):
        given([both, second], [], "all", tmp_path / "work", faces=FACES)
    manifest = given([both, second], [], "all", tmp_path / "work", faces=FACES)
    assert watched == ["both", "second", "second"]
    assert [(row.recording, row.participant) for row in read_manifest(manifest)] == [
        ("both", "p1"), ("both", "p2"), ("second", "p1"),
    ]  # fmt: skip
