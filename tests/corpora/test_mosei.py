"""CMU-MOSEI in its forms: what is found of each clip, what its features hold, and what is told of what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest
from affectssm.corpora.mosei_csd import folds
from affectssm.corpora.supplied import read_supplied
from affectssm.errors import DataError
from affectssm.features.extract import Shard, extract_shard
from affectssm.media.pickles import read_pickle
from affectssm.settings.corpora import ClipCorpusSettings
from affectssm.store.faults import Fault, read_faults
from affectssm.store.ids import file_name, id_of, is_id
from affectssm.store.shards import ShardReader, Track
from tests.corpora.clip_corpora import (
    ALIGNED,
    GLOVE,
    dump,
    sequences,
    steps,
    table,
    write_csd,
    write_table,
)
from tests.media.synthetic import regular, write_media

TRAIN, OTHER, TEST = "4iG0ffmnCOw", "-iRBcNs9oI8", "7l3BNtSE0xc"
ORDER = "video_id,clip_id,text,label,annotation,mode,label_T,label_A,label_V"
SEGMENTS = Path(__file__).resolve().parents[3] / "shared/media/sentiment/mosei_segments_valid.pkl"


def found_in(root: Path, corpus: str = "mosei") -> Manifest:
    return discover_corpus(corpus, root, None, ClipCorpusSettings(), root.parent / "out")


def told(manifest: Manifest) -> dict[str, Fault]:
    return {fault.code: fault for fault in manifest.faults.rows}


def kinds_of(manifest: Manifest) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in manifest.rows:
        found.setdefault(row.recording, set()).add(row.kind)
    return found


def tracks(root: Path, feature: str) -> tuple[Mapping[str, Track], list[Fault]]:
    out = root.parent / "out"
    path, faults = out / f"{feature}.h5", out / f"{feature}.parquet"
    extract_shard(feature, Shard(out / "manifest.parquet", "s00", root), {}, path, faults)
    with ShardReader(path) as reader:
        return {key[0]: reader.track(*key) for key in reader.keys()}, read_faults(faults)  # noqa: SIM118


def split_tables(rows: Any = (4, 6, 5), **more: Any) -> dict[str, Any]:
    ids = {"train": [f"{TRAIN}$_$0", f"{OTHER}$_$10"], "valid": ["_v$_$0"], "test": [f"{TEST}$_$2"]}
    return {split: table(names, "mosei", rows, **more) for split, names in ids.items()}


def test_the_form_of_a_pickle_is_told_by_its_shapes_and_all_forms_name_a_clip_alike(tmp_path: Path) -> None:
    root = tmp_path / "root"
    dump(root / "c.pkl", split_tables())
    dump(root / "b.pkl", split_tables(ALIGNED))
    dump(root / "a.pkl", split_tables(ALIGNED, text=GLOVE))
    manifest = found_in(root)
    kinds = {f"{form}_{name}" for form in ("aligned", "unaligned") for name in ("text", "audio", "vision")}
    held = kinds | {"aligned_glove", "tokens", "sentiment"}
    assert kinds_of(manifest) == dict.fromkeys((f"{OTHER}[10]", "_v[0]", f"{TEST}[2]", f"{TRAIN}[0]"), held)
    assert {row.recording: row.split for row in manifest.rows} == {
        f"{TRAIN}[0]": "train", f"{OTHER}[10]": "train", "_v[0]": "val", f"{TEST}[2]": "test",
    }  # fmt: skip
    assert {
        (row.participant, row.language, row.fold_group) for row in manifest.rows if "[2]" in row.recording
    } == {("speaker", "english", TEST)}
    made = split_tables()["train"]
    for kind, name, rows in (("text", "text", 3), ("audio", "audio", 5), ("vision", "vision", 4)):
        found, _ = tracks(root, f"unaligned_{kind}")
        track = found[f"{OTHER}[10]"]
        assert np.array_equal(track.value, made[name][1, :rows].astype(np.float32)) and track.valid.all()
        assert np.array_equal(track.time, np.arange(rows) + 0.5)
    found, _ = tracks(root, "tokens")
    assert found[f"{TRAIN}[0]"].value.tolist() == [[7], [7], [7]]
    found, _ = tracks(root, "sentiment")
    assert [
        round(float(found[f"{name}[{at}]"].value[0, 0]), 5) for name, at in ((TRAIN, 0), (OTHER, 10))
    ] == [0.2, 0.4]


def test_rows_that_are_not_finite_are_masked_and_padding_is_dropped_wherever_it_lies(tmp_path: Path) -> None:
    root, held = tmp_path / "root", split_tables()
    train = held["train"]
    train["audio"][0, 1, 3], train["audio"][0, 2, 0] = -np.inf, np.nan
    train["audio"][1] = np.roll(train["audio"][1], 1, axis=0)  # as some pad: in front
    train["vision_lengths"] = [0, 99]
    dump(root / "x.pkl", held)
    manifest = found_in(root)
    empty = told(manifest)["stream_empty"]
    assert empty.found == f"1: {TRAIN}[0] unaligned_vision" and empty.stream == "x.pkl"
    assert "unaligned_vision" not in kinds_of(manifest)[f"{TRAIN}[0]"]
    found, faults = tracks(root, "unaligned_audio")
    assert found[f"{TRAIN}[0]"].valid.tolist() == [True, False, False, True, True]
    assert not found[f"{TRAIN}[0]"].value[1:3].any()
    assert [(fault.code, fault.found) for fault in faults] == [("stream_not_finite", "2 of 5 rows")]
    assert np.array_equal(
        found[f"{OTHER}[10]"].value, split_tables()["train"]["audio"][1, :5].astype(np.float32)
    )


def test_clips_of_sequences_are_the_rows_at_the_times_of_their_labels(tmp_path: Path) -> None:
    root = tmp_path / "root"
    sequences(root, TRAIN, [1.0, -0.5], seconds=4.0)
    manifest = found_in(root)
    kinds = {"csd_glove", "csd_covarep", "csd_facet", "csd_openface2", "sentiment"}
    assert kinds_of(manifest) == {f"{TRAIN}[0]": kinds, f"{TRAIN}[1]": kinds}
    assert {row.split for row in manifest.rows} == {"train"}
    found, _ = tracks(root, "csd_covarep")
    features = np.random.default_rng(0).normal(size=(20, 300)), None
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(20, columns)) for columns in (300, 74)][1]
    assert np.array_equal(found[f"{TRAIN}[1]"].value, features[10:].astype(np.float32))
    np.testing.assert_allclose(found[f"{TRAIN}[1]"].time, 0.1 + 0.2 * np.arange(10), atol=1e-9)
    assert tracks(root, "sentiment")[0][f"{TRAIN}[1]"].value.tolist() == [[-0.5]]


def test_what_labels_folds_and_sequences_do_not_share_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    value = np.array([[1.0], [2.0]])
    spans = {"A": steps(0, 4, 2), TRAIN: steps(0, 4, 2), TEST: steps(100, 104, 2)}
    write_csd(root / "labels.csd", "All Labels", {video: (value, spans[video]) for video in spans})
    part = (np.ones((5, 74)), steps(0, 2.4, 5))
    write_csd(root / "covarep.csd", "COVAREP", {TRAIN: part, TEST: part})
    manifest, faults = found_in(root), told(found_in(root))
    assert faults["label_without_fold"].found == "1: A"
    assert faults["fold_unlabelled"].found.startswith(f"{len(folds()) - 2} videos: ")
    assert faults["csd_interval"].found.startswith(
        f"3: {TRAIN}[1] at 2.0-4.0 s of 2.4, {TEST}[0] at 100.0-102.0 s"
    )
    assert kinds_of(manifest) == {
        f"{TRAIN}[0]": {"csd_covarep", "sentiment"},
        **{name: {"sentiment"} for name in (f"{TRAIN}[1]", f"{TEST}[0]", f"{TEST}[1]")},
    }
    (root / "labels.csd").unlink()
    dump(root / "x.pkl", split_tables())
    assert "missing_stream" in told(found_in(root))


@pytest.mark.parametrize(("name", "label", "same"), [("0", 1.0, True), ("0", 1.4, False), ("2", 1.0, False)])
def test_sequences_that_number_or_label_the_clips_of_a_video_in_another_way_are_left_out(
    tmp_path: Path, name: str, label: float, same: bool
) -> None:
    root = tmp_path / "root"
    sequences(root, TRAIN, [1.0, -0.5], seconds=4.0)
    dump(root / "x.pkl", {"test": table([f"{TRAIN}$_${name}"], regression_labels=[label])})
    manifest = found_in(root)
    (kinds,) = kinds_of(manifest).values()
    assert ("csd_covarep" in kinds) == same and {row.recording for row in manifest.rows} == {
        f"{TRAIN}[{name}]"
    }
    assert {row.split for row in manifest.rows} == {"test"}
    assert ("split_differs" in told(manifest)) == same  # its fold is train
    assert ("labels_differ" in told(manifest)) != same


def test_another_corpus_and_pickles_that_cannot_be_used_cost_themselves_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    dump(root / "mosi.pkl", {"train": table(["a$_$1"], "mosi")})
    with pytest.raises(DataError, match=r"other_corpus: mosi\.pkl: .*those of CMU-MOSI, expected 74 and 35"):
        found_in(root)
    good = dump(root / "good.pkl", split_tables())
    dump(root / "other.pkl", [1, 2])
    dump(root / "odd.pkl", {"train": table(["a$_$1"], text_bert=np.zeros((2, 3, 4)))})
    (root / "cut.pkl").write_bytes(good.read_bytes()[:-900])
    (root / "run.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    manifest = found_in(root)
    assert {(fault.stream, fault.code) for fault in manifest.faults.rows if fault.action == "quarantined"} == {
        ("mosi.pkl", "other_corpus"), ("other.pkl", "supplied_shape"), ("odd.pkl", "supplied_shape"),
        ("cut.pkl", "unreadable_file"), ("run.pkl", "unsafe_file"),
    }  # fmt: skip
    assert "text_bert of shape (2, 3, 4)" in next(
        f.found for f in manifest.faults.rows if f.stream == "odd.pkl"
    )
    assert len(kinds_of(manifest)) == 4


def test_a_split_or_a_label_that_two_files_contradict_is_a_fault_and_the_first_counts(tmp_path: Path) -> None:
    root, ids = tmp_path / "root", ["a$_$1", "b$_$1", "a$_$1", "no id"]
    dump(root / "a.pkl", {"train": table(ids, regression_labels=[1, 2, 3, 0.5]), "train_mix": table(ids)})
    dump(
        root / "b.pkl",
        {"test": table(ids[:1], "mosei", ALIGNED), "valid": table(["c$_$1"], regression_labels=[7])},
    )
    faults, manifest = told(found_in(root)), found_in(root)
    assert {row.recording: row.split for row in manifest.rows} == {"a[1]": "train", "b[1]": "train"}
    assert faults["duplicate_clip"].found == "1: a[1]" and faults["unsafe_id"].found == "1: 'no id'"
    assert faults["split_differs"].found == "1: a[1] test, not train"
    assert faults["labels_differ"].found == "1: a[1] 0.2, not 1"
    assert faults["label_out_of_range"].found == "1: c[1] 7"
    assert faults["clip_unlabelled"].found == "1: c[1] no label"
    (counts,) = (f for f in manifest.faults.rows if f.code == "counts_differ" and "train" in f.found)
    assert counts.found == "2 clips in train: 0 negative, 0 neutral, 2 positive"
    assert counts.expected == "16326 as the owner has"


def test_raw_clips_are_those_of_the_table_and_odd_ones_are_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    for name, times, sound in (
        ("-a/0", regular(25, 25), wave), ("_b/1", regular(3, 25), wave[:1600]), ("_b/2", regular(25, 25), None),
        ("more/1", regular(25, 25), None), ("more/2", regular(25, 25), None),
    ):  # fmt: skip
        path = root / "Raw" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_media(path, times, sound, size=(48, 32))
    (root / "Raw/_b/3.mp4").write_bytes(b"no video")
    lines = [
        "-a,0,caf\xe9 it is,1.5,Positive,train,,,", "_b,1,,0,Neutral,train,,,", "_b,2,so,-1,Negative,valid,,,",
        "_b,3,so,-1,Negative,test,,,", "gone,3,so,x,Negative,test,,,", ",3,so,1,,test,,,",
    ]  # fmt: skip
    write_table(root / "label.csv", lines, ORDER, "latin-1")
    manifest = found_in(root)
    faults = told(manifest)
    raw = {"video", "audio", "transcript", "sentiment"}
    assert kinds_of(manifest) == {
        "-a[0]": raw, "_b[1]": raw - {"transcript"}, "_b[2]": raw - {"audio"}, "_b[3]": {"transcript", "sentiment"},
    }  # fmt: skip
    assert faults["files_without_clip"].found == "2 videos: Raw/more/1.mp4, Raw/more/2.mp4"
    assert faults["clip_without_file"].found == "1 clips: gone[3]"
    assert faults["empty_transcript"].found == "1: _b[1]" and faults["clip_short"].recording == "_b[1]"
    assert faults["no_audio_stream"].recording == "_b[2]" and faults["unreadable_media"].recording == "_b[3]"
    assert {"latin1_text", "label_not_a_number", "clip_table_line"} <= set(faults)
    said = next(row for row in manifest.rows if row.kind == "transcript" and row.recording == "-a[0]")
    assert said.duration_s == pytest.approx(1, abs=0.1)
    assert tracks(root, "sentiment")[0]["_b[2]"].value.tolist() == [[-1]]
    write_table(root / "label.csv", lines, ORDER.replace("mode", "part"))
    with pytest.raises(DataError, match="no column mode; the first line is 'video_id,"):
        found_in(root)


@pytest.mark.skipif(not SEGMENTS.is_file(), reason="needs the real media (../shared/media/sentiment)")
def test_the_names_of_real_clips_parse_and_are_safe_in_paths(tmp_path: Path) -> None:
    names = [segment[0] for segment in read_pickle(SEGMENTS).values()]
    assert len(names) == 1871 and any(name.startswith("-") for name in names)
    for name in names:
        assert is_id(name) and id_of(file_name(name, "clip")) == name
        assert not file_name(name, "clip").startswith(("-", "."))
    ids = [name.removesuffix("]").replace("[", "$_$") for name in names]
    rows = {key: np.zeros((len(ids), 1, dim), np.float32) for key, dim in (("audio", 74), ("vision", 35))}
    held = {"id": ids, **rows, "regression_labels": np.zeros(len(ids))}
    dump(tmp_path / "root" / "x.pkl", {"valid": held})
    assert {row.recording for row in found_in(tmp_path / "root").rows} == set(names)
    assert {folds()[name.rpartition("[")[0]] for name in names if name.rpartition("[")[0] in folds()} == {
        "val"
    }


def test_words_of_an_aligned_clip_stay_side_by_side_where_one_modality_is_silent(tmp_path: Path) -> None:
    held = table(["a$_$0"], rows=ALIGNED, text=GLOVE)
    del held["text_bert"]  # nothing tells how long a clip is
    for name in ("text", "audio", "vision"):
        held[name] = np.roll(held[name], 1, axis=1)  # padding in front
    held["audio"][:, 1] = 0  # no sound at the first word
    [found] = read_supplied(dump(tmp_path / "a.pkl", {"train": held})).tables
    for kind, name in (("aligned_glove", "text"), ("aligned_audio", "audio"), ("aligned_vision", "vision")):
        np.testing.assert_array_equal(found.rows(kind, 0), held[name][0, 1:])


def test_ids_that_are_no_text_are_none(tmp_path: Path) -> None:
    held = table(["a$_$0"]) | {"id": [["a$_$0"]]}
    [found] = read_supplied(dump(tmp_path / "a.pkl", {"train": held})).tables
    assert found.ids == (("", "['a$_$0']"),)
