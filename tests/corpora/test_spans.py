"""Streams that start late, streams that end apart and partners who are not there as long: said, in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trees import MM25, SETTINGS, dyad, label, mp4, streams, wav

from affectssm.corpora import mpiigi, noxi
from affectssm.corpora.manifest import Manifest
from affectssm.corpora.spans import TOLERANCE
from affectssm.vocabulary.faults import CODES
from tests.media.synthetic import regular, write_media

OURS = {"late_start", "stream_lengths_differ", "partner_short"}


def find(root: Path, module=noxi) -> list[tuple[str, str, str, str, str]]:
    """Participant, stream, code, found and action of our rows."""
    manifest: Manifest = module.discover(root, None, SETTINGS)
    assert {fault.code for fault in manifest.faults.rows} <= set(CODES)
    return [
        (fault.participant, fault.stream, fault.code, fault.found, fault.action)
        for fault in sorted(manifest.faults.rows, key=lambda fault: (fault.participant, fault.stream))
        if fault.code in OURS
    ]


@pytest.mark.parametrize("split", ["train", "test-base"])
def test_a_partner_of_ten_seconds_beside_one_of_thirty_five(tmp_path: Path, split: str) -> None:
    folder = tmp_path / split / "001"
    for role, seconds in (("expert", 35), ("novice", 10)):
        mp4(folder / f"{role}.video.mp4", 25 * seconds)
        wav(folder / f"{role}.audio.wav", seconds)
        if split == "train":
            label(folder, role, 25 * seconds)
    assert find(tmp_path) == [
        ("expert", "extracted", "partner_short", "novice from 0.00 to 10.00 s: 25.00 s of windows without",
         "masked"),
    ]  # fmt: skip


def test_a_partner_of_supplied_streams_is_compared_by_them(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "001"
    for role, rows in (("expert", 100), ("novice", 75)):
        streams(folder, role, MM25, rows)
        label(folder, role, rows)
    assert find(tmp_path) == [
        ("expert", "multimediate", "partner_short", "novice from 0.00 to 3.00 s: 1.00 s of windows without",
         "masked"),
    ]  # fmt: skip


def test_each_partner_of_a_group_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mpiigroupinteraction" / "val" / "008"
    for seat, rows in (("subjectPos1", 100), ("subjectPos2", 100), ("subjectPos3", 50)):
        streams(folder, seat, MM25, rows)
        label(folder, seat, rows)
    assert [(who, found.partition(":")[0]) for who, _, _, found, _ in find(tmp_path, mpiigi)] == [
        ("subjectPos1", "subjectPos3 from 0.00 to 2.00 s"),
        ("subjectPos2", "subjectPos3 from 0.00 to 2.00 s"),
    ]


def test_a_late_start_is_said_of_the_stream_and_of_the_partner(tmp_path: Path) -> None:
    folder = tmp_path / "test-base" / "010"
    folder.mkdir(parents=True)
    write_media(folder / "expert.video.mp4", regular(75, 25, 1.0), np.zeros(64000, np.float32))
    write_media(folder / "novice.video.mp4", regular(75, 25, 1.0))
    found = find(tmp_path)
    assert ("expert", "video", "late_start", "begins at 1.00 s", "masked") in found
    assert ("novice", "video", "late_start", "begins at 1.00 s", "masked") in found
    assert (
        "expert", "extracted", "partner_short", "novice from 1.00 to 4.00 s: 1.00 s of windows without", "masked",
    ) in found  # fmt: skip
    # the expert's sound begins at once: the novice is never without the expert
    assert not [row for row in found if row[0] == "novice" and row[2] == "partner_short"]


def test_sound_and_pictures_that_end_apart_are_said_where_no_label_tells_the_length(tmp_path: Path) -> None:
    folder = tmp_path / "test-base" / "010"
    mp4(folder / "expert.video.mp4", 100)
    wav(folder / "expert.audio.wav", 2.5)
    mp4(folder / "novice.video.mp4", 100)
    wav(folder / "novice.audio.wav", 6.0)
    assert find(tmp_path) == [
        ("expert", "audio", "stream_lengths_differ", "until 2.50 s, 1.50 s less", "masked"),
        ("novice", "audio", "stream_lengths_differ", "until 6.00 s, 2.00 s more", "truncated"),
    ]


def test_what_is_equal_but_for_the_end_of_a_recorder_is_not_worth_a_row(tmp_path: Path) -> None:
    dyad(tmp_path / "train" / "001")
    folder = tmp_path / "test-base" / "010"
    for role, rows in (("expert", 100), ("novice", 100 - TOLERANCE)):
        mp4(folder / f"{role}.video.mp4", rows)
        wav(folder / f"{role}.audio.wav", rows / 25)
    assert find(tmp_path) == []
