"""NoXi and NoXi-Add: every edition's layout ends in the same manifest, and every fault in a row."""

from __future__ import annotations

import dataclasses
import os
import shutil

import pytest
from trees import MM24, MM25, ROWS, SETTINGS, codes, dyad, label, mp4, one, pick, stream, streams, wav

from affectssm.corpora import noxi, noxi_add
from affectssm.errors import DataError
from affectssm.vocabulary.kinds import STREAM_KINDS


def find(root, ground_truth=None, module=noxi, **settings):
    return module.discover(root, ground_truth, SETTINGS.model_copy(update=settings))


def summary(manifest):
    """What must not depend on where the files lie."""
    keep = ("split", "recording", "participant", "kind", "rate", "frames", "dim", "shard", "fold_group")
    return [tuple(getattr(row, name) for name in keep) for row in manifest.rows]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    root = tmp_path_factory.mktemp("reference")
    for split, name in (("train", "001"), ("val", "005"), ("test-base", "010")):
        dyad(root / split / name, labels=split != "test-base")
    return summary(find(root))


LAYOUTS = {
    "root is NoXi": "{split}/{name}",
    "parent of noxi": "noxi/{split}/{name}",
    "beside other corpora": "corpora/NoXi/{split}/{name}",
}


@pytest.mark.parametrize("pattern", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("names", [MM24, MM25], ids=["mm24", "mm25"])
def test_layouts_and_editions_give_one_manifest(tmp_path, reference, pattern, names):
    for split, name in (("train", "001"), ("val", "005"), ("test-base", "010"), ("test-additional", "090")):
        dyad(tmp_path / pattern.format(split=split, name=name), names, labels=split[:4] != "test")
    for other in ("noxi-j/train/101", "NoXi+J/val/121", "Noxi-J/test/127"):
        dyad(tmp_path / other)
    streams(tmp_path / "mpiigroupinteraction/val/008", "subjectPos1", MM25)
    streams(tmp_path / "pinsoro/train-cc/9", "purple", MM25)
    found = find(tmp_path)
    assert summary(found) == reference
    assert codes(found) == ["labels_withheld", "no_raw_media", "no_raw_media"]
    assert {row.recording for row in find(tmp_path, module=noxi_add).rows} == {"090"}


def test_edition_of_2023_with_public_and_private_trees(tmp_path, reference):
    base = tmp_path / "MultiMediate/2023"
    dyad(base / "public/train/001")
    dyad(base / "public/val/005")
    dyad(base / "public/test/010", labels=False)
    for role in ("expert", "novice"):
        label(base / "private/test/010", role)
        stream(base / "public/train/001", f"{role}.audio.gemaps", 58)
    found = find(tmp_path)
    without_labels = [row for row in summary(found) if row[0] != "test-base" or row[3] != "annotation"]
    assert without_labels == reference
    assert one(found, recording="010", participant="novice", kind="annotation").path.startswith(
        "MultiMediate/2023/private"
    )


@pytest.mark.parametrize(
    "pattern", ["noxi/test-base/010", "test-base/010", "engagement-mm26-test/noxi/test-base/010"]
)
def test_ground_truth_of_its_own_root(tmp_path, pattern):
    root, truth = dyad(tmp_path / "noxi/test-base/010", labels=False).parents[1], tmp_path / "truth"
    expected = summary(find(root))
    for role in ("expert", "novice"):
        label(truth / pattern, role, ROWS - 5)
    label(truth / "test-base/099", "expert")
    found = find(root, truth)
    test = one(found, participant="expert", kind="annotation")
    assert (test.base, test.frames, test.path) == (
        "ground_truth",
        ROWS - 5,
        f"{pattern}/expert.engagement.annotation.csv",
    )
    assert [row for row in summary(found) if row[3] != "annotation"] == expected
    assert "labels_withheld" not in codes(found)
    assert codes(found, recording="099") == ["ground_truth_unmatched"]
    assert not pick(find(root), kind="annotation")


def test_ground_truth_inside_the_root_is_not_taken_for_the_corpus(tmp_path):
    dyad(tmp_path / "train/001")
    dyad(tmp_path / "test-base/010", labels=False)
    label(tmp_path / "ground_truth/test-base/010", "expert")
    assert (
        one(find(tmp_path, tmp_path / "ground_truth"), split="test-base", kind="annotation").base
        == "ground_truth"
    )
    assert not pick(find(tmp_path), base="ground_truth")


def test_ground_truth_without_labels_of_the_corpus_and_without_folder(tmp_path):
    dyad(tmp_path / "test-base/010", labels=False)
    (tmp_path / "empty").mkdir()
    assert "ground_truth_unmatched" in codes(find(tmp_path, tmp_path / "empty"))
    with pytest.raises(DataError, match="test labels of NoXi"):
        find(tmp_path, tmp_path / "emty")


def test_rates_are_decided_by_the_label(tmp_path):
    folder = dyad(tmp_path / "train/001")
    stream(folder, "expert.audio.w2vbert2_embeddings", 1024, ROWS, rate=40.0)
    stream(folder, "novice.audio.w2vbert2_embeddings", 1024, ROWS * 40 // 25, rate=40.0)
    found = find(tmp_path)
    assert one(found, participant="expert", kind="w2vbert2").rate == 25.0
    assert one(found, participant="novice", kind="w2vbert2").rate == 40.0
    assert codes(found, stream="w2vbert2") == ["stream_rate_decided"]


def test_rates_are_decided_by_streams_and_media_and_never_by_a_test_label(tmp_path):
    folder = dyad(tmp_path / "noxi/test-base/010", labels=False, rows=200)
    stream(folder, "expert.audio.w2vbert2_embeddings", 1024, 200, rate=40.0)
    label(tmp_path / "truth/noxi/test-base/010", "expert", rows=125)  # 200 rows at 40 Hz
    assert (
        one(find(tmp_path / "noxi", tmp_path / "truth"), participant="expert", kind="w2vbert2").rate == 25.0
    )
    for path in folder.glob("expert.video.*"):
        path.unlink()
    for path in folder.glob("expert.audio.egemapsv2*"):
        path.unlink()
    assert one(find(tmp_path / "noxi"), participant="expert", kind="w2vbert2").rate == 40.0  # no witness
    wav(folder / "expert.audio.wav", 8.0)
    assert one(find(tmp_path / "noxi"), participant="expert", kind="w2vbert2").rate == 25.0


def test_a_label_that_breaks_off_does_not_change_rates(tmp_path):
    folder = dyad(tmp_path / "train/001", rows=500)
    stream(folder, "expert.audio.w2vbert2_embeddings", 1024, 500, rate=40.0)
    label(folder, "expert", 210)
    found = find(tmp_path)
    assert {row.rate for row in pick(found, participant="expert")} == {25.0}
    assert "label_rows_differ" in codes(found, participant="expert")


def test_label_faults_are_reported_and_lengths_compared(tmp_path):
    folder = dyad(tmp_path / "train/001")
    (folder / "expert.engagement.annotation.csv").write_bytes(
        b"0.5\n\n-nan(ind)\n1.5\n\xfc\n" + b"0.5\n" * (ROWS - 4)
    )
    (folder / "novice.engagement.annotation.csv").write_text("")
    (folder / "novice.audio.transcript.annotation.csv").write_bytes(b"0;1;\xe9t\xe9;1\n")
    (folder / "language.annotation.csv").write_bytes(b"0;1;Fran\xe7ais;1\n")
    found = find(tmp_path)
    assert sorted(codes(found, participant="expert")) == [
        "label_not_a_number", "label_out_of_range", "label_rows_differ", "latin1_text",
    ]  # fmt: skip
    assert one(found, participant="expert", kind="annotation").frames == ROWS + 1
    assert codes(found, participant="novice") == ["latin1_text", "label_empty"]
    assert not pick(found, participant="novice", kind="annotation")
    assert {row.language for row in found.rows} == {"Français"}


def test_test_labels_are_counted_and_not_opened(tmp_path):
    dyad(tmp_path / "test-base/010")
    (tmp_path / "test-base/010/expert.engagement.annotation.csv").write_text("nan\nx\n7\n")
    found = find(tmp_path)
    assert one(found, participant="expert", kind="annotation").frames == 3
    assert not [code for code in codes(found) if code.startswith("label")]


def test_stream_faults(tmp_path):
    folder = dyad(tmp_path / "train/001")
    stream(folder, "expert.audio.egemapsv2", 88, ROWS, body_rows=ROWS - 7)
    stream(folder, "expert.video.clip", 512, ROWS, body_rows=ROWS + 2)
    stream(folder, "expert.video.openface2", 715)
    (folder / "expert.video.openpose.stream~").unlink()
    (folder / "novice.video.openpose.stream").unlink()
    stream(folder, "novice.video.openface2", 714, ROWS, body_rows=0)
    header = folder / "novice.video.clip.stream"
    header.write_text(header.read_text().replace("BINARY", "ASCII"))
    found = find(tmp_path)
    assert one(found, participant="expert", kind="egemapsv2").frames == ROWS - 7
    assert one(found, participant="expert", kind="clip").frames == ROWS
    assert [(fault.stream, fault.code) for fault in found.faults.rows if fault.participant == "expert"] == [
        ("openface2", "stream_dim_unexpected"),
        ("openpose", "stream_missing_body"),
        ("clip", "stream_long_body"),
        ("egemapsv2", "stream_short_body"),
    ]
    assert codes(found, participant="novice") == ["stream_bad_header", "stream_empty", "missing_stream"]
    assert "stream_missing_header" in codes(found, recording="001", participant="")
    assert {row.kind for row in pick(found, participant="novice")} == {"annotation", "egemapsv2", "w2vbert2"}


def test_streams_that_are_not_used_are_looked_at(tmp_path):
    folder = dyad(tmp_path / "train/001", MM25, rows=500)
    stream(folder, "expert.xlm_roberta_embeddings", 768, 40)
    stream(folder, "expert.dino", 2304, 500)
    stream(folder, "novice.swin", 768, 500)
    stream(folder, "novice.of_their_own", 3, 5)
    found = find(tmp_path)
    assert codes(found, stream="xlm_roberta_embeddings") == ["stream_low_rate"]
    assert codes(found, stream="dino") == ["stream_dim_unexpected"]
    assert codes(found, stream="openface3") == ["missing_stream"]
    assert {row.kind for row in found.rows} == {"annotation", *STREAM_KINDS}


def test_mixed_editions_keep_the_dimension_most_have(tmp_path):
    for name in ("001", "003"):
        dyad(tmp_path / "train" / name)
    stream(tmp_path / "train/003", "novice.video.openface2", 673)
    found = find(tmp_path)
    assert {row.dim for row in pick(found, kind="openface2")} == {714}
    assert codes(found, recording="003", participant="novice", stream="openface2") == [
        "stream_dim_unexpected"
    ]
    for role in ("expert", "novice"):
        for name in ("001", "003"):
            stream(tmp_path / "train" / name, f"{role}.video.openface2", 673)
    assert {row.dim for row in pick(find(tmp_path), kind="openface2")} == {673}


def test_media_rows_and_what_can_be_wrong_with_them(tmp_path):
    folder = dyad(tmp_path / "train/001", rows=25)
    wav(folder / "expert.audio.wav", 1.0)
    mp4(folder / "expert.video.mp4", 30, fps=30)
    mp4(folder / "novice.video.mp4", 25, sound=True)
    found = find(tmp_path)
    video, audio = (one(found, participant="expert", kind=kind) for kind in ("video", "audio"))
    assert (video.rate, video.frames, video.dim) == (30.0, 30, 0)
    assert (audio.rate, audio.frames, audio.dim, audio.duration_s) == (16000.0, 16000, 1, 1.0)
    assert one(found, participant="novice", kind="audio").path == "train/001/novice.video.mp4"
    assert codes(found) == ["audio_from_video"]
    (folder / "expert.video.mp4").write_bytes((folder / "expert.video.mp4").read_bytes()[:400])
    shutil.copy(folder / "expert.audio.wav", folder / "novice.video.mp4")
    mp4(tmp_path / "silent.mp4", 5)
    shutil.move(tmp_path / "silent.mp4", folder / "expert.audio.wav")
    found = find(tmp_path)
    assert [codes(found, participant="expert", stream=kind) for kind in ("video", "audio")] == [
        ["unreadable_media"],
        ["no_audio_stream"],
    ]
    assert "no_video_stream" in codes(found, participant="novice")
    assert not pick(found, kind="video")


def test_raw_media_alone_and_streams_alone(tmp_path):
    for role in ("expert", "novice"):
        wav(tmp_path / f"train/001/{role}.audio.wav", 2.0)
        label(tmp_path / "train/001", role)
    dyad(tmp_path / "train/003")
    found = find(tmp_path)
    assert {row.kind for row in pick(found, recording="001")} == {"annotation", "audio"}
    assert codes(found, recording="001").count("missing_stream") == 10
    assert codes(found, recording="003") == ["no_raw_media"] * 2
    assert codes(found, recording="", stream="video") == ["no_raw_media"]


def test_who_is_there(tmp_path):
    streams(tmp_path / "train/001", "expert")
    label(tmp_path / "train/001", "expert")
    dyad(tmp_path / "train/003")
    (tmp_path / "train/003/novice.engagement.annotation.csv").unlink()
    stream(tmp_path / "train/003", "s.clip", 512)
    label(tmp_path / "train/004", "expert")
    (tmp_path / "train/notes").mkdir()
    found = find(tmp_path)
    assert "no_partner" in codes(found, recording="001")
    assert len(pick(found, recording="001")) == 6
    assert codes(found, recording="003", participant="novice") == ["missing_annotation"]
    assert codes(found, recording="003", participant="s") == ["unknown_role"]
    assert codes(found, recording="004") == codes(found, recording="notes") == ["not_a_session"]


@pytest.mark.parametrize("name", ["..%2f..%2fx", "a ", "..x", "é" * 40, "0" * 200])
def test_unsafe_names_go_nowhere(tmp_path, name):
    dyad(tmp_path / "train/001")
    dyad(tmp_path / "train" / name)
    found = find(tmp_path)
    assert {row.recording for row in found.rows} == {"001"}
    (fault,) = (fault for fault in found.faults.rows if fault.code == "unsafe_id")
    assert fault.found == ascii(name)
    assert fault.action == "quarantined"


@pytest.mark.parametrize("name", ["a b", "$(touch x)", "-3g5yACwYnA", "vid$_$1", "x;y", "é", "a'b"])
def test_odd_names_are_recordings(tmp_path, name):
    dyad(tmp_path / "train/001")
    dyad(tmp_path / "train" / name)
    found = find(tmp_path)
    assert {row.recording for row in found.rows} == {"001", name}
    assert "unsafe_id" not in codes(found)


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb"])
def test_names_that_cannot_be_shown_are_reported(tmp_path, name):
    dyad(tmp_path / "train/001")
    shutil.copytree(tmp_path / "train/001", tmp_path / "train" / os.fsdecode(name))
    found = find(tmp_path)
    assert {row.recording for row in found.rows} == {"001"}
    assert "unreadable_file" in codes(found)


def test_a_recording_in_two_splits_is_in_none(tmp_path):
    for place in ("train/001", "val/001", "train/003", "test-base/090", "test-additional/090"):
        dyad(tmp_path / place)
    found = find(tmp_path)
    assert {row.recording for row in found.rows} == {"003"}
    assert codes(found, recording="001") == codes(found, recording="090") == ["duplicate_recording"]
    with pytest.raises(DataError, match="duplicate_recording"):
        find(tmp_path, module=noxi_add)


def test_two_files_for_one_stream(tmp_path):
    dyad(tmp_path / "a/noxi/train/001")
    stream(tmp_path / "b/noxi/train/001", "expert.clip", 512, ROWS)
    found = find(tmp_path)
    assert one(found, participant="expert", kind="clip").path.startswith("a/")
    assert codes(found, participant="expert", stream="clip") == ["duplicate_stream"]
    assert "parallel_tree" in codes(found, recording="001")


def test_a_test_label_in_both_roots_is_taken_from_the_ground_truth(tmp_path):
    dyad(tmp_path / "noxi/test-base/010")
    label(tmp_path / "truth/noxi/test-base/010", "expert")
    found = find(tmp_path / "noxi", tmp_path / "truth")
    assert one(found, participant="expert", kind="annotation").base == "ground_truth"
    assert codes(found, participant="expert", stream="annotation") == ["duplicate_stream"]


def test_sessions_of_which_nothing_can_be_used_are_an_error_that_says_why(tmp_path):
    stream(tmp_path / "train/001", "expert.clip", 512).write_text("no header")
    with pytest.raises(DataError, match="stream_bad_header"):
        find(tmp_path)


def test_links_are_followed_and_loops_are_not(tmp_path):
    elsewhere = dyad(tmp_path / "disk2/001")
    (tmp_path / "noxi/train").mkdir(parents=True)
    (tmp_path / "noxi/train/001").symlink_to(elsewhere)
    (tmp_path / "noxi/again").symlink_to(tmp_path / "noxi")
    (tmp_path / "noxi/train/003").symlink_to(tmp_path / "nowhere")
    found = find(tmp_path / "noxi")
    assert {row.recording for row in found.rows} == {"001"}
    assert len(found.rows) == 12


def test_order_is_fixed(tmp_path):
    for name in ("003", "001", "002"):
        dyad(tmp_path / "train" / name)
    found = find(tmp_path)
    order = [(row.split, row.recording, row.participant) for row in found.rows]
    assert order == sorted(order)
    assert found.rows == find(tmp_path).rows


def test_checksums_by_content_and_by_time(tmp_path):
    folder = dyad(tmp_path / "train/001")
    content, times = find(tmp_path), find(tmp_path, checksum="mtime")
    body = folder / "expert.video.clip.stream~"
    values = bytearray(body.read_bytes())
    stamp = body.stat()
    values[5] ^= 1
    body.write_bytes(values)
    changed = find(tmp_path)
    differ = [row.kind for row, old in zip(changed.rows, content.rows, strict=True) if row != old]
    assert differ == ["clip"]
    os.utime(body, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert find(tmp_path, checksum="mtime").rows == times.rows
    assert {row.checksum.partition(":")[0] for row in times.rows} == {"mtime"}
    assert dataclasses.replace(times.rows[0], checksum="") == dataclasses.replace(
        content.rows[0], checksum=""
    )


def test_wrong_roots_name_what_is_nearest(tmp_path):
    (tmp_path / "NoXi").mkdir()
    with pytest.raises(DataError, match=r"no such folder; .* where there is NoXi"):
        find(tmp_path / "NoXy")
    with pytest.raises(DataError, match="an empty folder") as caught:
        find(tmp_path / "NoXi")
    assert "<session>/{expert,novice}" in caught.value.expected
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="a file"):
        find(tmp_path / "file")
    with pytest.raises(DataError, match="the folder holds NoXi, file"):
        find(tmp_path)
    streams(tmp_path / "mpii/val/008", "subjectPos1", MM25)
    with pytest.raises(DataError, match=r"nearest: mpii/val/008 \(files of subjectPos1\)"):
        find(tmp_path)
    with pytest.raises(DataError, match="NoXi-Add"):
        find(tmp_path, module=noxi_add)


def test_who_belongs_to_a_session_is_known_without_a_file_that_can_be_used(tmp_path):
    dyad(tmp_path / "train/001")
    streams(tmp_path / "test-base/010", "expert", MM24)
    (tmp_path / "test-base/011").mkdir()
    (tmp_path / "test-base/011/novice.video.mp4").write_bytes(b"cut off")
    streams(tmp_path / "test-additional/090", "expert", MM24)
    found = find(tmp_path)
    assert {row.recording for row in found.rows} == {"001", "010"}
    both = ["expert", "novice"]
    assert found.seats == {"train": {"001": both}, "test-base": {"010": both, "011": both}}
