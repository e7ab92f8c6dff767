"""A root that holds a part of its corpus, or two copies of it, is refused before anything is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from affectssm.corpora import complete
from affectssm.corpora.complete import check_complete
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.listing import Listing, walk
from affectssm.corpora.roots import look_at_roots
from affectssm.errors import DataError
from affectssm.families.configuration import load_config
from affectssm.settings.corpora import settings_class
from affectssm.vocabulary.corpora import CORPORA
from tests.corpora.test_deap import table
from tests.corpora.trees import MM25, dyad, label, streams

WHOLE = {
    "noxi": {"train": 2, "val": 1, "test-base": 1, "labels": 6},
    "noxi_add": {"test-additional": 1},
    "mpiigi": {"val": 1, "test": 1, "labels": 4},
    "deap": {"signals": 2, "ratings": 1},
    "mahnob": {"signals": 2},
}


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def make(corpus: str, root: Path) -> Path:
    """A whole corpus, by the names of its files."""
    if corpus in ("noxi", "noxi_add"):
        for place, labels in (
            ("train/001", True),
            ("train/002", True),
            ("val/003", True),
            ("test-base/004", False),
        ):
            dyad(root / place, labels=labels, rows=2)
        dyad(root / "test-additional/005", labels=False, rows=2)
    elif corpus == "mpiigi":
        for split, name in (("val", "008"), ("test", "001")):
            for seat in range(1, 5):
                streams(root / f"precomputed-features-{split}" / name, f"subjectPos{seat}", MM25, 2)
        for seat in range(1, 5):
            label(root / "engagement-annotations-val" / "008", f"subjectPos{seat}")
    elif corpus == "deap":
        for name in ("s01", "s02"):
            touch(root / "data_preprocessed_python" / f"{name}.dat")
            touch(root / "data_original" / f"{name}.bdf")
        table(root, ["1,1,1,0,5,5,5,5,3"])
    else:
        for number in (2, 4):
            touch(root / f"Sessions/{number}/Part_1_S_Trial{number // 2}_emotion.bdf")
            touch(root / f"Sessions/{number}/session.xml")
    return root


def settings(corpus: str, **more):
    return settings_class(corpus)(root="unused", shards=1, **more)


@pytest.mark.parametrize("corpus", WHOLE)
def test_a_whole_corpus_passes_at_its_root_and_one_above(tmp_path: Path, corpus: str) -> None:
    root = make(corpus, tmp_path / "disk" / "corpus")
    for each in (root, root.parent):
        assert dict(check_complete(corpus, each, settings(corpus)).counts) == WHOLE[corpus]


@pytest.mark.parametrize(
    ("corpus", "below", "missing"),
    [
        ("noxi", "train", "without val, test-base"),
        ("noxi", "train/001", "without train, val, test-base, labels"),
        ("noxi", "test-base", "without train, val, labels"),
        ("noxi_add", "test-additional/005", "without test-additional"),
        ("noxi_add", "train", "without test-additional"),
        ("mpiigi", "precomputed-features-val", "without test, labels"),
        ("mpiigi", "engagement-annotations-val", "without val, test"),
        ("deap", "data_preprocessed_python", "without ratings"),
        ("deap", "metadata_csv", "without signals"),
        ("mahnob", "Sessions/2", "without signals"),
    ],
)
def test_a_root_too_deep_is_refused_and_the_right_one_named(
    tmp_path: Path, corpus: str, below: str, missing: str
) -> None:
    root = make(corpus, tmp_path / "disk" / "corpus")
    with pytest.raises(DataError) as caught:
        discover_corpus(corpus, root / below, None, settings(corpus), tmp_path / "out")
    assert missing in caught.value.found
    better = {"noxi_add/005": root / "test-additional", "mahnob/2": root / "Sessions"}.get(
        f"{corpus}/{Path(below).name}", root
    )
    assert f"did you mean {better}?" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_what_lies_above_and_folders_under_a_files_name_go_by_the_same_names_in_either_case(
    tmp_path: Path,
) -> None:
    for name in ("expert.video.MP4", "expert.audio.wav", "notes.txt"):
        touch(tmp_path / "train/001" / name)
    (tmp_path / "train/001/novice.video.MP4").mkdir()
    listing = walk(tmp_path, CORPORA["noxi"].files)
    found = {"train/001/expert.video.MP4", "train/001/expert.audio.wav"}
    assert {entry.rel for entry in listing.files} == found
    assert {entry.rel for entry in complete._glimpse(tmp_path, CORPORA["noxi"].files).files} == found
    assert [path for path, _ in listing.unreadable] == ["train/001/novice.video.MP4"]


@pytest.mark.parametrize(("corpus", "inside"), [("noxi_add", "test-additional"), ("mahnob", "Sessions")])
def test_a_deeper_root_that_holds_all_of_the_corpus_passes(tmp_path: Path, corpus: str, inside: str) -> None:
    root = make(corpus, tmp_path / "corpus")
    assert dict(check_complete(corpus, root / inside, settings(corpus)).counts) == WHOLE[corpus]


def test_the_original_variant_needs_its_own_files_and_the_table(tmp_path: Path) -> None:
    root = make("deap", tmp_path / "DEAP")
    original = settings("deap", variant="original")
    assert check_complete("deap", root, original).counts == WHOLE["deap"]
    shutil.rmtree(root / "data_original")
    with pytest.raises(DataError, match="without signals"):
        check_complete("deap", root, original)


@pytest.mark.parametrize(
    ("corpus", "part", "folder"),
    [
        ("noxi", "test-base", "test-base"),
        ("mpiigi", "test", "precomputed-features-test"),
        ("deap", "ratings", "metadata_csv"),
    ],
)
def test_a_part_that_a_lab_does_not_hold_is_named_and_then_not_asked_for(
    tmp_path: Path, corpus: str, part: str, folder: str
) -> None:
    root = make(corpus, tmp_path / "corpus")
    shutil.rmtree(root / folder)
    with pytest.raises(DataError) as caught:
        check_complete(corpus, root, settings(corpus))
    assert f"corpora.{corpus}.lacks: [{part}]" in caught.value.remedy
    found = check_complete(corpus, root, settings(corpus, lacks=(part,))).counts
    assert dict(found) == {name: count for name, count in WHOLE[corpus].items() if name != part}


def test_a_folder_above_that_holds_other_copies_is_no_better_root(tmp_path: Path) -> None:
    root = make("noxi", tmp_path / "disk" / "new" / "noxi")
    make("noxi", tmp_path / "disk" / "old" / "noxi")
    shutil.rmtree(root / "test-base")
    with pytest.raises(DataError) as caught:
        check_complete("noxi", root, settings("noxi"))
    assert "without test-base" in caught.value.found and "did you mean" not in caught.value.remedy


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("results/demo/tiny/card.json", '{"card": {"stage": "corpora/demo"}}'),
        ("results/written-by-affectssm.txt", ""),
    ],
)
def test_neither_is_one_that_holds_our_own_output_or_nothing_of_the_root(
    tmp_path: Path, mark: str, text: str
) -> None:
    root = make("noxi", tmp_path / "disk" / "data" / "noxi")
    shutil.rmtree(root / "test-base")
    make("noxi", tmp_path / "disk" / "data" / "results" / "demo" / "tiny" / "noxi")
    (tmp_path / "disk" / "data" / mark).write_text(text)
    with pytest.raises(DataError) as caught:
        check_complete("noxi", root, settings("noxi"))
    assert "did you mean" not in caught.value.remedy
    empty = root.parent / "empty"
    empty.mkdir()
    assert not check_complete("noxi", empty, settings("noxi")).counts, (
        "the discovery says what is wrong with it"
    )


def test_all_that_the_machine_has_is_never_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(
        complete, "_glimpse", lambda folder, files, *_: (looked.append(folder), Listing(folder, files))[1]
    )
    monkeypatch.setattr(complete, "LEVELS_ABOVE", 99)
    assert not check_complete("noxi", tmp_path, settings("noxi")).counts
    assert looked == list(tmp_path.parents)[:-1]


@pytest.mark.parametrize("corpus", WHOLE)
def test_a_root_above_two_copies_is_refused_and_both_are_named(tmp_path: Path, corpus: str) -> None:
    for name in ("a", "b"):
        make(corpus, tmp_path / "disk" / name)
    with pytest.raises(DataError, match="more than once") as caught:
        check_complete(corpus, tmp_path / "disk", settings(corpus))
    for name in ("a", "b"):
        assert str(tmp_path / "disk" / name) in caught.value.found


def test_one_session_that_lies_there_twice_is_no_second_copy(tmp_path: Path) -> None:
    root = make("noxi", tmp_path / "noxi")
    shutil.copytree(root / "train/001", root / "older" / "train" / "001")
    assert check_complete("noxi", root, settings("noxi")).counts == WHOLE["noxi"]


def test_two_corpora_below_one_root_are_told_apart(tmp_path: Path) -> None:
    for corpus in ("noxi", "mpiigi"):
        make(corpus, tmp_path / corpus)
    for corpus in ("noxi", "noxi_add", "mpiigi"):
        assert dict(check_complete(corpus, tmp_path, settings(corpus)).counts) == WHOLE[corpus]


def test_what_lies_above_is_looked_at_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make("noxi", tmp_path / "disk" / "noxi")
    for number in range(50):
        (tmp_path / "disk" / f"other{number:02d}" / "deep").mkdir(parents=True)
    monkeypatch.setattr(complete, "FOLDERS_ABOVE", 3)
    with pytest.raises(DataError) as caught:
        check_complete("noxi", root / "train", settings("noxi"))
    assert "without val, test-base" in caught.value.found and "did you mean" not in caught.value.remedy


def test_the_roots_of_a_configuration_are_looked_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = make("noxi", tmp_path / "noxi")
    deap = make("deap", tmp_path / "deap")
    given = {
        "noxi": {"root": str(root)},
        "noxi_add": {"root": "none"},
        "mpiigi": {"root": str(tmp_path / "nowhere")},
        "deap": {"root": str(deap / "data_preprocessed_python")},
    }
    with pytest.raises(DataError, match="nowhere"):
        look_at_roots(load_config({"corpora": given}))
    said = dict(line.removeprefix("# ").split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert (
        said["noxi"] == f"{root}: train: 2 sessions, val: 1 sessions, test-base: 1 sessions, labels: 6 files"
    )
    assert said["noxi_add"] == "not held"
    assert "WRONG: no such folder" in said["mpiigi"]
    assert "WRONG: signals: 2 subjects" in said["deap"] and "without ratings" in said["deap"]
    assert said["mahnob"] == "demo, made here"
