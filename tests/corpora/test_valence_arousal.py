"""Annotations of valence and arousal as text: every line is a frame, whatever stands in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora.valence_arousal import OtherChallengeError, ValenceArousal, read_valence_arousal
from affectssm.errors import DataError

GOOD = "valence,arousal\n0.5,-0.25\n-1,1\n0,0.125\n"


def read(folder: Path, content: str | bytes) -> ValenceArousal:
    path = folder / "video1.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_valence_arousal(path)


def codes(found: ValenceArousal) -> list[str]:
    return [code for code, _ in found.problems]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n  \n",
        GOOD.rstrip(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("valence,arousal", "Valence, Arousal"),
        GOOD.replace(",", " , "),
    ],
)
def test_the_same_file_as_editors_save_it(tmp_path: Path, content: str | bytes) -> None:
    found = read(tmp_path, content)
    assert found.value.dtype == np.float32
    assert found.value.tolist() == [[0.5, -0.25], [-1, 1], [0, 0.125]] and found.valid.all()
    assert not found.problems


def test_columns_go_by_their_names(tmp_path: Path) -> None:
    found = read(tmp_path, "arousal,valence\n-0.25,0.5\n")
    assert found.value.tolist() == [[0.5, -0.25]] and codes(found) == ["label_header"]
    found = read(tmp_path, "image_location,valence,arousal\nvideo1/00001.jpg,0.5,-0.25\n")
    assert found.value.tolist() == [[0.5, -0.25]] and codes(found) == ["label_header"]


def test_without_a_header_the_first_line_is_a_frame(tmp_path: Path) -> None:
    found = read(tmp_path, "0.5,-0.25\n0,0\n")
    assert found.value.tolist() == [[0.5, -0.25], [0, 0]] and codes(found) == ["label_header"]


def test_what_is_masked_keeps_its_frame(tmp_path: Path) -> None:
    lines = [
        "0.1,0.1",
        "-5,-5",
        "-5,0.2",
        "",
        "1.01,0",
        "0,-1.5",
        "nan,0",
        "x,y",
        "0.1",
        "inf,0",
        "1_0,0",
        "0.2,0.2",
    ]
    found = read(tmp_path, "\n".join(["valence,arousal", *lines]))
    assert len(found.value) == len(lines)
    assert np.flatnonzero(found.valid).tolist() == [0, len(lines) - 1]
    assert found.value[-1].tolist() == [np.float32(0.2)] * 2 and not found.value[1:-1].any()
    assert codes(found) == ["label_not_a_number", "label_out_of_range", "label_invalid"]
    told = dict(found.problems)
    assert told["label_not_a_number"].startswith("6 of 12 frames, first in frame 4")
    assert told["label_out_of_range"].startswith("2 of 12 frames, first in frame 5: '1.01,0'")
    assert told["label_invalid"] == "2 of 12 frames are -5, in 1 runs (1 inside), the longest of 2"


@pytest.mark.parametrize("seed", range(10))
def test_runs_of_invalid_frames_are_those_of_a_loop(tmp_path: Path, seed: int) -> None:
    marked = np.random.default_rng(seed).random(50) < 0.4
    marked[seed] = True
    found = read(tmp_path, "valence,arousal\n" + "".join("-5,0\n" if one else "0,0\n" for one in marked))
    text = "".join("x" if one else "." for one in marked)
    runs = [run for run in text.split(".") if run]
    inside = [run for run in text.strip("x").split(".") if run]
    assert (~found.valid == marked).all()
    assert dict(found.problems)["label_invalid"] == (
        f"{marked.sum()} of 50 frames are -5, in {len(runs)} runs ({len(inside)} inside), the longest of "
        f"{max(map(len, runs))}"
    )


def test_a_file_of_values_that_are_written_out_reads_as_they_were(tmp_path: Path) -> None:
    value = np.random.default_rng(0).uniform(-1, 1, (5000, 2))
    found = read(
        tmp_path, "valence,arousal\n" + "".join(f"{one!r},{other!r}\n" for one, other in value.tolist())
    )
    assert np.array_equal(found.value, value.astype(np.float32)) and found.valid.all()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other\n4\n0\n", "expressions"),
        ("4\n0\n-1\n", "expressions"),
        ("AU1,AU2,AU4\n0,1,0\n", "action units"),
        ("pain,joy\n0.1,0.2\n", "no header"),
        ("0.1,0.2,0.3\n", "no header"),
    ],
)
def test_an_annotation_of_another_challenge_is_refused(tmp_path: Path, content: str, what: str) -> None:
    with pytest.raises(OtherChallengeError, match=what):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "content", ["", "valence,arousal\n", "valence,arousal\n-5,-5\n", "valence,arousal\n4\n4\n"]
)
def test_a_file_without_a_valid_frame_says_so(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert not found.valid.any() and codes(found)[-1] == "label_empty"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_valence_arousal(tmp_path / "nowhere.txt")
