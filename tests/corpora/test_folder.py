"""Own recordings: tables, names of files, splits and groups, and whatever may be wrong with any of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.folder_pattern import compiled
from affectssm.corpora.manifest import Manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.extract import Shard, extract_shard
from affectssm.media.video import VideoReader
from affectssm.settings.folder import FolderCorpusSettings
from affectssm.settings.load import validate
from affectssm.store.faults import read_faults
from affectssm.store.shards import ShardReader, Track
from tests.corpora.trees import codes, mp4, one, pick, wav

FACES = Path(__file__).resolve().parents[3] / "shared/media/face"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two recordings of two people, of two seconds each, with labels."""
    root = tmp_path / "root"
    for name in ("s1", "s2"):
        for who in ("anna", "ben"):
            (root / "media").mkdir(parents=True, exist_ok=True)
            mp4(root / f"media/{name}_{who}.mp4", 20, 10)
            wav(root / f"media/{name}_{who}.wav", 2)
            label(root / f"labels/{name}_{who}.csv")
    return root


def label(path: Path, seconds: float = 2, scale: float = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = range(int(10 * seconds))
    path.write_text("time,engagement\n" + "".join(f"{scale * row / 10:g},{row % 10 / 10}\n" for row in rows))


LINES = [
    f"{name},{who},media/{name}_{who}.mp4,media/{name}_{who}.wav,labels/{name}_{who}.csv,{split}"
    for name, split in (("s1", "train"), ("s2", "val"))
    for who in ("anna", "ben")
]
HEAD = "recording,participant,video,audio,labels,split"


def table(root: Path, lines: list[str], head: str = HEAD, name: str = "t.csv") -> None:
    (root / name).write_text("\n".join([head, *lines]) + "\n")


def found(root: Path, **told: Any) -> Manifest:
    settings = FolderCorpusSettings(root=str(root), **({"table": "t.csv"} | told))
    return discover_corpus("folder", root, None, settings, root.parent / "out")


def tracks(root: Path, feature: str, **labels: Any) -> tuple[dict[tuple[str, str], Track], list[str]]:
    out = root.parent / "out"
    told = FolderCorpusSettings(root=str(root), table="t.csv", labels=labels).told_of_labels
    extract_shard(
        feature, Shard(out / "manifest.parquet", "s00", root), told, out / "f.h5", out / "f.parquet"
    )
    with ShardReader(out / "f.h5") as reader:
        return {key: reader.track(*key) for key in reader.keys()}, [  # noqa: SIM118
            fault.code for fault in read_faults(out / "f.parquet")
        ]


def of(manifest: Manifest, code: str) -> list[Any]:
    return [fault for fault in manifest.faults.rows if fault.code == code]


# -- tables -------------------------------------------------------------------------------------------------------


def test_a_table_gives_everybody_rows_splits_and_partners(root: Path) -> None:
    table(root, LINES)
    manifest = found(root)
    assert not manifest.faults.rows
    assert len(manifest.rows) == 4 * 3
    row = one(manifest, recording="s2", participant="ben", kind="annotation")
    assert (row.split, row.path, row.rate, row.frames, row.dim) == ("val", "labels/s2_ben.csv", 10.0, 20, 1)
    assert row.fold_group == "s2"
    assert manifest.seats == {"train": {"s1": ["anna", "ben"]}, "val": {"s2": ["anna", "ben"]}}


@pytest.mark.parametrize("form", ["semicolons", "tabs", "excel", "parquet", "utf-16", "bars"])
def test_a_table_may_come_from_any_program(root: Path, form: str) -> None:
    lines = [HEAD.title().replace("Split", " Split "), *LINES, ",,,,,"]
    text = "\n".join(lines)
    content = {
        "semicolons": "\r\n".join(lines).replace(",", ";").encode(),
        "tabs": text.replace(",", "\t").encode(),
        "excel": ("\ufeffsep=;\r\n" + "\r\n".join(lines).replace(",", ";").replace("/", "\\")).encode(),
        "utf-16": text.replace(",", "\t").encode("utf-16"),
        "bars": text.replace(",", "|").encode(),
        "parquet": b"",
    }[form]
    (root / "t.csv").write_bytes(content)
    if form == "parquet":
        columns = dict(
            zip(HEAD.split(","), zip(*(line.split(",") for line in LINES), strict=True), strict=True)
        )
        pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), root / "t.parquet")
    manifest = found(root, table="t.parquet" if form == "parquet" else "t.csv")
    assert set(codes(manifest)) == ({"wide_text"} if form == "utf-16" else set())
    assert len(manifest.rows) == 12


