"""Writes the texts of the demo of Aff-Wild2: annotations, those of other challenges, the test list and its template."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.affwild2_tests import HEADER, location
from affectssm.corpora.demo.affwild2_videos import Layout, Video
from affectssm.corpora.demo.seeds import generator

SETS = {"val": "Validation_Set"}
TEST_LIST = "names_of_videos_in_each_test_set/Valence_Arousal_Estimation_Challenge_test_set_release.txt"
TEMPLATE = "CVPR_8th_ABAW_VA_test_set_sample.txt"
UNLISTED = "video72"  # in the test list, and nowhere else
MORE = 250  # rows of an annotation that goes on after its video
RUNS = 3  # of invalid frames inside a video
_BAD_FRAMES = 30


def folder_of(split: str, root: Path, found: Layout) -> Path:
    """Return the folder of the annotations of a split."""
    sets, train = found.annotations
    return root / sets / SETS.get(split, train)


def write_annotation(video: Video, person: str, value: np.ndarray, root: Path, found: Layout) -> None:
    """Write valence and arousal of each frame with the header, and what is odd about them."""
    value = np.round(value, 3)
    rng = generator("affwild2", video.name, person, "annotation")
    if video.has(person, "invalid_runs"):
        for start in rng.integers(10, len(value) - 20, RUNS).tolist():
            value[start : start + int(rng.integers(2, 11))] = -5
    if video.has(person, "above_one"):
        value[len(value) // 3, 0] = 1.7
    if video.has(person, "two_fewer"):
        value = value[:-2]
    more = 1 if video.has(person, "one_more") else MORE if video.has(person, "hundreds_more") else 0
    value = np.concatenate([value, np.repeat(value[-1:], more, axis=0)])
    swapped = video.has(person, "columns_swapped")
    header = "arousal,valence" if swapped else "valence,arousal"
    lines = [
        header,
        *(f"{one:g},{other:g}" for one, other in (value[:, ::-1] if swapped else value).tolist()),
    ]
    _write(folder_of(video.split, root, found) / f"{person}.txt", lines)


def write_bad(name: str, kind: str, root: Path, found: Layout) -> None:
    """Write the annotation of a specimen without a video, and the folder of pictures it may have."""
    lines = ["valence,arousal", *["0.1,-0.2"] * _BAD_FRAMES]
    if kind == "expressions":
        lines = ["Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other", *["4"] * _BAD_FRAMES]
    if kind == "action_units":
        units = ",".join(f"AU{number}" for number in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
        lines = [units, *[",".join("0" * 12)] * _BAD_FRAMES]
    _write(folder_of("train", root, found) / f"{name}.txt", lines)
    if kind == "twice":
        _write(folder_of("val", root, found) / f"{name}.txt", lines)
    if kind == "no_pictures":
        (root / "cropped_aligned" / name).mkdir()


def write_tests(found: Layout, root: Path) -> None:
    """Write the list of test videos, with blank lines, and the template with a line for each frame of theirs."""
    tests = [video for video in found.videos if video.split == "test"]
    names = [person for video in tests for person in video.persons]
    _write(root / TEST_LIST, [*names, "", UNLISTED, "", ""])
    frames = [
        (person, number + 1) for video in tests for person in video.persons for number in range(video.frames)
    ]
    _write(root / TEMPLATE, [",".join(HEADER), *(f"{location(*frame)},0.0,0.0" for frame in frames)])


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
