"""The demo of Aff-Wild2: made again to the same bytes, with every specimen found, and a truth that shows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from affectssm.corpora.affwild2_tests import read_listed
from affectssm.corpora.demo import affwild2_videos, affwild2_world
from affectssm.corpora.demo.affwild2 import write_affwild2_demo
from affectssm.corpora.demo.affwild2_texts import TEMPLATE
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest
from affectssm.errors import ConfigError, DataError
from affectssm.media.video import VideoReader
from affectssm.settings.corpora import AffWild2Settings
from affectssm.store.parquet import read_parquet
from affectssm.vocabulary.faults import CODES

EDITIONS = ("affwild2", "affwild2-tiny")
AT_EXTRACTION = {"no_picture"}  # what nobody notices before the pictures are opened


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("affwild2")
    for edition in EDITIONS:
        write_affwild2_demo(edition, folder / edition)
    yield folder


def discovered(demos: Path, edition: str) -> Manifest:
    root = demos / edition / "affwild2"
    return discover_corpus("affwild2", root, None, AffWild2Settings(), demos / f"{edition}-out")


def specimens(demos: Path, edition: str) -> list[dict[str, str]]:
    with (demos / edition / "truth" / "specimens.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_is_written_again_to_the_same_bytes(demos: Path, tmp_path: Path) -> None:
    write_affwild2_demo("affwild2-tiny", tmp_path / "again")
    first, again = (
        json.loads((folder / "card.json").read_text())["card"]["extra"]["files"]
        for folder in (demos / "affwild2-tiny", tmp_path / "again")
    )
    assert first == again and len(first) > 700
    write_affwild2_demo("affwild2-tiny", tmp_path / "again")  # in the place of the earlier one
    (tmp_path / "again" / "thesis.txt").write_text("")
    with pytest.raises(DataError, match=r"thesis\.txt"):
        write_affwild2_demo("affwild2-tiny", tmp_path / "again")
    with pytest.raises(ConfigError, match="affwild2-tiny"):
        write_affwild2_demo("affwild2-huge", tmp_path / "huge")


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_specimen_is_found_with_what_was_done(demos: Path, edition: str) -> None:
    faults = {(row.recording, row.participant, row.code) for row in discovered(demos, edition).faults.rows}
    for one in specimens(demos, edition):
        if one["kind"] not in AT_EXTRACTION:
            assert (one["recording"], one["participant"], one["code"]) in faults, one
            assert one["code"] in CODES


def test_the_demo_has_a_specimen_of_every_kind(demos: Path) -> None:
    assert {one["kind"] for one in specimens(demos, "affwild2")} == set(affwild2_videos.KINDS)


@pytest.mark.parametrize(("edition", "people"), [("affwild2", (9, 7, 2)), ("affwild2-tiny", (5, 2, 1))])
def test_all_that_was_planted_is_found(demos: Path, edition: str, people: tuple[int, int, int]) -> None:
    rows = discovered(demos, edition).rows
    found = {(row.split, row.participant) for row in rows}
    planted = {
        (video.split, person) for video in affwild2_videos.layout(edition).videos for person in video.persons
    }
    assert found == planted
    assert tuple(sum(split == one for split, _ in found) for one in ("train", "val", "test")) == people
    assert {row.kind for row in rows} == {"video", "audio", "crops", "annotation", "frame_list"}
    assert {row.rate for row in rows if row.kind != "audio"} == {affwild2_videos.FPS}
    assert len({row.recording for row in rows}) < len(found)  # two people in one video


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_template_lists_every_frame_of_every_test_video(demos: Path, edition: str) -> None:
    listed = read_listed(demos / edition / "affwild2" / TEMPLATE)
    tests = [video for video in affwild2_videos.layout(edition).videos if video.split == "test"]
    assert list(listed.names) == [video.name for video in tests] and not listed.problems
    for video in tests:
        assert listed.frames_of(video.name).tolist() == list(range(1, video.frames + 1))


def test_annotations_say_what_was_planted(demos: Path) -> None:
    truth = read_parquet(demos / "affwild2" / "truth" / "frames.parquet").to_pydict()
    video = affwild2_videos.layout("affwild2").videos[0]
    at = [place for place, person in enumerate(truth["participant"]) if person == video.name]
    value = np.array([[truth[name][place] for name in ("valence", "arousal")] for place in at])
    lines = (
        demos / "affwild2/affwild2/8th ABAW Annotations/VA_Estimation_Challenge/Train_Set/video1.txt"
    ).read_text()
    said = np.array([[float(one) for one in line.split(",")] for line in lines.splitlines()[1:]])
    assert lines.startswith("valence,arousal\n") and len(said) == len(value) + 1
    odd = said[:, 0] > 1
    assert odd.sum() == 1 and np.abs(said[:-1][~odd[:-1]] - value[~odd[:-1]]).max() < 6e-4


def test_valence_and_arousal_show_in_every_crop_and_more_so_over_a_second(demos: Path) -> None:
    """Warmth and contrast, as anyone would measure them, follow what was planted; frames around help."""
    seen, value, noise = [], [], []
    for video in affwild2_videos.layout("affwild2").videos:
        folder = demos / "affwild2/affwild2" / video.cropped / video.name
        if video.persons != (video.name,) or not folder.is_dir() or video.specimens == ("hundreds_more",):
            continue
        truth = affwild2_world.affect(video.name, video.name, video.frames)
        for number in range(50, video.frames - 50, 3):
            picture = cv2.imread(str(folder / f"{number + 1:05d}.jpg"))
            if picture is not None:
                assert picture.shape == (112, 112, 3)
                warmth, contrast = (
                    (picture[..., 2] * 1.0 - picture[..., 0]).mean(),
                    picture.std(axis=(0, 1)).mean(),
                )
                seen.append((warmth, contrast))
                value.append(truth.value[number])
                noise.append(truth.seen[number - 5 : number + 6].mean(axis=0) - truth.value[number])
    seen, value = np.array(seen), np.array(value)
    for column in (0, 1):
        assert np.corrcoef(seen[:, column], value[:, column])[0, 1] > 0.7
        assert abs(np.corrcoef(seen[:, column], value[:, 1 - column])[0, 1]) < 0.5
        assert np.std(np.array(noise)[:, column]) < 0.6 * affwild2_world.SEEN_SD
    assert np.abs(value).max() < 1 and np.std(value, axis=0).min() > 0.4


def test_videos_show_the_people_beside_each_other(demos: Path) -> None:
    videos = {video.name: video for video in affwild2_videos.layout("affwild2").videos if video.place}
    for name, width in (("video10_1", 256), ("video1", 128)):
        reader = VideoReader(demos / "affwild2/affwild2" / videos[name].place)
        pictures = [picture.image for picture in reader]
        assert len(pictures) == videos[name].frames and pictures[0].shape == (128, width, 3)
