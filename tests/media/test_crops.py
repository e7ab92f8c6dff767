"""Folders of crops: every frame once, in order; what is no picture is told and counts as absent."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectssm.media.crops import CropReader
from affectssm.media.probe import MediaError


def pixels(number: int, side: int = 112) -> np.ndarray:
    """A picture that tells its number: left and right of it differ, and so do its colours."""
    image = np.full((side, side, 3), (number * 7 % 200, 90, 160), np.uint8)
    image[:, side // 2 :] = (20, 200, number * 5 % 200)
    return image


def jpeg(image: np.ndarray, kind: str = "JPEG") -> bytes:
    held = io.BytesIO()
    Image.fromarray(image).save(held, kind, quality=95)
    return held.getvalue()


def write_crops(folder: Path, numbers: list[int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number:05d}.jpg").write_bytes(jpeg(pixels(number)))
    return folder


def seen(reader: CropReader) -> dict[int, bool]:
    return {frame: image is not None for frame, image in reader}


def test_frames_come_in_order_with_gaps(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "a b", [2, 3, 7])
    reader = CropReader(folder)
    found = list(reader)
    assert [frame for frame, _ in found] == list(range(7))
    for frame, image in found:
        assert (image is not None) == (frame + 1 in (2, 3, 7))
        if image is not None:
            assert image.shape == (112, 112, 3) and image.dtype == np.uint8
            assert np.abs(image.astype(int) - pixels(frame + 1)).mean() < 3  # RGB, not BGR
    assert reader.notes == []


def test_there_are_as_many_frames_as_are_asked_for(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "a", [2, 3, 7])
    assert seen(CropReader(folder, 3)) == {0: False, 1: True, 2: True}
    assert (
        list(seen(CropReader(folder, 9)).values())
        == [False, True, True, False, False, False, True] + [False] * 2
    )
    assert seen(CropReader(folder, 9, every=3)) == {0: False, 3: False, 6: True}
    assert seen(CropReader(folder, 0)) == {}


def test_other_names_are_passed_over(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "a", [1, 100000])
    for name in (
        "00000.jpg",
        "2.jpg",
        "000003.jpg",
        "00004.png",
        "00005.jpg.part",
        "._00006.jpg",
        "Thumbs.db",
    ):
        (folder / name).write_bytes(jpeg(pixels(1)))
    assert CropReader(folder).numbers().tolist() == [0, 99999]


def whole() -> bytes:
    return jpeg(np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8))


UNUSABLE = {
    "empty": (b"", "empty"),
    "text": (b"<html>not found</html>", "no JPEG picture"),
    "png": (jpeg(pixels(1), "PNG"), "no JPEG picture"),
    "small": (jpeg(pixels(1, 64)), "64 x 64"),
    "half": (whole()[: len(whole()) // 2], "truncated"),
    "header": (whole()[:20], ""),
    "huge": (whole() + bytes(2 << 20), "bytes"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_file_that_is_no_picture_counts_as_absent(tmp_path: Path, kind: str) -> None:
    data, reason = UNUSABLE[kind]
    folder = write_crops(tmp_path / "a", [1, 2, 3])
    (folder / "00002.jpg").write_bytes(data)
    reader = CropReader(folder)
    assert seen(reader) == {0: True, 1: False, 2: True}
    (note,) = reader.notes
    assert note.code == "crop_unusable" and note.action == "masked"
    assert note.found.startswith("1 of 3 pictures: 00002.jpg (") and reason in note.found
    assert "112 x 112" in note.expected
    assert seen(reader) == {0: True, 1: False, 2: True} and len(reader.notes) == 1, (
        "a second reading says it once"
    )


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "a", [1])
    os.mkfifo(folder / "00002.jpg")
    (folder / "00003.jpg").mkdir()
    (folder / "00004.jpg").symlink_to("/dev/zero")
    (folder / "00005.jpg").symlink_to("nowhere")
    reader = CropReader(folder)
    assert list(seen(reader).values()) == [True] + [False] * 4
    (note,) = reader.notes
    for part in ("4 of 5", "a FIFO", "a folder", "a device"):
        assert part in note.found


def test_many_bad_pictures_make_one_short_note(tmp_path: Path) -> None:
    folder = write_crops(tmp_path / "a", [1])
    for number in range(2, 40):
        (folder / f"{number:05d}.jpg").write_bytes(b"")
    reader = CropReader(folder)
    assert sum(seen(reader).values()) == 1
    (note,) = reader.notes
    assert (
        note.found.startswith("38 of 39 pictures")
        and note.found.endswith("and 33 more")
        and len(note.found) < 200
    )


@pytest.mark.parametrize("seed", range(30))
def test_damaged_bytes_never_stop_the_reader(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    folder = write_crops(tmp_path / "a", [1, 3])
    data = bytearray(whole())
    for place in rng.integers(0, min(len(data), (60, 700, len(data))[seed % 3]), 20):
        data[place] = rng.integers(256)
    (folder / "00002.jpg").write_bytes(data)
    found = seen(CropReader(folder))
    assert found[0] and found[2]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(MediaError, match="folder"):
            list(CropReader(path))
    (tmp_path / "empty").mkdir()
    assert list(CropReader(tmp_path / "empty")) == []
    assert seen(CropReader(tmp_path / "empty", 2)) == {0: False, 1: False}