def test_what_a_table_does_not_say_has_a_default(root: Path) -> None:
    table(root, ["media/s1_anna.mp4", "media/s2_ben.mp4"], "video")
    manifest = found(root)
    assert {(row.recording, row.participant, row.split) for row in manifest.rows} == {
        ("s1_anna", "one", "all"), ("s2_ben", "one", "all")
    }  # fmt: skip
    assert set(codes(manifest)) == {"missing_annotation", "unmatched_files"}
    (rest,) = of(manifest, "unmatched_files")
    assert rest.found.startswith("6: ")


def test_columns_that_are_not_known_are_named(root: Path) -> None:
    table(root, LINES, HEAD.replace("participant", "particpant"))
    with pytest.raises(DataError, match="unknown column 'particpant'") as caught:
        found(root)
    assert "did you mean participant?" in caught.value.remedy
    table(root, LINES, HEAD.replace("split", "audio"))
    with pytest.raises(DataError, match="column 'audio' twice"):
        found(root)
    table(root, ["1,2"], "who,what")
    with pytest.raises(DataError, match="at least recording, video or audio"):
        found(root)
    with pytest.raises(DataError, match=r"no table tt\.csv; there is t\.csv"):
        found(root, table="tt.csv")
    (root / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="Parquet"):
        found(root, table="t.parquet")


def test_lines_that_cannot_be_used_cost_themselves_alone(root: Path) -> None:
    outside = root.parent / "outside.mp4"
    mp4(outside, 10, 10)
    table(
        root,
        [
            *LINES,
            "s3,anna,../outside.mp4,,,train",
            "s4,anna,/etc/passwd,,,train",
            "s5,anna,media/s1_ana.mp4,media/s1_anna.wav,,train",
            "../s6,anna,media/s1_anna.mp4,,,train",
            "s7,anna,media/s1_anna.mp4,,,trian",
            "s8,anna,media/s1_anna.mp4,,,",
            ",,,,labels/s1_anna.csv,train",
            "s1,anna,media/s1_anna.mp4,,,train,more",
            "s9,anna,media/s1_anna.mp4,,,train",
            "s9,ben,media/s1_ben.mp4,,,test",
        ],
    )
    manifest = found(root)
    assert {row.recording for row in manifest.rows} == {"s1", "s2", "s5"}
    assert len(of(manifest, "table_path_outside")) == 2
    (missing,) = of(manifest, "table_file_missing")
    assert "line 8" in missing.found and "there is media/s1_anna.mp4" in missing.found
    assert "'trian'" in " ".join(fault.found for fault in of(manifest, "table_line"))
    assert len(of(manifest, "table_line")) == 4
    assert len(of(manifest, "unsafe_id")) == 1 and len(of(manifest, "duplicate_recording")) == 2
    assert {fault.recording for fault in of(manifest, "no_raw_media")} == {"s3", "s4"}


def test_two_lines_of_one_name_are_both_left_out(root: Path) -> None:
    table(root, [*LINES, LINES[0]])
    manifest = found(root)
    (fault,) = of(manifest, "duplicate_line")
    assert "line 2, line 6" in fault.found and fault.action == "quarantined"
    assert not pick(manifest, recording="s1", participant="anna")
    assert pick(manifest, recording="s1", participant="ben")


def test_groups_and_partners_are_told_and_checked(root: Path) -> None:
    lines = [
        f"{line},family{number % 2},{who}"
        for number, (line, who) in enumerate(zip(LINES, ("ben", "anna", "ben", "carl"), strict=True))
    ]
    table(root, lines, HEAD + ",group,partner")
    manifest = found(root)
    assert one(manifest, recording="s1", participant="ben", kind="video").fold_group == "family1"
    (partner,) = of(manifest, "partner_unknown")
    assert "'carl'; beside ben there is anna" in partner.found
    assert len(of(manifest, "group_in_splits")) == 2


