"""What every job asks the plan for is found out once, and again where it changed."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from affectssm.families import base
from affectssm.families.base import answer
from affectssm.plan.plan import Plan
from affectssm.store import layout
from affectssm.store.code import ROOT, Source

LAB = {"corpora": {"noxi": {"root": "/data/NoXi", "shards": 4}}}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often links were followed and JSON was read from files."""
    counted: Counter[str] = Counter()

    def counting(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*given, **named):
            counted[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(owner, name, call)

    counting(Path, "resolve")
    counting(json, "load")
    return counted


def written(plan: Plan, shards: dict[str, dict[str, str]]) -> Path:
    """Write the shard index of NoXi as if it had been there for a while."""
    path = Path(plan.results, "corpora", plan.places.name("noxi"), "shards.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"shards": shards, "splits": {}}))
    before = time.time_ns() - 10 * layout.SETTLED_NS
    os.utime(path, ns=(before, before))
    return path


def test_a_root_is_looked_for_once(tmp_path: Path, calls: Counter[str]) -> None:
    plan = Plan(LAB, str(tmp_path))
    names = {plan.places.name("noxi") for _ in range(5)}
    assert len(names) == 1 and calls["resolve"] == 1
    assert plan.places.manifest("noxi") == f"{tmp_path}/corpora/{names.pop()}/manifest.parquet"


def test_a_shard_index_is_read_once_until_it_is_another(tmp_path: Path, calls: Counter[str]) -> None:
    plan = Plan(LAB, str(tmp_path))
    written(plan, {"s00": {"audio": "a"}, "s01": {"audio": "b"}})
    for _ in range(5):
        assert plan.places.shards("noxi") == ["s00", "s01"]
        assert len(plan.features.feature_files("noxi", "wav2vec2")) == 2
    assert calls["load"] == 1
    plan.features.feature_files("noxi", "wav2vec2").clear()  # what is given away is the asker's own
    assert len(plan.features.feature_files("noxi", "wav2vec2")) == 2
    written(plan, {"s00": {"audio": "a"}, "s01": {"audio": "b"}, "s02": {"audio": "c"}})
    assert plan.places.shards("noxi") == ["s00", "s01", "s02"]
    assert [Path(file).stem for file in plan.features.feature_files("noxi", "wav2vec2")] == [
        "s00",
        "s01",
        "s02",
    ]
    assert calls["load"] == 2


def test_a_shard_index_that_was_just_written_is_not_trusted_to_stay(tmp_path: Path) -> None:
    plan = Plan(LAB, str(tmp_path))
    path = written(plan, {"s00": {"audio": "a"}})
    path.touch()
    state = path.stat().st_mtime_ns
    assert plan.places.shard_index("noxi")["shards"] == {"s00": {"audio": "a"}}
    path.write_text(path.read_text().replace('"a"', '"b"'))
    os.utime(path, ns=(state, state))  # within one tick of the clock
    assert plan.places.shard_index("noxi")["shards"] == {"s00": {"audio": "b"}}


def test_code_is_walked_through_once_for_the_same_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    source, asked = Source(ROOT), []
    real = Source.reachable
    monkeypatch.setattr(
        Source, "reachable", lambda self, modules: asked.append(modules) or real(self, modules)
    )
    one, other = "affectssm.features.wav2vec2", "affectssm.features.faces"
    assert source.hash([one, other]) == source.hash([other, one]) != source.hash([one])
    assert len(asked) == 2


def test_parameters_of_an_answer_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked:
        def plain(self, shard: str) -> str:
            return shard

        @staticmethod
        def held(shard: str, corpus: str) -> str:
            return shard + corpus

    looked = []
    real = base.inspect.signature
    monkeypatch.setattr(base.inspect, "signature", lambda method: looked.append(method) or real(method))
    known = {"shard": "s00", "corpus": "noxi", "other": "x"}
    for _ in range(3):
        assert answer([Asked()], "plain", known) == "s00"
        assert answer([Asked()], "held", known) == "s00noxi"
    assert len(looked) == 2
    with pytest.raises(TypeError, match="plain wants shard"):
        answer([Asked()], "plain", {})


def test_all_checks_know_their_manifests_before_there_are_any(tmp_path: Path) -> None:
    plan = Plan(LAB, str(tmp_path))
    for check, (corpora, _) in plan.checks.items():
        assert plan.ask("manifests_of_check", {"check": check}) == [
            plan.places.manifest(one) for one in corpora
        ]
