"""A named edition: the same files wherever they lie, and no other corpus under its name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from affectssm.cli import main
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import StreamRow
from affectssm.corpora.named import check_held, write_held
from affectssm.errors import DataError
from affectssm.settings.corpora import CorpusSettings
from affectssm.store import layout
from affectssm.store.card import read_card
from tests.corpora.trees import SETTINGS, dyad
from tests.features.helpers import row

MTIME = CorpusSettings(**(SETTINGS.model_dump() | {"checksum": "mtime"}))


@pytest.fixture
def noxi(tmp_path: Path) -> Path:
    root = tmp_path / "disk1" / "NoXi"
    for number in range(1, 5):
        dyad(root / f"train/{number:03d}", rows=10 + number)
    return root


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    return layout.edition(tmp_path, "noxi", "lab1")


def found(root: Path, edition: Path, settings: CorpusSettings = SETTINGS) -> tuple[dict, dict]:
    """Discover; return shards.json and the card of the manifest."""
    out = edition.parents[1] / "out"
    shutil.rmtree(out, ignore_errors=True)  # as Snakemake does with the outputs of a job that it runs again
    discover_corpus("noxi", root, None, settings, out, edition)
    return json.loads((out / "shards.json").read_text()), read_card(out / "manifest.parquet") or {}


def moved(root: Path, to: Path, keep_times: bool = False) -> Path:
    shutil.copytree(root, to, copy_function=shutil.copy2 if keep_times else shutil.copyfile)
    if not keep_times:
        for path in to.rglob("*.*"):
            os.utime(path, ns=(1, 1))
    shutil.rmtree(root)
    return to


def test_a_corpus_that_moved_is_the_same_though_all_times_differ(noxi: Path, edition: Path) -> None:
    before, card = found(noxi, edition)
    after, card_after = found(moved(noxi, noxi.parents[1] / "disk2" / "corpus"), edition)
    assert after == before and card_after["id"] == card["id"]
    assert card_after["root"] != card["root"]


def test_so_is_one_whose_folders_lie_elsewhere_below_the_root(noxi: Path, edition: Path) -> None:
    before, _ = found(noxi, edition)
    moved(noxi, noxi.parents[1] / "disk2" / "corpora" / "NoXi")
    assert found(noxi.parents[1] / "disk2", edition)[0] == before


def test_by_times_a_corpus_that_kept_them_is_the_same(noxi: Path, edition: Path) -> None:
    before, _ = found(noxi, edition, MTIME)
    assert found(moved(noxi, noxi.parents[1] / "b", keep_times=True), edition, MTIME)[0] == before


def test_by_times_a_copy_that_lost_them_is_refused_and_the_reason_said(noxi: Path, edition: Path) -> None:
    found(noxi, edition, MTIME)
    with pytest.raises(DataError, match="copied without their times"):
        found(moved(noxi, noxi.parents[1] / "b"), edition, MTIME)


def test_fingerprints_of_another_kind_cannot_be_compared_and_say_so(noxi: Path, edition: Path) -> None:
    found(noxi, edition)
    with pytest.raises(DataError, match="fingerprinted by sha256, now by mtime"):
        found(noxi, edition, MTIME)


def test_another_corpus_under_the_name_is_refused_and_leaves_the_first_known(
    noxi: Path, edition: Path, tmp_path: Path
) -> None:
    before, _ = found(noxi, edition)
    other = tmp_path / "other"
    for number in range(3, 9):
        dyad(other / f"train/{number:03d}", rows=50 + number)
    with pytest.raises(DataError) as caught:
        found(other, edition)
    assert caught.value.where == "corpora.noxi.edition: lab1"
    assert "2 differ (003, 004) and 2 are not there (001, 002)" in caught.value.found
    assert not {"manifest.parquet", "shards.json"} & {path.name for path in (tmp_path / "out").iterdir()}
    assert found(noxi, edition)[0] == before
    layout.held_in(edition).unlink()  # the way that the error names
    found(other, edition)


def test_a_corpus_may_grow_and_half_of_it_may_change(noxi: Path, edition: Path) -> None:
    before, _ = found(noxi, edition)
    for number in range(5, 30):
        dyad(noxi / f"train/{number:03d}", rows=10)
    grown, _ = found(noxi, edition)
    shutil.rmtree(noxi / "train/001")
    for number in range(2, 15):
        dyad(noxi / f"train/{number:03d}", rows=20)
    mended, _ = found(noxi, edition)
    assert before != grown != mended
    dyad(noxi / "train/002", rows=30)
    found(noxi, edition)


def test_a_changed_label_of_every_recording_makes_no_other_corpus(noxi: Path, edition: Path) -> None:
    found(noxi, edition)
    for path in noxi.rglob("*.annotation.csv"):
        path.write_text(path.read_text().replace("0.5", "0.25"))
    found(noxi, edition)


def trials(table: str, subjects: dict[str, str]) -> list[StreamRow]:
    """Trials of a corpus whose ratings lie in one table."""
    return [
        row(
            kind, kind, corpus="deap", recording=f"{subject}_v{video}", participant=subject, checksum=checksum
        )
        for subject, signals in subjects.items()
        for video in (1, 2)
        for kind, checksum in (("eeg", signals), ("gsr", signals), ("ratings", table))
    ]


def test_a_mended_table_that_all_trials_share_is_no_other_corpus(edition: Path) -> None:
    write_held(edition, trials("sha256:t", {"s01": "sha256:1", "s02": "sha256:2"}))
    check_held(edition, "deap", trials("sha256:u", {"s01": "sha256:1", "s02": "sha256:2"}))
    with pytest.raises(DataError, match="4 differ"):
        check_held(edition, "deap", trials("sha256:t", {"s01": "sha256:8", "s02": "sha256:9"}))


def test_a_record_that_does_not_read_is_named(edition: Path, noxi: Path) -> None:
    for text in ("{", "[1]", '{"001": 3}'):
        layout.held_in(edition).parent.mkdir(parents=True, exist_ok=True)
        layout.held_in(edition).write_text(text)
        with pytest.raises(DataError, match="what the edition holds"):
            found(noxi, edition)


def test_the_command_line_takes_the_root_from_the_edition(
    noxi: Path, edition: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    asked = [
        "--settings",
        SETTINGS.model_dump_json(exclude={"root", "ground_truth"}),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(["discover", "noxi", "--edition", str(edition), *asked]) == 1
    assert "places.json" in capsys.readouterr().err
    layout.write_places(edition, str(noxi), None)
    assert main(["discover", "noxi", "--edition", str(edition), *asked]) == 0
    assert layout.held_in(edition).is_file()
    assert main(["discover", "noxi", *asked]) == 1
    assert "neither --root nor --edition" in capsys.readouterr().err
