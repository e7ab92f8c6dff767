"""A corpus in a layout of its own, described as docs/add_a_corpus.md says, goes from its files to labels and windows.

The module and the line of the vocabulary are those of the page.
"""

from __future__ import annotations

import importlib
import re
import shutil
import textwrap
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.corpora.complete import check_complete
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.listing import walk
from affectssm.corpora.manifest import Manifest
from affectssm.corpora.sessions import find_sessions
from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import WindowSettings
from affectssm.families.dialogue.stages.windows import write_windows
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.corpora import PlaceSettings, settings_class
from affectssm.store.code import reachable
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader, Track
from affectssm.timeline.index import read_windows
from affectssm.vocabulary import corpora
from affectssm.vocabulary.stages import discovery_modules, feature_modules
from tests.corpora.trees import codes, mp4, one, pick, wav

PAGE = Path(__file__).resolve().parents[2] / "docs/add_a_corpus.md"
SECONDS = 2
SESSIONS = {"training/dyad_001": "train", "validation/dyad_002": "val", "testing/dyad_012": "test"}


def block(start: str) -> str:
    """The lines of the page from one that begins so to the next one that is less indented."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(lines) if line.lstrip().startswith(start))
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    own = takewhile(lambda line: not line or line.startswith(indent), lines[first:])
    return textwrap.dedent("\n".join(own))


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus of the page, in a package of a lab."""
    package = tmp_path / "lab" / "fieldlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "dyads.py").write_text(block('"""Dyads:'))
    monkeypatch.syspath_prepend(package.parent)
    entry = block('"dyads": Corpus(').replace("affectssm.corpora.dyads", "fieldlab.dyads")
    monkeypatch.setitem(corpora.CORPORA, "dyads", eval(f"{{{entry}}}", vars(corpora))["dyads"])  # noqa: S307


def label(path: Path, hz: int = 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row / hz:.2f};{row / hz / SECONDS:.4f}\n" for row in range(SECONDS * hz)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "disk" / "dyads"
    for session in SESSIONS:
        for role in ("left", "right"):
            wav(root / session / f"{role}.wav", SECONDS)
            mp4(root / session / f"{role}.mkv", 25 * SECONDS)
            label(root / "labels" / Path(session).name / f"{role}.csv")
    return root


def settings(**given: Any) -> PlaceSettings:
    return settings_class("dyads")(shards=1, **given)


def discovered(root: Path, out: Path, truth: Path | None = None, **given: Any) -> Manifest:
    return discover_corpus("dyads", root, truth, settings(**given), out)


def extracted(feature: str, root: Path, out: Path) -> dict[tuple[str, str], Track]:
    path = out / f"{feature}.h5"
    extract_shard(feature, Shard(out / "manifest.parquet", "s00", root), {}, path, out / f"{feature}.parquet")
    with ShardReader(path) as reader:
        return {key: reader.track(*key) for key in reader.keys()}  # noqa: SIM118


def test_it_is_found_whole_and_without_a_fault(tmp_path: Path, root: Path) -> None:
    manifest = discovered(root, tmp_path / "out")
    assert not manifest.faults.rows
    assert settings().root == corpora.NO_CORPUS  # unless a lab says where it is
    assert {row.recording: row.split for row in manifest.rows} == {
        Path(session).name: split for session, split in SESSIONS.items()
    }
    assert len(manifest.rows) == 3 * 2 * 3
    row = one(manifest, recording="dyad_012", participant="right", kind="annotation")
    assert (row.path, row.rate, row.frames) == ("labels/dyad_012/right.csv", 25.0, 25 * SECONDS)
    row = one(manifest, recording="dyad_001", participant="left", kind="video")
    assert (row.path, row.frames) == ("training/dyad_001/left.mkv", 25 * SECONDS)
    held = check_complete("dyads", root, settings()).counts
    assert held == {"train": 1, "val": 1, "test": 1, "labels": 4}


def test_its_labels_come_to_the_label_clock_and_those_of_tests_apart(tmp_path: Path, root: Path) -> None:
    discovered(root, tmp_path / "out")
    labels, held_out = (extracted(name, root, tmp_path / "out") for name in ("engagement", "engagement_test"))
    assert {recording for recording, _ in labels} == {"dyad_001", "dyad_002"}
    assert {recording for recording, _ in held_out} == {"dyad_012"}
    frames = (np.arange(25 * SECONDS) + 0.5) / 25
    for track in (*labels.values(), *held_out.values()):
        np.testing.assert_allclose(track.time, frames)
        expected = np.minimum(frames, SECONDS - 0.1) / SECONDS  # the last value is held
        np.testing.assert_allclose(track.value[:, 0], expected, atol=1e-4)
        assert track.valid.all()


