"""MPIIGroupInteraction: parallel trees, seats that stay empty, no training part."""

from __future__ import annotations

import pytest
from trees import MM25, ROWS, SETTINGS, codes, label, mp4, one, pick, stream, streams, wav

from affectssm.corpora import mpiigi
from affectssm.errors import DataError


def find(root, ground_truth=None):
    return mpiigi.discover(root, ground_truth, SETTINGS)


def group(root, split, name, seats=(1, 2, 3, 4), labels=True):
    """A session in the parallel trees participants see."""
    base = root / "mpii/MultiMediate25" / split
    for number in seats:
        streams(base / f"precomputed-features-{split}" / name, f"subjectPos{number}", MM25)
        if labels:
            label(base / f"engagement-annotations-{split}" / name, f"subjectPos{number}")
    return base


def test_parallel_trees_are_put_together(tmp_path):
    base = group(tmp_path, "val", "008", labels=True)
    group(tmp_path, "test", "001", labels=False)
    mp4(base / "originalAudioVideo-val/008/subjectPos2.mp4", 50)
    wav(base / "originalAudioVideo-val/008/subjectPos2.wav", 2.0)
    found = find(tmp_path)
    assert {row.kind for row in pick(found, recording="008", participant="subjectPos2")} == {
        "video", "audio", "annotation", *("egemapsv2", "w2vbert2", "clip", "openface2", "openpose"),
    }  # fmt: skip
    assert one(found, recording="008", participant="subjectPos1", kind="annotation").path == (
        "mpii/MultiMediate25/val/engagement-annotations-val/008/subjectPos1.engagement.annotation.csv"
    )
    assert {row.split for row in found.rows} == {"val", "test"}
    assert codes(found, code="parallel_tree", recording="008") == ["parallel_tree"]
    assert not codes(found, code="not_a_session")
    for root in ("mpii", "mpii/MultiMediate25"):
        assert [row.frames for row in find(tmp_path / root).rows] == [row.frames for row in found.rows]


def test_flat_layout_and_ground_truth(tmp_path):
    for number in (1, 2, 3):
        streams(tmp_path / "mpiigroupinteraction/test/001", f"subjectPos{number}", MM25)
        label(tmp_path / "truth/mpiigroupinteraction/test/001", f"subjectPos{number}", ROWS - 1)
    found = find(tmp_path / "mpiigroupinteraction", tmp_path / "truth")
    assert [row.base for row in pick(found, kind="annotation")] == ["ground_truth"] * 3
    assert "empty_seat" in codes(found, participant="subjectPos4")


def test_seats(tmp_path):
    base = group(tmp_path, "val", "026", seats=(2, 3, 4))
    group(tmp_path, "test", "001", seats=(1, 2, 3), labels=False)
    for name in ("clip", "openpose"):
        stream(
            tmp_path / "mpii/MultiMediate25/test/precomputed-features-test/001",
            f"subjectPos4.{name}",
            MM25[name],
        )
    stream(base / "precomputed-features-val/026", "s.clip", 512)
    (base / "engagement-annotations-val/026/subjectPos2.engagement.annotation.csv").unlink()
    label(tmp_path / "truth/test/001", "subjectPos4")  # the same people with and without the test labels
    found = find(tmp_path / "mpii")
    assert len(find(tmp_path / "mpii", tmp_path / "truth").rows) == len(found.rows)
    assert codes(found, recording="026", participant="subjectPos1") == ["empty_seat"]
    assert codes(found, recording="001", participant="subjectPos4") == ["visual_without_audio"] * 2
    assert {row.participant for row in pick(found, recording="001")} == {f"subjectPos{n}" for n in (1, 2, 3)}
    assert codes(found, recording="026", participant="s") == ["unknown_role"]
    assert codes(found, recording="026", participant="subjectPos2") == ["missing_annotation"]
    assert len(pick(found, recording="026", participant="subjectPos2")) == 5
    assert "no_partner" not in codes(found)


def test_a_corpus_without_any_sound_has_no_empty_chairs(tmp_path):
    for number in (1, 2, 3):
        stream(tmp_path / "test/001", f"subjectPos{number}.clip", 512)
    found = find(tmp_path)
    assert len(found.rows) == 3
    assert "visual_without_audio" not in codes(found)


def test_a_train_folder_is_not_part_of_it(tmp_path):
    streams(tmp_path / "train/001", "subjectPos1", MM25)
    with pytest.raises(DataError, match="MPIIGroupInteraction"):
        find(tmp_path)
