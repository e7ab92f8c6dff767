"""This workflow's own output is never taken for somebody's corpus, wherever it lies and whatever it is called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from affectssm.cli import main
from affectssm.corpora import noxi
from affectssm.corpora.demo.physio import write_physio_demo
from affectssm.corpora.listing import listing_fingerprint, walk
from affectssm.errors import ConfigError, DataError
from affectssm.families.configuration import load_config
from affectssm.plan.plan import Plan
from affectssm.settings.corpora import CorpusSettings
from affectssm.store import own
from affectssm.vocabulary.corpora import CORPORA
from tests.corpora.trees import MM24, codes, dyad, pick

SETTINGS = CorpusSettings(root="unused", shards=1)


def demo(folder: Path) -> Path:
    """A folder with a session and a demo's card."""
    dyad(folder / "noxi/train/900", {"audio.egemapsv2": 88})
    (folder / "card.json").write_text(json.dumps({"card": {"stage": "corpora/demo", "files": {}}}))
    return folder


def recordings(manifest) -> list[str]:
    return sorted({row.recording for row in manifest.rows})


@pytest.mark.parametrize("inside", ["checkout/results/demo/demo", "copies/renamed", "train/card"])
def test_a_demo_below_a_root_is_left_out_and_told(tmp_path: Path, inside: str) -> None:
    dyad(tmp_path / "train/001")
    demo(tmp_path / inside)
    manifest = noxi.discover(tmp_path, None, SETTINGS)
    assert recordings(manifest) == ["001"]
    (fault,) = [fault for fault in manifest.faults.rows if fault.code == "own_output"]
    assert fault.stream == inside


def test_a_results_folder_is_left_out_also_where_it_is_linked_and_renamed(tmp_path: Path) -> None:
    root, results = tmp_path / "root", tmp_path / "elsewhere" / "old-results"
    dyad(root / "train/001")
    dyad(results / "windows/train/902")
    own.mark(results)
    (root / "checkout").mkdir()
    (root / "checkout" / "results").symlink_to(results)
    manifest = noxi.discover(root, None, SETTINGS)
    assert recordings(manifest) == ["001"]
    assert codes(manifest, stream="checkout/results") == ["own_output"]
    before = listing_fingerprint(root, CORPORA["noxi"].files)
    (results / "windows/train/902/expert.egemapsv2.stream").write_text("changed")
    assert listing_fingerprint(root, CORPORA["noxi"].files) == before


def test_the_plan_marks_the_results_folder(tmp_path: Path) -> None:
    results = tmp_path / "results"
    Plan({}, str(results)).write_computing()
    assert own.is_own(results)
    text = (results / own.MARK).read_text()
    Plan({}, str(results)).write_computing()
    assert (results / own.MARK).read_text() == text


def test_a_written_demo_is_known_by_its_card(tmp_path: Path) -> None:
    write_physio_demo("physio-tiny", tmp_path / "made")
    assert own.is_demo(tmp_path / "made") and own.within_demo(tmp_path / "made" / "deap")
    assert walk(tmp_path, (), strays=True).files == []
    moved = shutil.move(tmp_path / "made", tmp_path / "DEAP")
    assert own.within_demo(Path(moved) / "deap")


@pytest.mark.parametrize(
    "card",
    [
        "",
        "[]",
        "{}",
        '{"card": 3}',
        '{"card": {"stage": 7}}',
        '{"card": {"stage": "features"}}',
        "\xff",
        "[" * 9999,
    ],
)
def test_other_peoples_cards_say_nothing(tmp_path: Path, card: str) -> None:
    dyad(tmp_path / "data/train/001")
    (tmp_path / "data" / "card.json").write_bytes(card.encode("latin-1"))
    assert recordings(noxi.discover(tmp_path, None, SETTINGS)) == ["001"]


def test_a_folder_that_the_system_does_not_let_us_look_into_is_not_ours(tmp_path: Path) -> None:
    assert not own.is_own(tmp_path / ("a" * 300))


def test_a_root_with_nothing_but_our_own_output_says_so(tmp_path: Path) -> None:
    demo(tmp_path / "demo")
    with pytest.raises(DataError, match="affectssm wrote it: demo"):
        noxi.discover(tmp_path, None, SETTINGS)


def test_labels_below_the_ground_truth_that_are_our_own_are_left_out(tmp_path: Path) -> None:
    root, truth = tmp_path / "root", tmp_path / "truth"
    dyad(root / "train/001")
    dyad(root / "test-base/002", labels=False)
    for place in ("labels/test-base/002", "checkout/demo/test-base/002"):
        dyad(truth / place, MM24)
    (truth / "checkout" / "demo" / "card.json").write_text('{"card": {"stage": "corpora/demo"}}')
    manifest = noxi.discover(root, truth, SETTINGS)
    paths = {row.path for row in pick(manifest, base="ground_truth")}
    assert paths == {
        f"labels/test-base/002/{role}.engagement.annotation.csv" for role in ("expert", "novice")
    }
    assert codes(manifest, stream="checkout/demo") == ["own_output"]


@pytest.mark.parametrize("where", ["noxi", ".", "link"])
def test_a_demos_folder_given_by_its_path_is_demo_data(tmp_path: Path, where: str) -> None:
    folder = demo(tmp_path / "copy")
    (tmp_path / "copy" / "link").symlink_to("noxi")
    real = dyad(tmp_path / "real/train/001").parents[1]
    plan = Plan(
        {"corpora": {"noxi": {"root": str(folder / where)}, "noxi_add": {"root": str(real)}}}, str(tmp_path)
    )
    assert "noxi" in plan.places.demo_data and "noxi_add" not in plan.places.demo_data
    assert not plan.places.is_demo("noxi") and plan.places.root("noxi") == str(folder / where)
    assert '"demo": ["mpiigi", "noxi"]' in plan.tables.table_arguments("noxi_ccc")


def test_labels_of_a_demo_make_demo_data(tmp_path: Path) -> None:
    real = dyad(tmp_path / "real/train/001").parents[1]
    truth = demo(tmp_path / "copy") / "noxi"
    given = {"root": str(real), "ground_truth": str(truth)}
    assert "noxi" in Plan({"corpora": {"noxi": given}}, str(tmp_path)).places.demo_data


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.parametrize("key", ["root", "ground_truth"])
def test_an_empty_folder_name_is_refused(empty: str, key: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(ConfigError, match="the working folder"):
        load_config({"corpora": {"noxi": {key: empty}}})
    with pytest.raises(ConfigError, match="the working folder"):
        load_config({"corpora": {"deap": {"root": empty}}})
    with pytest.raises(SystemExit):
        main(["discover", "noxi", "--root", empty, "--out", "unused"])
    assert "not an empty text" in capsys.readouterr().err
