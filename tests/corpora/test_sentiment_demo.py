"""The demo of clips with a sentiment: the owners' forms, the same bytes again, and a truth that takes a meeting."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from affectssm.corpora.demo import (
    sentiment_arrays,
    sentiment_clips,
    sentiment_pickles,
    sentiment_raw,
    sentiment_words,
)
from affectssm.corpora.demo.sentiment import write_sentiment_demo
from affectssm.corpora.demo.sentiment_clips import FORMS
from affectssm.corpora.demo.sentiment_csd import ROOTS
from affectssm.corpora.demo.sentiment_world import truth_of
from affectssm.corpora.discover import discover_corpus
from affectssm.errors import ConfigError, DataError
from affectssm.media.probe import MediaError
from affectssm.media.video import VideoReader
from affectssm.settings.corpora import ClipCorpusSettings
from affectssm.store.card import sha256
from affectssm.store.parquet import read_parquet
from affectssm.vocabulary.faults import CODES

TINY, WHOLE = "sentiment-tiny", "sentiment"
PICKLES = {
    "mosei": ("aligned_50.pkl", "unaligned_50.pkl"), "sims": ("unaligned_39.pkl",), "simsv2": ("unaligned.pkl",)
}  # fmt: skip
SIZES = {  # as distributed: text, audio, vision
    "aligned_50.pkl": ((50, 768), (50, 74), (50, 35)),
    "unaligned_50.pkl": ((50, 768), (500, 74), (500, 35)),
    "unaligned_39.pkl": ((39, 768), (400, 33), (55, 709)),
    "unaligned.pkl": ((50, 768), (925, 25), (232, 177)),
}
AT_EXTRACTION = {
    "not_finite_audio",
    "not_finite_vision",
    "no_face",
}  # what nobody notices before arrays are read
SPLITS = {"train": 24, "valid": 10, "test": 14}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("sentiment") / TINY
    write_sentiment_demo(TINY, folder)
    yield folder


@pytest.fixture(scope="module")
def tables(demo: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """File -> split -> table."""
    return {
        name: loaded(demo / corpus / "Processed" / name)
        for corpus, names in PICKLES.items()
        for name in names
    }


@pytest.fixture(scope="module")
def truth(demo: Path) -> dict[tuple[str, str], dict[str, Any]]:
    rows = read_parquet(demo / "truth" / "clips.parquet").to_pylist()
    return {(row["corpus"], row["recording"]): row for row in rows}


def specimens(demo: Path) -> list[dict[str, str]]:
    with (demo / "truth" / "specimens.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def loaded(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301 - written here


def recording(one: str) -> str:
    video, clip = one.split("$_$")
    return f"{video}[{clip}]"


@pytest.mark.parametrize(("corpus", "name"), [(c, name) for c, names in PICKLES.items() for name in names])
def test_pickles_have_the_owners_parts_shapes_and_counts(tables, truth, corpus: str, name: str) -> None:
    assert list(tables[name]) == ["train", "valid", "test"]
    for split, count in SPLITS.items():
        table = tables[name][split]
        twice = corpus == "simsv2" and split == "valid"
        assert len(table["id"]) == count + twice == len(set(table["id"]))
        for modality, size in zip(("text", "audio", "vision"), SIZES[name], strict=True):
            assert table[modality].shape == (len(table["id"]), *size)
        assert table["audio"].dtype == table["vision"].dtype == np.float64
        assert table["text_bert"].shape == (len(table["id"]), 3, 50)
        assert ("audio_lengths" in table) == name.startswith("unaligned") == ("vision_lengths" in table)
        assert ("regression_labels_T" in table) == (corpus != "mosei")
        labels, steps = table["regression_labels"], 3 if corpus == "mosei" else 5
        assert np.abs(labels * steps - np.rint(labels * steps)).max() < 1e-3
        assert np.abs(labels).max() <= (3 if corpus == "mosei" else 1)
        assert (table["classification_labels"] == np.sign(labels) + 1).all()
        assert set(table["annotations"]) <= {"Negative", "Neutral", "Positive"}
        for one, value in zip(table["id"], labels, strict=True):
            assert truth[corpus, recording(one)]["label"] == value


def on_grid(rows: np.ndarray) -> np.ndarray:
    """(50, columns): the mean of the rows that begin in each of fifty equal parts, or the row at its beginning."""
    edges = np.arange(51) * len(rows) / 50
    parts = [rows[int(np.ceil(a)) : int(np.ceil(b))] for a, b in pairwise(edges)]
    return np.stack(
        [part.mean(0) if len(part) else rows[int(a)] for part, a in zip(parts, edges, strict=False)]
    )


@pytest.mark.parametrize(("corpus", "name"), [(c, name) for c, names in PICKLES.items() for name in names])
def test_what_was_planted_can_be_read_from_the_arrays(tables, truth, corpus: str, name: str) -> None:
    """Words and processes are told along the planted direction, and the five shares follow, the products too."""
    found, planted = [], []
    for split in SPLITS:
        table = tables[name][split]
        for at, one in enumerate(table["id"]):
            counts = {"text": int(table["text_bert"][at, 1].sum())}
            for modality in ("audio", "vision"):
                counts[modality] = table.get(f"{modality}_lengths", [counts["text"]] * len(table["id"]))[at]
            seen = {}
            for modality, count in counts.items():
                rows = np.nan_to_num(table[modality][at, :count], posinf=0, neginf=0)
                assert (count and not table[modality][at, count:].any()) or modality == "vision"
                along = sentiment_arrays.load(corpus, modality, rows.shape[1])
                seen[modality] = on_grid(rows @ along / (along @ along)) if count else np.zeros(50)
            polarity = seen["text"] - seen["text"].mean()
            shares = [seen[modality].mean() for modality in counts]
            found.append(shares + [(polarity[2:] * seen[m][:-2]).mean() for m in ("audio", "vision")])
            row = truth[corpus, recording(one)]
            planted.append([row[key] for key in ("text", "audio", "vision", "met_audio", "met_vision")])
    found, planted = np.array(found), np.array(planted)
    for column in range(5):
        least = 0.97 if column == 0 else 0.85
        assert np.corrcoef(found[:, column], planted[:, column])[0, 1] > least, column


def test_aligned_arrays_are_the_unaligned_ones_word_by_word(tables) -> None:
    aligned, unaligned = tables["aligned_50.pkl"]["test"], tables["unaligned_50.pkl"]["test"]
    for part in ("id", "raw_text", "text", "text_bert", "regression_labels"):
        np.testing.assert_array_equal(aligned[part], unaligned[part])
    tokens, frames = int(aligned["text_bert"][0, 1].sum()), unaligned["audio_lengths"][0]
    first = unaligned["audio"][0, : frames // tokens].mean(axis=0)
    np.testing.assert_allclose(aligned["audio"][0, 0], first, rtol=1e-5)
    ids = dict(sentiment_words.ids_of(False))
    for text, row in zip(aligned["raw_text"], aligned["text_bert"], strict=True):
        assert row[0, 1 : 1 + len(text.split())].tolist() == [ids[word] for word in text.split()]


def test_no_modality_and_no_sum_of_them_tells_what_their_meeting_tells() -> None:
    planted = [truth_of("mosei", f"clip {number}", 26 + number % 25) for number in range(800)]
    shares = np.array([one.shares for one in planted])
    label = np.array([one.sentiment for one in planted])

    def told(columns: list[int]) -> float:
        design = np.column_stack([shares[:, columns], np.ones(len(shares))])
        weights = np.linalg.lstsq(design[::2], label[::2], rcond=None)[0]
        return float(np.corrcoef(design[1::2] @ weights, label[1::2])[0, 1])

    assert all(0.25 < told([column]) < 0.45 for column in range(3))
    assert 0.5 < told([0, 1, 2]) < 0.65
    assert told([0, 1, 2, 3, 4]) > 0.9
    assert abs(np.corrcoef(shares.T) - np.eye(5)).max() < 0.12


def test_it_is_written_again_to_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    files = json.loads((demo / "card.json").read_text())["card"]["extra"]["files"]
    found = sentiment_clips.layout(TINY)
    sentiment_pickles.write_pickles("sims", found.clips["sims"], tmp_path / "again")
    assert sha256(tmp_path / "again" / "unaligned_39.pkl") == files["sims/Processed/unaligned_39.pkl"]
    clip = next(clip for clip in found.clips["sims"] if clip.raw)
    sentiment_raw.write_clip(clip, found.raw_s, tmp_path)
    assert (
        sha256(tmp_path / clip.video / f"{clip.clip}.mp4") == files[f"sims/Raw/{clip.video}/{clip.clip}.mp4"]
    )


def test_other_files_and_editions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(DataError, match=r"thesis\.txt"):
        write_sentiment_demo(TINY, tmp_path)
    with pytest.raises(ConfigError, match=TINY):
        write_sentiment_demo("sentiment-huge", tmp_path / "huge")


def test_the_whole_edition_is_large_enough_and_has_every_specimen() -> None:
    found = sentiment_clips.layout(WHOLE)
    for clips in found.clips.values():
        tests = [clip for clip in clips if clip.split == "test"]
        assert len({clip.video for clip in tests}) >= 20 and len(tests) >= 80
        assert len({clip.recording for clip in clips}) == len(clips)
    assert {clip.video[0] for clip in found.clips["mosei"]} == {"-", "_", "A"}
    kinds = {kind for _, _, kind, _ in found.specimens()}
    assert kinds == set(sentiment_clips.KINDS)
    assert {code for *_, code in found.specimens()} <= {*CODES, ""}


def test_arrays_hold_what_is_odd_about_them(demo: Path, tables) -> None:
    odd = {(row["recording"], row["kind"]) for row in specimens(demo)}
    for corpus, names in PICKLES.items():
        for name in names:
            for table in tables[name].values():
                for modality in ("audio", "vision"):
                    bad = ~np.isfinite(table[modality]).all(axis=(1, 2))
                    told = [(recording(one), f"not_finite_{modality}") in odd for one in table["id"]]
                    assert bad.tolist() == told
                    told = [(recording(one), f"no_{modality}") in odd for one in table["id"]]
                    assert (~table[modality].any(axis=(1, 2))).tolist() == told
                if corpus == "mosei":
                    np.testing.assert_array_equal(table["vision"][..., 1], table["vision"][..., 2])
    audio = tables["unaligned_50.pkl"]["train"]["audio"]
    assert np.isneginf(audio).any() and np.isnan(audio).any()
    both = [set(table["id"]) for table in tables["unaligned.pkl"].values()]
    assert [len(both[0] & both[1]), len(both[0] & both[2]), len(both[1] & both[2])] == [1, 0, 0]
    unlabelled = loaded(demo / "simsv2/ch-simsv2u/ch-simsv2u.pkl")["train"]
    assert len(unlabelled["id"]) == 4 and not [key for key in unlabelled if "labels" in key]


@pytest.mark.parametrize("corpus", FORMS)
def test_every_specimen_and_every_clip_is_found(demo: Path, tmp_path: Path, corpus: str) -> None:
    found = discover_corpus(corpus, demo / corpus, None, ClipCorpusSettings(), tmp_path)
    codes = {row.code for row in found.faults.rows}
    for one in specimens(demo):
        if one["corpus"] == corpus and one["kind"] not in AT_EXTRACTION:
            assert not one["code"] or one["code"] in codes, one
    planted = sentiment_clips.layout(TINY).clips[corpus]
    named = {(row.recording, row.split) for row in found.rows if row.kind == "unaligned_text"}
    assert named == {(clip.recording, clip.split) for clip in planted}
    seen = {row.recording for row in found.rows if row.kind == "video"}
    assert {clip.recording for clip in planted if clip.raw} <= seen


def test_tables_name_the_raw_clips_in_the_owners_encodings(demo: Path, tables) -> None:
    said = {}
    for place, encoding in (
        ("mosei/label.csv", "latin-1"), ("sims/label.csv", "gb18030"), ("simsv2/meta.csv", "utf-8-sig"),
        ("simsv2/ch-simsv2u/meta.csv", "utf-8-sig"),
    ):  # fmt: skip
        raw = (demo / place).read_bytes()
        if encoding != "utf-8-sig":
            with pytest.raises(UnicodeDecodeError):
                raw.decode("utf-8")
        said[place] = list(csv.DictReader(raw.decode(encoding).splitlines()))
    mosei = said["mosei/label.csv"]
    assert mosei[0] == mosei[1] and "caf\u00e9" in mosei[0]["text"] and mosei[0]["label_T"] == ""
    assert "" in [row["text"] for row in mosei] and "7.5" in [row["label"] for row in mosei]
    assert all(len(row["clip_id"]) == 4 for row in said["sims/label.csv"])
    assert "\uff0c" in said["sims/label.csv"][0]["text"]
    assert [row["label"] for row in said["simsv2/ch-simsv2u/meta.csv"]] == [""]
    table = tables["unaligned_39.pkl"]["train"]
    row = said["sims/label.csv"][0]
    at = table["id"].tolist().index(f"{row['video_id']}$_${row['clip_id']}")
    assert table["raw_text"][at] == row["text"] and float(row["label_V"]) == table["regression_labels_V"][at]


def test_raw_clips_are_heard_and_seen_as_planted(demo: Path, tmp_path: Path) -> None:
    """Loudness follows the planted voice, warmth of the picture the planted face."""
    found = sentiment_clips.layout(TINY)
    clip = next(clip for clip in found.clips["mosei"] if clip.raw)
    planted = sentiment_words.planted(clip)
    heard = sentiment_raw.sound(clip, planted, 2.0).astype(float)
    loud = np.log(heard.reshape(50, -1).std(axis=1) + 1)
    assert np.corrcoef(loud, planted.voice)[0, 1] > 0.7
    pictures = [
        picture.image for picture in VideoReader(demo / "mosei/Raw" / clip.video / f"{clip.clip}.mp4")
    ]
    warm = [float(picture[..., 0].mean()) - float(picture[..., 2].mean()) for picture in pictures]
    assert len(pictures) == 25 and np.corrcoef(warm, planted.face.reshape(25, 2).mean(axis=1))[0, 1] > 0.7
    extra = {kind: clip for clip in sentiment_clips.layout(WHOLE).extra["mosei"] for kind in clip.specimens}
    sentiment_raw.write_clip(extra["broken"], 0.4, tmp_path)
    with pytest.raises(MediaError):
        list(VideoReader(tmp_path / extra["broken"].video / "0.mp4"))


def test_computational_sequences_are_the_sdks(demo: Path, truth) -> None:
    found = {}
    for name, root in ROOTS.items():
        with h5py.File(demo / "mosei" / f"{name}.csd") as file:
            assert list(file) == [root] and root != name
            found[name] = {
                video: (one["features"][:], one["intervals"][:]) for video, one in file[root]["data"].items()
            }
            assert json.loads(file[root]["metadata/root name"][0]) == root
    words, audio, vision, labels = found.values()
    assert set(words) - set(vision) == {"HuIKyKkEL0Q"} and set(words) - set(labels) == {"7l3BNtSE0xc"}
    for part, columns in zip((words, audio, vision, labels), (300, 74, 35, 7), strict=True):
        for rows, times in part.values():
            assert rows.shape == (len(times), columns) and (np.diff(times[:, 0]) > 0).all()
    for video, (rows, times) in labels.items():
        assert rows[0, 0] == pytest.approx(truth["mosei", f"{video}[0]"]["label"])
        assert audio[video][1][0, 0] <= times[0, 0] and times[-1, 1] <= audio[video][1][-1, 1]


def test_glove_vectors_of_words_have_their_own_width() -> None:
    clip = sentiment_clips.layout(TINY).clips["mosei"][0]
    words = sentiment_words.words_of(clip, sentiment_words.planted(clip))
    rows = sentiment_arrays.text(clip, words, sentiment_arrays.GLOVE)
    assert rows.shape == (len(words) + 2, 300) and FORMS["mosei"].tokens[1] >= len(rows)
