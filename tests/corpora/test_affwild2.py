"""Aff-Wild2's discovery on made-up trees: who is found where, and what is told of what is odd."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.corpora.affwild2_files import recording_of
from affectssm.corpora.affwild2_tests import read_listed
from affectssm.corpora.complete import check_complete
from affectssm.corpora.demo.media import write_video
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.errors import ConfigError, DataError
from affectssm.settings.corpora import AffWild2Settings

SETS = "8th ABAW Annotations/VA_Estimation_Challenge"
LIST = "names_of_videos_in_each_test_set/Valence_Arousal_Estimation_Challenge_test_set_release.txt"
TEMPLATE = "CVPR_8th_ABAW_VA_test_set_sample.txt"
# the owner's list of videos with two people
TWO_PEOPLE = (
    "10-60-1280x720", "video59", "video2", "30-30-1920x1080", "46-30-484x360", "52-30-1280x720", "135-24-1920x1080",
    "video55", "video74", "130-25-1280x720", "49-30-1280x720", "6-30-1920x1080", "video10_1", "video29", "video49",
    "video5",
)  # fmt: skip


class Tree:
    """A root in the owner's layout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, path: str, lines: Iterable[str]) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines))

    def annotation(self, name: str, rows: int = 6, folder: str = f"{SETS}/Train_Set") -> None:
        self.text(f"{folder}/{name}.txt", ["valence,arousal", *["0.1,-0.2"] * rows])

    def crops(self, name: str, numbers: Iterable[int] = range(1, 7), folder: str = "cropped_aligned") -> None:
        (self.root / folder / name).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            (self.root / folder / name / f"{number:05d}.jpg").write_bytes(b"a picture")

    def video(self, path: str, frames: int = 6, fps: int = 10, sound: bool = False) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pictures = [np.full((32, 48, 3), 40 * number, np.uint8) for number in range(frames)]
        write_video(file, pictures, np.ones(16000 * frames // fps, np.int16) if sound else None, fps=fps)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A root with one person in training and one in validation, with crops and without videos."""
    made = Tree(tmp_path / "Aff Wild 2")
    made.annotation("video1")
    made.annotation("video3", folder=f"{SETS}/Validation_Set")
    made.crops("video1")
    made.crops("video3")
    return made


def found(tree: Tree, *lacks: str, **settings: Any) -> Manifest:
    given = AffWild2Settings(lacks=lacks or ("videos", "test"), **settings)
    return discover_corpus("affwild2", tree.root, None, given, tree.root.parent / "out")


def rows_of(manifest: Manifest, name: str) -> dict[str, StreamRow]:
    return {row.kind: row for row in manifest.rows if row.participant == name}


def told(manifest: Manifest, code: str) -> list[tuple[str, str, str]]:
    return [(row.recording, row.participant, row.action) for row in manifest.faults.rows if row.code == code]


def text_of(manifest: Manifest, code: str) -> str:
    return "; ".join(f"{row.found} / {row.expected}" for row in manifest.faults.rows if row.code == code)


def test_a_person_has_crops_and_labels_at_the_rate_of_the_video(tree: Tree) -> None:
    tree.video("batch1/video1.mp4", frames=6, fps=20, sound=True)
    manifest = found(tree, "test")
    rows = rows_of(manifest, "video1")
    assert list(rows) == ["video", "audio", "crops", "annotation"]
    assert {row.split for row in rows.values()} == {"train"}
    assert {(row.recording, row.fold_group) for row in rows.values()} == {("video1", "video1")}
    for kind in ("video", "crops", "annotation"):
        assert (rows[kind].rate, rows[kind].frames) == (20, 6) and rows[kind].duration_s == pytest.approx(0.3)
    assert rows["crops"].path == "cropped_aligned/video1" and rows["crops"].bytes == 6 * len(b"a picture")
    assert rows["annotation"].dim == 2 and rows["audio"].dim == 1 and rows["audio"].rate == 16000
    assert rows_of(manifest, "video3")["crops"].split == "val"


@pytest.mark.parametrize(
    "folder",
    [
        f"{SETS}/Train_Set", "VA_Set/Training_Set", "VA_Set/Train_Set", "a b/c/va_estimation_challenge/training_set",
    ],
)  # fmt: skip
def test_annotations_lie_in_folders_of_several_spellings(tmp_path: Path, folder: str) -> None:
    tree = Tree(tmp_path / "root")
    tree.annotation("135", folder=folder)
    tree.crops("135")
    manifest = found(tree, "val", "videos", "test")
    assert {row.participant for row in manifest.rows} == {"135"}


def test_other_challenges_folders_are_none_of_it(tree: Tree) -> None:
    tree.text("8th ABAW Annotations/EXPR_Recognition_Challenge/Train_Set/video9.txt", ["Neutral,Anger", "4"])
    tree.text("8th ABAW Annotations/AU_Detection_Challenge/Train_Set/video9.txt", ["AU1,AU2", "0,1"])
    tree.text(f"{SETS}/Train_Set/._video1.txt", ["Mac OS X"])
    tree.text(
        "names_of_videos_in_each_test_set/Expression_Recognition_Challenge_test_set_release.txt", ["video1"]
    )
    manifest = found(tree)
    assert {row.participant for row in manifest.rows} == {"video1", "video3"}
    assert {row.code for row in manifest.faults.rows} == {"rate_from_name"}


def test_videos_are_found_by_their_stems_in_any_place_and_container(tree: Tree) -> None:
    tree.annotation("122-60-1920x1080-1")
    tree.video("batch2/video1.avi")
    tree.video("new_vids/video3.mp4")
    tree.video("deep er/down/122-60-1920x1080-1.AVI".replace("AVI", "avi"))
    manifest = found(tree, "test")
    paths = {row.participant: row.path for row in manifest.rows if row.kind == "video"}
    assert paths == {
        "video1": "batch2/video1.avi",
        "video3": "new_vids/video3.mp4",
        "122-60-1920x1080-1": "deep er/down/122-60-1920x1080-1.avi",
    }


def test_crops_lie_in_two_folders_and_those_that_are_not_aligned_are_left(tree: Tree) -> None:
    tree.annotation("135")
    tree.crops("135", folder="cropped_aligned_new_50_vids")
    tree.crops("video1", folder="cropped")
    manifest = found(tree)
    assert rows_of(manifest, "135")["crops"].path == "cropped_aligned_new_50_vids/135"
    assert rows_of(manifest, "video1")["crops"].path == "cropped_aligned/video1"


@pytest.mark.parametrize("stem", TWO_PEOPLE)
def test_two_people_of_one_video_share_a_recording(stem: str) -> None:
    assert {recording_of(name) for name in (stem, f"{stem}_left", f"{stem}_right")} == {stem}


def test_two_people_of_one_video_share_its_file_and_its_fold(tree: Tree) -> None:
    for name in ("video10_1", "video10_1_right", "video10"):
        tree.annotation(name)
        tree.crops(name)
    tree.video("batch1/video10_1.mp4")
    tree.video("batch1/video10.mp4", frames=4)
    manifest = found(tree, "test")
    assert {row.participant: row.fold_group for row in manifest.rows if row.kind == "crops"} == {
        "video1": "video1", "video3": "video3", "video10": "video10", "video10_1": "video10_1",
        "video10_1_right": "video10_1",
    }  # fmt: skip
    assert rows_of(manifest, "video10_1_right")["video"].path == "batch1/video10_1.mp4"
    assert rows_of(manifest, "video10")["video"].frames == 4
    assert told(manifest, "shared_video") == [("video10_1", "", "decided")]
    assert len({row.shard for row in found(tree, "test", shards=8).rows if row.recording == "video10_1"}) == 1


@pytest.mark.parametrize("other", ["video1", "video1_right"])
def test_a_recording_in_two_splits_is_left_out_with_both_people(tree: Tree, other: str) -> None:
    tree.annotation(other, folder=f"{SETS}/Validation_Set")
    tree.crops(other)
    manifest = found(tree)
    assert {row.recording for row in manifest.rows} == {"video3"}
    assert told(manifest, "duplicate_recording") == [("video1", "", "quarantined")]
    assert "in train, val" in text_of(manifest, "duplicate_recording")


def test_a_test_video_that_is_annotated_for_training_is_left_out(tree: Tree) -> None:
    tree.text(LIST, ["video1_left"])
    tree.crops("video1_left")
    manifest = found(tree, "videos")
    assert {row.recording for row in manifest.rows} == {"video3"}
    assert "in test, train" in text_of(manifest, "duplicate_recording")


def test_test_videos_come_from_the_list_and_from_the_template(tree: Tree) -> None:
    tree.text(LIST, ["", "video5", "", "  ", "4", "video6", "video5", ""])
    frames = [("4", 1), ("4", 2), ("video7", 3), ("video7", 1), ("4", 9)]
    tree.text(
        TEMPLATE, ["image_location,valence,arousal", *(f"{name}/{n:05d}.jpg,0,0" for name, n in frames), "x"]
    )
    for name in ("video5", "4", "video7"):
        tree.crops(name)
    manifest = found(tree, "videos")
    tests = {row.participant for row in manifest.rows if row.split == "test"}
    assert tests == {"video5", "4", "video7"}
    assert told(manifest, "listed_without_files") == [("video6", "video6", "quarantined")]
    assert {name for name, _, _ in told(manifest, "test_list_differs")} == {"video5", "video6", "video7"}
    assert {action for *_, action in told(manifest, "test_list_lines")} == {"ignored"}
    assert "3 blank lines" in text_of(manifest, "test_list_lines")
    assert "'video5' more than once" in text_of(manifest, "test_list_lines")
    assert "1 lines without a picture" in text_of(manifest, "test_list_lines")
    listed = rows_of(manifest, "4")
    assert set(listed) == {"crops", "frame_list"}  # and no label
    assert (listed["frame_list"].path, listed["frame_list"].frames) == (TEMPLATE, 3)
    assert listed["crops"].frames == 9  # every frame that is listed has its place in time
    template = read_listed(tree.root / TEMPLATE)
    named = [template.names[video] for video in template.video]
    assert list(zip(named, template.number.tolist(), strict=True)) == list(frames)
    assert template.frames_of("video7").tolist() == [3, 1] and not len(template.frames_of("video5"))


def test_frames_that_are_listed_far_beyond_the_video_do_not_lengthen_it(tree: Tree) -> None:
    tree.text(TEMPLATE, ["image_location,valence,arousal", "video5/00007.jpg,0,0", "video6/999999.jpg,0,0"])
    for name in ("video5", "video6"):
        tree.crops(name)
    manifest = found(tree, "videos")
    assert {name: rows_of(manifest, name)["crops"].frames for name in ("video5", "video6")} == {
        "video5": 7, "video6": 11,
    }  # fmt: skip
    assert told(manifest, "test_list_differs") == [("video6", "video6", "truncated")]
    assert rows_of(manifest, "video6")["frame_list"].frames == 1


def test_a_test_part_without_a_template_has_its_videos_alone(tree: Tree) -> None:
    tree.text(LIST, ["video5"])
    tree.crops("video5", [2, 8])
    assert [(row.kind, row.frames) for row in found(tree, "videos").rows if row.split == "test"] == [
        ("crops", 8)
    ]


@pytest.mark.parametrize(("rows", "code"), [(6, ""), (7, "small"), (4, "small"), (200, "large"), (0, "")])
def test_rows_that_differ_by_a_few_are_told_once_and_by_hundreds_each(
    tree: Tree, rows: int, code: str
) -> None:
    tree.video("batch1/video1.mp4", frames=6)
    tree.video("batch1/video3.mp4", frames=6)
    if rows:
        tree.annotation("video1", rows=rows)
    manifest = found(tree, "test")
    names = [participant for _, participant, _ in told(manifest, "label_rows_differ")]
    assert names == {"": [], "small": [""], "large": ["video1"]}[code]
    if code == "large":
        text = text_of(manifest, "label_rows_differ")
        assert "200 rows" in text and "6 frames of the video, pictures up to 6" in text
    if code == "small":
        assert f"1 by {rows - 6:+d}" in text_of(manifest, "label_rows_differ")
    assert rows_of(manifest, "video1")["crops"].frames == (rows or 6)
    assert not told(manifest, "picture_gaps")


@pytest.mark.parametrize(("last", "odd"), [(6, False), (9, False), (40, True)])
def test_pictures_beyond_the_annotation_are_told_without_a_video(tree: Tree, last: int, odd: bool) -> None:
    tree.crops("video1", range(1, last + 1))
    assert bool([one for one in told(found(tree), "label_rows_differ") if one[1]]) == odd


def test_gaps_in_the_numbering_are_counted(tree: Tree) -> None:
    tree.annotation("video1", rows=12)
    (tree.root / "cropped_aligned/video1/00003.jpg").unlink()
    manifest = found(tree)
    assert "7 of 12 frames without a picture, in 2 runs, the longest of 6" in text_of(
        manifest, "picture_gaps"
    )
    assert told(manifest, "picture_gaps") == [("video1", "video1", "masked")]


@pytest.mark.parametrize(
    ("lines", "code", "action"),
    [
        (["Neutral,Anger,Disgust", "1"], "label_other_challenge", "quarantined"),
        (["AU1,AU2", "1,0"], "label_other_challenge", "quarantined"),
        (["valence,arousal", "-5,-5"], "label_empty", "quarantined"),
        (["arousal,valence", "0.1,0.2"], "label_header", "decided"),
        (["valence,arousal", "0.1,1.2", "0,0"], "label_out_of_range", "masked"),
        (["valence,arousal", "-5,0.2", "0,0"], "label_invalid", "masked"),
        (["valence,arousal", "a,b", "0,0"], "label_not_a_number", "masked"),
    ],
)
def test_an_annotation_that_is_odd(tree: Tree, lines: list[str], code: str, action: str) -> None:
    tree.text(f"{SETS}/Train_Set/video1.txt", lines)
    manifest = found(tree)
    assert told(manifest, code) == [("video1", "video1", action)]
    assert ("video1" in {row.participant for row in manifest.rows}) == (action != "quarantined")
    assert rows_of(manifest, "video3")


def test_a_validation_person_stays_expected_without_a_file_that_can_be_used(tree: Tree) -> None:
    for name, folder in (
        ("video8", "Validation_Set"),
        ("video9_left", "Validation_Set"),
        ("video5", "Train_Set"),
    ):
        tree.annotation(name, folder=f"{SETS}/{folder}")
    tree.text(f"{SETS}/Validation_Set/video7.txt", ["AU1,AU2", "1,0"])
    tree.crops("video7")
    manifest = found(tree)
    assert not {"video7", "video8", "video9_left"} & {row.participant for row in manifest.rows}
    expected = {"video7": ["video7"], "video8": ["video8"], "video9": ["video9_left"]}
    assert manifest.seats["val"].items() >= expected.items()
    assert set(manifest.seats) == {"val"}


def test_a_folder_without_pictures_leaves_the_video(tree: Tree) -> None:
    tree.crops("video5", [])
    tree.annotation("video5")
    tree.video("batch1/video5.mp4")
    manifest = found(tree, "test")
    assert set(rows_of(manifest, "video5")) == {"video", "annotation"}
    assert told(manifest, "no_pictures") == [("video5", "video5", "quarantined")]


def test_a_name_without_any_file_is_told(tree: Tree) -> None:
    tree.annotation("video5")
    manifest = found(tree)
    assert told(manifest, "listed_without_files") == [("video5", "video5", "quarantined")]


def test_a_part_that_is_held_is_missed_where_it_is_not_there(tree: Tree) -> None:
    tree.video("batch1/video1.mp4")
    assert told(found(tree, "test"), "no_raw_media") == [("video3", "video3", "ignored")]
    assert not told(found(tree, "test", "videos"), "no_raw_media")


def test_a_rate_without_a_video_is_the_names_or_thirty(tree: Tree) -> None:
    tree.annotation("122-60-1920x1080-1")
    tree.crops("122-60-1920x1080-1")
    manifest = found(tree)
    assert rows_of(manifest, "122-60-1920x1080-1")["annotation"].rate == 60
    assert rows_of(manifest, "video1")["annotation"].rate == 30
    assert len(told(manifest, "rate_from_name")) == 2


def test_a_video_that_cannot_be_read_leaves_the_crops(tree: Tree) -> None:
    tree.video("batch1/video3.mp4")
    (tree.root / "batch1/video1.mp4").write_bytes(b"no video")
    manifest = found(tree, "test")
    assert set(rows_of(manifest, "video1")) == {"crops", "annotation"}
    assert told(manifest, "unreadable_media") or told(manifest, "unreadable_file")


def test_the_newest_edition_of_annotations_is_taken(tree: Tree) -> None:
    tree.annotation("video1", rows=5, folder="10th ABAW Annotations/VA_Estimation_Challenge/Train_Set")
    manifest = found(tree)
    assert rows_of(manifest, "video1")["annotation"].path.startswith("10th")
    assert "1 annotations in several folders" in text_of(manifest, "duplicate_stream")


def test_media_that_nobody_names_are_told_once(tree: Tree) -> None:
    tree.video("batch1/video1.mp4")
    tree.video("batch1/video90.mp4")
    tree.crops("video91")
    assert len(told(found(tree, "test"), "unlisted_media")) == 2


def test_the_same_files_give_the_same_rows(tree: Tree) -> None:
    assert found(tree).rows == found(tree).rows
    assert found(tree, "test", "videos", checksum="mtime").rows[0].checksum.startswith("mtime:")


def test_a_root_that_lacks_a_part_says_which(tree: Tree) -> None:
    with pytest.raises(DataError, match=r"without test, videos.*") as caught:
        check_complete("affwild2", tree.root, AffWild2Settings())
    assert "lacks: [test, videos]" in str(caught.value)
    assert check_complete("affwild2", tree.root, AffWild2Settings(lacks=("test", "videos"))).counts == {
        "train": 1, "val": 1, "crops": 2,
    }  # fmt: skip
    with pytest.raises(DataError, match=r"did you mean .*Aff Wild 2"):
        check_complete("affwild2", tree.root / "cropped_aligned", AffWild2Settings(lacks=("test", "videos")))


def test_a_root_with_two_copies_is_refused(tmp_path: Path) -> None:
    for copy in ("a", "b"):
        tree = Tree(tmp_path / "root" / copy)
        tree.annotation("video1")
        tree.crops("video1")
    with pytest.raises(DataError, match="more than once"):
        check_complete("affwild2", tmp_path / "root", AffWild2Settings(lacks=("val", "test", "videos")))


def test_a_root_of_something_else_is_one_clear_error(tmp_path: Path) -> None:
    root = tmp_path / "else"
    (root / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="nobody that can be used"):
        found(Tree(root), "train", "val", "test", "videos", "crops")
    with pytest.raises(ConfigError):
        discover_corpus("affwild2", root, tmp_path, AffWild2Settings(lacks=("train",)), tmp_path / "out")
