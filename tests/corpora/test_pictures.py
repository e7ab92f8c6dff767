"""Folders of numbered pictures: what is counted, what they hash to, and how a listing passes them by."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora.checksums import ChangedError, check_unchanged, fingerprint
from affectssm.corpora.listing import listing_fingerprint, walk
from affectssm.corpora.pictures import Pictures, read_pictures
from affectssm.media.numbered import number_of, picture_name
from tests.features.helpers import row

NAMES = "cropped.*"


def folder(root: Path, numbers: list[int], size: int = 3) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (root / f"{number:05d}.jpg").write_bytes(b"x" * (size + number))
    return root


def test_numbers_sizes_and_what_is_no_picture(tmp_path: Path) -> None:
    made = folder(tmp_path / "a", [7, 2, 100000])
    for name in ("00000.jpg", "3.jpg", "000007.jpg", "00003.JPG", "00004.png", "Thumbs.db"):
        (made / name).write_bytes(b"")
    (made / "00005.jpg").mkdir()
    (made / "00006.jpg").symlink_to(made / "nowhere")
    found = read_pictures(made)
    assert found.numbers.tolist() == [2, 7, 100000]
    assert found.size == 3 * 3 + 2 + 7 + 100000
    assert found.others == ["00000.jpg", "000007.jpg", "00003.JPG", "00004.png", "3.jpg", "Thumbs.db"]
    assert found.unusable == [
        ("00005.jpg", "a folder, no regular file"),
        ("00006.jpg", "No such file or directory"),
    ]


def test_names_and_numbers_lead_back() -> None:
    for number in (1, 99999, 100000, 999_999):
        assert number_of(picture_name(number)) == number
    assert not any(
        map(number_of, ("00000.jpg", "1.jpg", "000001.jpg", "1000000.jpg", "00001.JPG", "00001.png"))
    )


@pytest.mark.parametrize("seed", range(20))
def test_gaps_are_those_of_a_walk_over_all_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 40))
    there = rng.random(frames + 5) < rng.choice([0.2, 0.8])
    runs, run = [], 0
    for frame in range(frames):
        if there[frame]:
            runs, run = runs + [run] * (run > 0), 0
        else:
            run += 1
    runs += [run] * (run > 0)
    numbers = (np.flatnonzero(there) + 1).astype(np.int32)
    assert Pictures(numbers, 0, {}, [], []).gaps(frames) == (sum(runs), len(runs), max(runs, default=0))


@pytest.mark.parametrize("method", ["sha256", "mtime"])
def test_a_folder_hashes_to_names_and_sizes_and_to_times_where_they_are_asked_for(
    tmp_path: Path, method: str
) -> None:
    made = folder(tmp_path / "a", [1, 2, 3])
    before = fingerprint([made], method)
    assert before.startswith(f"{method}:") and fingerprint([made], method) == before
    os.utime(made / "00002.jpg", ns=(1, 1))
    assert (fingerprint([made], method) == before) == (method == "sha256")
    again = fingerprint([made], method)
    (made / "00002.jpg").rename(made / "00004.jpg")
    assert fingerprint([made], method) != again


@pytest.mark.parametrize("method", ["sha256", "mtime"])
def test_pictures_that_are_not_those_of_the_manifest_are_refused(tmp_path: Path, method: str) -> None:
    made = folder(tmp_path / "a", [1, 2])
    held = read_pictures(made)
    known = replace(row("a", "crops"), bytes=held.size, checksum=held.checksums[method])
    check_unchanged(known, tmp_path)
    (made / "00002.jpg").rename(made / "00003.jpg")
    with pytest.raises(ChangedError, match="another set of pictures"):
        check_unchanged(known, tmp_path)
    (made / "00001.jpg").unlink()
    with pytest.raises(ChangedError, match=f"{held.size} bytes, as the manifest says"):
        check_unchanged(known, tmp_path)
    (made / "00003.jpg").unlink()
    made.rmdir()
    with pytest.raises(ChangedError, match="No such file"):
        check_unchanged(known, tmp_path)


def test_a_listing_tells_folders_of_pictures_and_does_not_enter_them(tmp_path: Path) -> None:
    folder(tmp_path / "cropped_aligned" / "cropped_aligned" / "a", [1, 2])  # unpacked into its own name
    folder(tmp_path / "Cropped" / "b", [1])
    folder(tmp_path / "batch1" / "c", [1])
    (tmp_path / "cropped_aligned" / "notes.txt").write_text("")
    listing = walk(tmp_path, (".jpg", ".txt"), pictures=NAMES)
    assert [entry.rel for entry in listing.folders] == ["Cropped/b", "cropped_aligned/cropped_aligned/a"]
    assert [entry.rel for entry in listing.files] == ["batch1/c/00001.jpg", "cropped_aligned/notes.txt"]


def test_a_picture_that_comes_or_goes_changes_the_cheap_look(tmp_path: Path) -> None:
    made = folder(tmp_path / "cropped_aligned" / "a", [1])
    os.utime(made, ns=(0, 0))
    before = listing_fingerprint(tmp_path, (".txt",), pictures=NAMES)
    assert listing_fingerprint(tmp_path, (".txt",), pictures=NAMES) == before
    folder(made, [2])
    assert listing_fingerprint(tmp_path, (".txt",), pictures=NAMES) != before