def test_its_windows_are_learnt_from_and_predicted(tmp_path: Path, root: Path) -> None:
    out = tmp_path / "out"
    discovered(root, out)
    for part in ("training", "prediction"):
        told = WindowSettings(part=part, kinds=("audio", "video"), clock_hz=25)
        write_windows(told, [out / "manifest.parquet"], out)
    found = {name: read_windows(out / f"{name}.parquet").targets for name in ("train", "test")}
    assert {one.recording for one in found["train"]} == {"dyad_001"}
    assert {one.recording for one in found["test"]} == {"dyad_002", "dyad_012"}
    assert {(one.label_frames, one.partners) for one in found["test"]} == {
        (25 * SECONDS, ("left",)), (25 * SECONDS, ("right",)),
    }  # fmt: skip
    assert not read_parquet(out / "missing.parquet").num_rows


def test_what_is_wrong_with_labels_in_a_tree_of_their_own_is_said(tmp_path: Path, root: Path) -> None:
    label(root / "labels/dyad_099/left.csv")
    label(root / "labels/dyad_001/middle.csv")
    label(root / "older/labels/dyad_001/left.csv")
    (root / "labels/dyad_001/right.csv").write_text("high;0.5\n0.1;none\n")
    (root / "labels/dyad_002/left.csv").unlink()
    manifest = discovered(root, tmp_path / "out")
    assert sorted(set(codes(manifest))) == [
        "duplicate_stream", "ground_truth_unmatched", "label_empty", "label_not_a_number", "missing_annotation",
        "unknown_role",
    ]  # fmt: skip
    (loose,) = [fault for fault in manifest.faults.rows if fault.code == "ground_truth_unmatched"]
    assert "labels/dyad_099/left.csv" in loose.found
    assert one(manifest, recording="dyad_001", kind="annotation").path == "labels/dyad_001/left.csv"
    assert codes(manifest, recording="dyad_002", participant="left") == ["missing_annotation"]
    assert len(pick(manifest, kind="video")) == 6


def test_labels_of_its_test_part_may_lie_below_a_root_of_their_own(tmp_path: Path, root: Path) -> None:
    truth = tmp_path / "truth"
    shutil.move(root / "labels/dyad_012", truth / "labels/dyad_012")
    label(truth / "labels/dyad_098/left.csv")
    withheld = discovered(root, tmp_path / "withheld")
    assert codes(withheld) == ["labels_withheld"]
    manifest = discovered(root, tmp_path / "out", truth)
    assert codes(manifest) == ["ground_truth_unmatched"]
    assert {row.base for row in pick(manifest, recording="dyad_012", kind="annotation")} == {"ground_truth"}


def test_roles_may_stand_elsewhere_in_the_names_of_files(tmp_path: Path) -> None:
    dyads = importlib.import_module("fieldlab.dyads").DYADS
    other = replace(
        dyads, file=re.compile(r"(?P<name>cam|mic)_(?P<role>\w+)\..+"), media={"mic": "audio", "cam": "video"},
        label="labels/{split}/{session}-{role}.csv",
    )  # fmt: skip
    for name in ("cam_left.mkv", "cam_left.mp4", "mic_left.wav", "cam_dog.mkv", "left.wav"):
        (tmp_path / "training/dyad_001").mkdir(parents=True, exist_ok=True)
        (tmp_path / "training/dyad_001" / name).touch()
    for split in ("training", "testing"):
        label(tmp_path / "labels" / split / "dyad_001-left.csv")
    found = find_sessions(
        walk(tmp_path, (".mkv", ".mp4", ".wav", ".csv"), split_folder=other.split_folder), other
    )
    (session,) = found.sessions.values()
    assert {key: [entry.parts[-1] for entry in files] for key, files in session.files.items()} == {
        ("left", "video"): ["cam_left.mkv", "cam_left.mp4"],
        ("left", "audio"): ["mic_left.wav"],
        ("left", "annotation"): ["dyad_001-left.csv"],
    }
    assert session.unknown == {"dog": ["cam_dog.mkv"]}
    assert [entry.rel for entry in found.loose] == ["labels/testing/dyad_001-left.csv"]


def test_a_part_of_it_is_refused_and_the_whole_named(tmp_path: Path, root: Path) -> None:
    with pytest.raises(DataError, match="without val, test, labels") as caught:
        discovered(root / "training", tmp_path / "out")
    assert f"did you mean {root}?" in caught.value.remedy
    shutil.rmtree(root / "testing")
    manifest = discovered(root, tmp_path / "out", lacks=("test",))
    assert {row.split for row in manifest.rows} == {"train", "val"}


def test_how_its_labels_are_read_counts_for_its_own_labels_alone() -> None:
    read = corpora.CORPORA["dyads"].labels
    assert read in feature_modules("engagement", ["dyads"]) and read in discovery_modules("dyads")
    assert read not in feature_modules("engagement", ["noxi"])
    assert feature_modules("wav2vec2", ["dyads"]) == feature_modules("wav2vec2", ["noxi"])
    assert "fieldlab.dyads" in reachable(*discovery_modules("dyads"))
    assert "fieldlab.dyads" not in reachable(*feature_modules("engagement", ["dyads"]))