def test_a_video_of_two_people_and_links_from_elsewhere(root: Path) -> None:
    shutil.move(root / "media", root.parent / "disk")
    (root / "media").symlink_to(root.parent / "disk")
    table(root, ["s1,anna,media/s1_anna.mp4", "s1,ben,media/s1_anna.mp4"], "recording,participant,video")
    manifest = found(root)
    (shared,) = of(manifest, "shared_video")
    assert "s1/anna, s1/ben" in shared.found and len(pick(manifest, kind="video")) == 2


# -- labels -------------------------------------------------------------------------------------------------------


def test_labels_of_other_times_than_the_media(root: Path) -> None:
    label(root / "labels/s1_anna.csv", 10)  # five times as long
    label(root / "labels/s1_ben.csv", 2, scale=1000)  # in milliseconds
    label(root / "labels/s2_anna.csv", 0.5)  # a quarter
    (root / "labels/s2_ben.csv").write_text("time,engagement\n5.0,1\n5.1,1\n")
    table(root, LINES)
    manifest = found(root)
    told = {(fault.recording, fault.participant): fault for fault in of(manifest, "label_times_differ")}
    assert told["s1", "anna"].action == "truncated" and "to 10.00 s" in told["s1", "anna"].found
    assert "unit: ms" in told["s1", "ben"].expected
    assert told["s2", "anna"].action == "ignored" and told["s2", "ben"].action == "quarantined"
    assert one(manifest, recording="s1", participant="anna", kind="annotation").frames == 20
    assert not pick(manifest, recording="s2", participant="ben", kind="annotation")
    assert len(tracks(root, "folder_labels")[0]["s1", "anna"].value) == 20
    assert "label_times_differ" not in codes(
        found(root, labels={"unit": "ms"}), recording="s1", participant="ben"
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_at_a_rate_that_nobody_labels_at(root: Path, split: str) -> None:
    lines = [f"{row * 1e-9:.12f},0.5" for row in range(20)]
    (root / "labels/s1_anna.csv").write_text("\n".join(["time,engagement", *lines]))
    table(root, [line.replace("train", split) for line in LINES])
    manifest = found(root)
    (fault,) = of(manifest, "label_times_differ")
    assert "1e+09 labels a second" in fault.found and "1000 a second at most" in fault.expected
    assert fault.action == "quarantined" and "labels.unit" in fault.expected
    assert not pick(manifest, recording="s1", participant="anna", kind="annotation")


def test_values_out_of_range_and_words(root: Path) -> None:
    (root / "labels/s1_anna.csv").write_text(
        "time,engagement\n" + "".join(f"{row / 10},{row / 10}\n" for row in range(20))
    )
    table(root, LINES)
    manifest = found(root, labels={"range": (0, 1)})
    (fault,) = of(manifest, "label_out_of_range")
    assert "9 of 20" in fault.found and fault.action == "masked" and "[0, 1]" in fault.expected
    track = tracks(root, "folder_labels", range=(0, 1))[0]["s1", "anna"]
    assert track.valid.sum() == 11 and not track.value[11:].any()
    np.testing.assert_allclose(track.time, (np.arange(20) + 0.5) / 10)


def test_labels_of_test_parts_are_opened_by_nobody_but_their_own_feature(root: Path) -> None:
    table(root, [line.replace("val", "test") for line in LINES])
    (root / "labels/s2_anna.csv").write_text(
        "time,engagement\n" + "".join(f"{row / 10},wrong\n" for row in range(20))
    )
    manifest = found(root)
    assert not manifest.faults.rows  # values are the evaluation's business
    assert {recording for recording, _ in tracks(root, "folder_labels")[0]} == {"s1"}
    held_out, faults = tracks(root, "folder_labels_test")
    assert {recording for recording, _ in held_out} == {"s2"} and not held_out["s2", "anna"].valid.any()
    assert set(faults) == {"label_empty", "label_not_a_number"}


def test_labels_of_recordings_as_a_whole(root: Path) -> None:
    lines = [
        f"{line.rpartition(',labels')[0]},{line.rpartition(',')[2]},{value}"
        for line, value in zip(LINES, ("1,low", "2,high", "7,low", ","), strict=True)
    ]
    table(root, lines, "recording,participant,video,audio,split,Calm,mood")
    told = {
        "per": "item",
        "names": ("calm", "mood"),
        "range": (0, 5),
        "values": {"low": 0, "high": 1, "1": 1, "2": 2, "7": 7},
    }
    manifest = found(root, labels=told)
    assert [(row.recording, row.participant, row.path, row.dim) for row in pick(manifest, kind="item_label")] == [
        ("s1", "anna", "t.csv", 2), ("s1", "ben", "t.csv", 2), ("s2", "anna", "t.csv", 2)
    ]  # fmt: skip
    assert codes(manifest) == ["missing_annotation"]
    items = tracks(root, "folder_item", **told)[0]
    assert items["s1", "ben"].value.tolist() == [[2, 1]] and items["s1", "ben"].valid.all()
    assert not items["s2", "anna"].valid.any()
    with pytest.raises(DataError, match="unknown column 'mood'"):
        found(root, labels=told | {"names": ("calm",)})
    with pytest.raises(DataError, match="no column 'moods' of labels"):
        found(root, labels=told | {"names": ("calm", "moods")})


def test_labels_of_recordings_as_a_whole_in_files_of_their_own(root: Path) -> None:
    (root / "labels/s1_anna.csv").write_text("calm\n0.5\n")
    (root / "labels/s1_ben.csv").write_text("recording,participant,calm\ns1,anna,0.1\ns1,ben,0.2\n")
    table(root, LINES)
    told = {"per": "item", "names": ("calm",)}
    manifest = found(root, labels=told)
    assert len(of(manifest, "table_line")) == 2  # those of s2 are labels over time
    items = tracks(root, "folder_item", **told)[0]
    assert {key: round(float(track.value[0, 0]), 3) for key, track in items.items()} == {
        ("s1", "anna"): 0.5, ("s1", "ben"): 0.2
    }  # fmt: skip


# -- names of files ------------------------------------------------------------------------------------------------


def test_names_of_files_say_what_each_is(root: Path) -> None:
    shutil.copytree(root / "labels", root / "more/labels")
    (root / "media/notes.txt").write_text("nothing")
    mp4(root / "media/odd.mp4", 5, 10)
    manifest = found(
        root,
        table=None,
        pattern="media/{recording}_{participant}.*",
        label_pattern="labels/{recording}_{participant}.csv",
    )
    assert len(manifest.rows) == 12 and {row.split for row in manifest.rows} == {"all"}
    assert {row.path for row in pick(manifest, kind="annotation")} == {
        f"labels/{n}_{w}.csv" for n in ("s1", "s2") for w in ("anna", "ben")
    }
    (rest,) = of(manifest, "unmatched_files")
    assert "media/odd.mp4" in rest.found


def test_without_a_pattern_every_file_is_a_recording_of_its_name(root: Path) -> None:
    (root / "labels/s2_ben.csv").unlink()
    manifest = found(root, table=None)
    assert {row.recording for row in manifest.rows} == {"s1_anna", "s1_ben", "s2_anna", "s2_ben"}
    assert [row.recording for row in pick(manifest, kind="annotation")] == ["s1_anna", "s1_ben", "s2_anna"]
    (root / "media").rename(root / "Training")
    assert {row.split for row in found(root, table=None, pattern="{split}/{recording}.*").rows} == {"train"}


def test_two_recordings_of_one_name(root: Path) -> None:
    (root / "again").mkdir()
    shutil.copy(root / "media/s1_anna.mp4", root / "again/s1_anna.mp4")
    shutil.copy(root / "media/s1_ben.mp4", root / "media/s1_ben.mkv")
    manifest = found(root, table=None)
    (fault,) = of(manifest, "duplicate_line")
    assert "again/s1_anna.mp4" in fault.found and "media/s1_anna.mp4" in fault.found
    assert not pick(manifest, recording="s1_anna")
    (taken,) = of(manifest, "duplicate_stream")
    assert taken.action == "decided" and pick(manifest, recording="s1_ben", kind="video")


def test_a_pattern_is_no_regular_expression() -> None:
    assert compiled("a.b/{recording}.*", "k").fullmatch("a.b/x.y.mp4")["recording"] == "x.y"
    assert not compiled("a.b/{recording}.*", "k").fullmatch("axb/x.mp4")
    assert compiled("**/{recording}_{participant}.*", "k").fullmatch("a/b/s_1_anna.mp4").groups() == (
        "s_1",
        "anna",
    )
    assert compiled("{recording}/{recording}.*", "k").fullmatch("a/a.mp4")
    assert not compiled("{recording}/{recording}.*", "k").fullmatch("a/b.mp4")
    for bad in ("{who}.mp4", "*.mp4", "{recording.mp4", "{recording}/**/x.mp4", "{recording}" + "*a" * 8):
        with pytest.raises(ConfigError):
            compiled(bad, "k")


@pytest.mark.parametrize(
    "given",
    [
        {"table": "../t.csv"},
        {"table": "/data/t.csv"},
        {"table": "t.csv", "pattern": "{recording}.*"},
        {"labels": {"per": "item"}},
        {"labels": {"range": [1, 0]}},
        {"labels": {"tier": "a", "names": ["b", "c"]}},
        {"labels": {"values": {True: 1, False: 0}}},
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        validate(FolderCorpusSettings, {"root": "/data/mine", **given}, "lab.yaml")


# -- bad input -----------------------------------------------------------------------------------------------------


def test_a_folder_with_nothing_in_it_and_a_table_that_nobody_names(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the folder holds nothing"):
        found(tmp_path / "empty", table=None)
    with pytest.raises(DataError, match="no such folder"):
        found(tmp_path / "absent", table=None)
    table(root, LINES, name="recordings.csv")
    with pytest.raises(DataError, match="settings do not name") as caught:
        found(root, table=None)
    assert "corpora.folder.table: recordings.csv" in caught.value.remedy


def test_pictures_sounds_and_texts_under_the_names_of_videos(root: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    (root / "media/s1_anna.mp4").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    shutil.copy(root / "media/s1_ben.wav", root / "media/s1_ben.mp4")
    (root / "media/s2_anna.mp4").write_text("no video at all")
    shutil.copy(root / "media/s2_ben.mp4", root / "media/s2_ben.wav")
    table(root, [line.replace("_ben.wav", "_ben.wav" if "s2" in line else "_no.wav") for line in LINES])
    manifest = found(root)
    told = {(fault.recording, fault.participant, fault.code) for fault in manifest.faults.rows}
    assert {
        ("s1", "anna", "still_picture"), ("s1", "ben", "no_video_stream"), ("s2", "anna", "unreadable_media"),
        ("s2", "ben", "no_audio_stream"),
    } <= told  # fmt: skip
    assert {(row.recording, row.participant) for row in pick(manifest, kind="video")} == {("s2", "ben")}
    assert one(manifest, recording="s1", participant="ben", kind="audio").path == "media/s1_ben.mp4"


@pytest.mark.skipif(not FACES.is_dir(), reason="needs the real faces (../shared/media/face)")
def test_real_videos_in_other_containers_and_codecs(tmp_path: Path) -> None:
    import av

    root = tmp_path / "root"
    root.mkdir()
    made = {"a.mkv": "mpeg4", "b.avi": "mpeg4", "c.webm": "libvpx", "d.mov": "libx264"}
    with av.open(str(FACES / "single_face.mp4")) as source:
        pictures = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)][:12]
    for name, codec in made.items():
        with av.open(str(root / name), "w") as file:
            stream = file.add_stream(codec, rate=30)
            stream.width, stream.height, stream.pix_fmt = 320, 176, "yuv420p"
            for picture in pictures:
                file.mux(
                    stream.encode(av.VideoFrame.from_ndarray(picture[:352:2, :640:2].copy(), format="rgb24"))
                )
            file.mux(stream.encode())
    shutil.copy(FACES / "single_face.mp4", root / "e.mp4")
    manifest = found(root, table=None)
    videos = {row.path: row for row in pick(manifest, kind="video")}
    assert set(videos) == {*made, "e.mp4"}
    assert {videos[name].frames for name in made} == {12} and {round(videos[name].rate) for name in made} == {
        30
    }
    assert [row.path for row in pick(manifest, kind="audio")] == ["e.mp4"]  # its own sound
    for name in made:
        assert sum(1 for _ in VideoReader(root / name)) == 12
