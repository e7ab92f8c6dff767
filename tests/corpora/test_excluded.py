"""What the settings leave out of a corpus, of any kind: rows, seats, faults, and whose results stay as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest
from affectssm.errors import AffectError, ConfigError
from affectssm.evaluation.frame_reading import expected_of
from affectssm.families.configuration import load_config
from affectssm.plan.plan import Plan
from affectssm.settings.corpora import settings_class
from affectssm.store.faults import read_faults
from affectssm.store.layout import shard_index
from tests.corpora.trees import SETTINGS, codes, dyad

WHY = "no consent for publication"


def found(
    root: Path, exclude: list[dict[str, Any]], edition: Path | None = None, corpus: str = "noxi"
) -> Manifest:
    settings = settings_class(corpus)(**SETTINGS.model_dump() | {"shards": 1, "exclude": exclude})
    return discover_corpus(corpus, root, None, settings, root.parent / "out", edition)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("001", "002", "003"):
        dyad(tmp_path / "root/train" / name)
    (tmp_path / "root/train/002/novice.engagement.annotation.csv").write_text("nan\n" * 50)
    return tmp_path / "root"


def units(manifest: Manifest) -> set[tuple[str, str]]:
    return {(row.recording, row.participant) for row in manifest.rows}


def test_a_recording_is_in_no_row_and_no_seat_and_its_faults_say_that_alone(root: Path) -> None:
    whole = units(found(root, []))
    manifest = found(root, [{"recordings": ["002"], "reason": WHY}])
    assert units(manifest) == {unit for unit in whole if unit[0] != "002"}
    assert set(manifest.seats["train"]) == {"001", "003"}
    (fault,) = [fault for fault in manifest.faults.rows if fault.recording == "002"]
    assert (fault.code, fault.participant, fault.action) == ("excluded", "", "ignored") and WHY in fault.found
    assert read_faults(root.parent / "out/faults.parquet") == sorted(
        manifest.faults.rows, key=lambda row: tuple(vars(row).values())
    )
    # nobody misses what was left out on purpose
    assert set(expected_of([root.parent / "out/manifest.parquet"], {}).seats["noxi", "train"]) == {
        "001",
        "003",
    }


def test_participants_of_all_recordings_or_of_some(root: Path) -> None:
    manifest = found(root, [{"participants": ["novice"], "recordings": ["001"], "reason": "another person"}])
    assert {who for name, who in units(manifest) if name == "001"} == {"expert"}
    assert {who for name, who in units(manifest) if name == "002"} == {"expert", "novice"}
    assert manifest.seats["train"]["001"] == ["expert"]
    everywhere = found(root, [{"participants": ["novice"], "reason": WHY}])
    assert {who for _, who in units(everywhere)} == {"expert"} and codes(everywhere).count("excluded") == 3
    both = found(root, [{"recordings": ["001"], "reason": "a"}, {"participants": ["expert"], "reason": "b"}])
    assert {fault.found.rpartition(": ")[2] for fault in both.faults.rows if fault.code == "excluded"} == {
        "a",
        "b",
    }


@pytest.mark.parametrize(
    ("exclude", "text"),
    [
        ({"recordings": ["01"]}, r"'01', which there is not[\s\S]*did you mean 001"),
        ({"participants": ["expret"]}, "did you mean expert"),
        ({"recordings": ["001", "002", "003"]}, "everything is left out"),
    ],
)
def test_names_that_match_nothing_are_told_with_those_that_are_near(
    root: Path, exclude: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        found(root, [exclude | {"reason": WHY}])


@pytest.mark.parametrize(
    ("exclude", "text"),
    [
        ([{"recordings": ["001"]}], "reason"),
        ([{"recordings": ["001"], "reason": ""}], "reason"),
        ([{"reason": "x"}], "recordings or participants"),
        ([{"recording": ["001"], "reason": "x"}], "did you mean recordings"),
        ([{"recordings": [1], "reason": "x"}], "in quotes"),
    ],
)
def test_settings_that_say_too_little_are_refused(exclude: Any, text: str) -> None:
    with pytest.raises(AffectError, match=text):
        load_config({"corpora": {"noxi": {"root": "/data/NoXi", "exclude": exclude}}})


def test_editions_change_with_what_is_left_out_alone(root: Path) -> None:
    def edition(**more: Any) -> str:
        return Plan({"corpora": {"noxi": {"root": str(root), **more}}}).places.edition("noxi")

    def told(**more: Any) -> dict[str, Any]:
        settings = Plan({"corpora": {"noxi": {"root": str(root), **more}}}).places.discover_arguments("noxi")
        return json.loads(settings.split("--settings ")[1].strip("'"))

    one, other = ({"recordings": ["001"], "reason": reason} for reason in "ab")
    assert edition() == edition(exclude=[])
    assert "exclude" not in told() and told(exclude=[one])["exclude"][0]["reason"] == "a"
    assert edition(exclude=[one]) == edition(exclude=[other]) != edition()
    assert edition(exclude=[one], edition="lab") == edition(edition="lab")


def test_of_a_named_edition_more_than_half_may_be_left_out_and_come_back(root: Path) -> None:
    folder = root.parent / "noxi-lab"
    folder.mkdir()
    found(root, [], folder)
    before = shard_index(root.parent / "out")["splits"]
    manifest = found(root, [{"recordings": ["001", "003"], "reason": WHY}], folder)
    assert {name for name, _ in units(manifest)} == {"002"}
    assert shard_index(root.parent / "out")["splits"] != before
    assert len(units(found(root, [], folder))) == 6
    assert shard_index(root.parent / "out")["splits"] == before
