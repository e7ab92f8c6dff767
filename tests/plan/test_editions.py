"""How editions are called, what decides whether jobs run again, and what a lab is told before anything starts."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from affectssm.errors import ConfigError
from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.features import FeaturePlan
from affectssm.plan.plan import Plan
from affectssm.store import layout
from affectssm.vocabulary.corpora import CORPORA
from tests.corpora.trees import dyad

NAMED = {"root": "/data/NoXi", "shards": 4, "edition": "lab1"}


def whole(results: Path | str = "results", scale: str = "paper", **corpora) -> Plan:
    return Plan({"scale": scale, "corpora": corpora}, str(results))


def plan(results: Path | str = "results", **corpora) -> CorpusPlan:
    return whole(results, **corpora).places


def edition(made: Plan, family: str = "dialogue") -> str:
    return made.families[family].edition


def options(words: str) -> list[str]:
    return [word for word in shlex.split(words) if word.startswith("--")]


def test_without_a_name_an_edition_is_the_fingerprint_that_it_was() -> None:
    for corpus, settings in (
        ("noxi", {"root": "/data/NoXi", "shards": 4, "checksum": "mtime"}),
        ("deap", {"root": "/data/DEAP", "shards": 2, "checksum": "sha256", "variant": "original"}),
    ):
        expected = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
        assert plan(**{corpus: settings}).edition(corpus) == expected
        assert plan(**{corpus: settings | {"edition": None, "lacks": []}}).edition(corpus) == expected


@pytest.mark.parametrize("own", [NAMED, {"root": "/data/NoXi", "shards": 4}])
def test_every_scale_has_editions_of_its_own_that_replace_nothing(own: dict[str, object]) -> None:
    scales = {scale: whole(scale=scale, noxi=own) for scale in ("paper", "demo", "tiny")}
    assert len({made.places.name("noxi") for made in scales.values()}) == 3
    for what in ("dialogue", "biosignals"):
        assert len({edition(made, what) for made in scales.values()}) == (3 if what == "dialogue" else 1)
    runs = {name for made in scales.values() for name in made.families["dialogue"].experiments}
    assert len(runs) == sum(len(made.families["dialogue"].experiments) for made in scales.values())
    named = scales["demo"].places.edition("noxi") if "edition" in own else ""
    assert named in ("", "lab1-4-demo_scale")


def test_without_a_name_a_discovery_is_told_what_it_was_told() -> None:
    words = shlex.split(plan(noxi={"root": "/data/NoXi", "shards": 4}).discover_arguments("noxi"))
    assert words[:3] == ["noxi", "--root", "/data/NoXi"]
    told = {"root": "/data/NoXi", "ground_truth": None, "shards": 4, "checksum": "sha256"}
    assert json.loads(words[4]) == told
    lacking = plan(noxi={"root": "/data/NoXi", "lacks": ["test-base"]}).discover_arguments("noxi")
    assert json.loads(shlex.split(lacking)[4])["lacks"] == ["test-base"]


@pytest.mark.parametrize("feature", ["egemapsv2", "engagement_test"])
def test_where_a_named_corpus_lies_is_no_part_of_what_jobs_are_told(tmp_path: Path, feature: str) -> None:
    def told(places: CorpusPlan) -> str:
        return FeaturePlan(places).feature_arguments("noxi", feature)

    truth = {"ground_truth": "/data/truth"}
    here = plan(tmp_path, noxi=NAMED | truth)
    there = plan(tmp_path, noxi=NAMED | {"root": "/mnt/new/NoXi", "ground_truth": "/mnt/truth"})
    assert here.name("noxi") == there.name("noxi") == "noxi-lab1-4"
    assert here.discover_arguments("noxi") == there.discover_arguments("noxi")
    assert told(here) == told(there)
    for words in (here.discover_arguments("noxi"), told(here)):
        assert options(words) == ["--edition", "--settings"] and "/data" not in words
    folder = here.edition_folder("noxi")
    for made, root, labels in ((here, "/data/NoXi", "/data/truth"), (there, "/mnt/new/NoXi", "/mnt/truth")):
        made.write_places()
        assert layout.places(folder) == (Path(root), Path(labels))


def test_a_corpus_that_moved_with_its_times_lists_the_same(tmp_path: Path) -> None:
    dyad(tmp_path / "a/train/001")
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "c")
    listed = [plan(noxi=NAMED | {"root": str(tmp_path / place)}).listing("noxi") for place in ("a", "b/c")]
    assert listed[0] == listed[1]


def test_tasks_and_tables_carry_the_name_and_the_shards() -> None:
    named = {"noxi": NAMED, "noxi_add": NAMED | {"shards": 1}, "mpiigi": NAMED | {"root": "/data/MPIIGI"}}
    made = whole(**named)
    assert edition(made) == made.tables.edition("noxi_ccc") == "lab1-4-1-4"
    alike = whole(**{corpus: settings | {"shards": 4} for corpus, settings in named.items()})
    assert edition(alike) == "lab1-4"
    assert {made.places.name(corpus) for corpus in named} == {
        "noxi-lab1-4",
        "noxi_add-lab1-1",
        "mpiigi-lab1-4",
    }
    fewer = whole(
        **{corpus: settings | {"shards": 4} for corpus, settings in named.items()}
        | {"noxi_add": {"root": "none"}}
    )
    assert edition(fewer) == "lab1-4-0-4"
    assert edition(whole(deap=NAMED, mahnob=NAMED), "biosignals") == "lab1-4"
    assert edition(whole(deap=NAMED, mahnob={"root": "none"}), "biosignals") == "lab1-4-0"
    assert edition(made) != edition(whole(noxi=NAMED)) != edition(whole())


def test_a_corpus_without_a_demo_is_part_of_a_name_where_it_is_held_alone(monkeypatch) -> None:
    monkeypatch.setitem(CORPORA, "mpiigi", replace(CORPORA["mpiigi"], demos={}))
    held = {"noxi": NAMED, "noxi_add": NAMED | {"shards": 1}}
    assert edition(whole(**held, mpiigi={"root": "none"})) == "lab1-4-1"
    assert edition(whole(**held, mpiigi=NAMED)) == "lab1-4-1-mpiigi4"


@pytest.mark.parametrize(
    "name",
    [
        "demo",
        "Demo-tiny",
        "demo2",
        "physio",
        "none",
        "0f3a",
        "deadbeef",
        "..",
        "a/b",
        "a b",
        "lab-1",
        "ä",
        "x" * 33,
        "",
        "a\n",
    ],
)
def test_a_name_that_is_no_id_or_somebody_elses_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="edition"):
        plan(noxi=NAMED | {"edition": name})


def test_a_demo_has_its_own_edition() -> None:
    with pytest.raises(ConfigError, match=r"noxi\.root is demo-tiny, which is made here"):
        plan(noxi={"root": "demo-tiny", "edition": "lab1"})
    with pytest.raises(ConfigError, match=r"deap\.edition"):
        plan(deap={"root": "demo", "edition": "lab1"})


def test_models_learn_from_a_whole_noxi() -> None:
    with pytest.raises(ConfigError, match=r"noxi\.lacks of test parts alone"):
        plan(noxi={"root": "/data/NoXi", "lacks": ["val"]})
    assert plan(noxi={"root": "/data/NoXi", "lacks": ["test-base"]}).settings_of("noxi").lacks == (
        "test-base",
    )


def discovered(results: Path, *names: str) -> None:
    for name in names:
        folder = results / "corpora" / name
        folder.mkdir(parents=True)
        (folder / "shards.json").write_text('{"shards": {}, "splits": {}}')


def test_a_lab_is_told_of_an_edition_that_is_new_beside_others(tmp_path: Path) -> None:
    lab = {"root": "/data/NoXi", "shards": 4}
    assert plan(tmp_path, noxi=lab).notices() == [], "the first is no news"
    discovered(tmp_path, "noxi-demo", "mpiigi-lab1-2")
    assert plan(tmp_path, noxi=lab).notices() == plan(tmp_path).notices() == []
    discovered(tmp_path, plan(noxi=lab).name("noxi"), "noxi-lab1-2")
    assert plan(tmp_path, noxi=lab).notices() == []
    (moved,) = plan(tmp_path, noxi=lab | {"root": "/mnt/NoXi"}).notices()
    assert "a new edition" in moved and plan(noxi=lab).name("noxi") in moved and "copied" in moved
    (shards,) = plan(tmp_path, noxi=NAMED).notices()
    assert (
        "edition lab1 over 4 shards at scale paper, so far noxi-lab1-2" in shards and "made again" in shards
    )
    (named,) = plan(tmp_path, noxi=NAMED | {"edition": "lab2"}).notices()
    assert "lab2 is new beside" in named


def test_what_is_scored_follows_every_stream_and_no_place(tmp_path: Path) -> None:
    absent = {name: {"root": "none"} for name in ("noxi_add", "mpiigi", "deap", "mahnob")}
    made = plan(tmp_path, noxi=NAMED, **absent)
    unknown = made.whole_content(made.all)
    folder = tmp_path / "corpora" / made.name("noxi")
    folder.mkdir(parents=True)
    seen = {unknown}
    for splits in (
        {"train": {"audio": "a"}},
        {"train": {"audio": "a"}, "test-base": {"audio": "b"}},
        {"train": {"audio": "c"}},
    ):
        (folder / "shards.json").write_text(json.dumps({"shards": {}, "splits": splits}))
        seen.add(made.whole_content(made.all))
    assert len(seen) == 4
    windows, scored = made.whole_content(made.all), made.scored_content(made.all)
    held = {"seats": {"test-base": {"participants": "one more, of whom no file can be used"}}}
    (folder / "shards.json").write_text(json.dumps({"shards": {}, "splits": splits} | held))
    assert (made.whole_content(made.all), made.scored_content(made.all) == scored) == (windows, False)
    elsewhere = plan(tmp_path, noxi=NAMED | {"root": "/x"}, **absent)
    assert elsewhere.scored_content(made.all) == made.scored_content(made.all)
