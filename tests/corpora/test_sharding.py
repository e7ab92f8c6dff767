"""Shards: about as long as each other, and no recording ever moves."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import StreamRow, shard_of
from affectssm.corpora.sharding import Dealt, media_seconds, seconds_by_shard, spread, with_shards
from affectssm.store import layout
from affectssm.store.shards import ResumableShard, Track
from tests.corpora.trees import SETTINGS, dyad

RNG = np.random.default_rng(0)
# seconds of 150 sessions: as NoXi's (7 to 32 minutes), skewed as Aff-Wild2's, all the same, and many short ones
LENGTHS = {
    "uniform": RNG.uniform(420, 1900, 150),
    "lognormal": RNG.lognormal(6, 0.8, 150).clip(20, 2000),
    "equal": np.full(150, 600.0),
    "short": RNG.exponential(60, 150) + 1,
}


def sessions(lengths: np.ndarray) -> dict[str, float]:
    return {f"{number:03d}": float(seconds) for number, seconds in enumerate(lengths)}


def dealt(seconds: dict[str, float], shards: int = 16, known: dict[str, str] | None = None) -> dict[str, str]:
    return spread(seconds, shards, known or {}, {name: name for name in seconds})


def over_mean(found: dict[str, str], seconds: dict[str, float], shards: int = 16) -> float:
    loads = Counter({f"s{number:02d}": 0.0 for number in range(shards)})
    for recording, shard in found.items():
        loads[shard] += seconds[recording]
    assert len(loads) == shards
    return max(loads.values()) * shards / sum(loads.values())


@pytest.mark.parametrize("kind", LENGTHS)
def test_the_longest_shard_is_within_1_3_of_the_mean_also_as_a_corpus_grows(kind: str) -> None:
    seconds = sessions(LENGTHS[kind])
    found = dealt(seconds)
    assert over_mean(found, seconds) < 1.3
    for number in range(150, 190):  # one by one, as a lab records
        seconds[f"{number:03d}"] = float(RNG.choice(LENGTHS[kind]))
        grown = dealt(seconds, known=found)
        assert {name: grown[name] for name in found} == found
        found = grown
        assert over_mean(found, seconds) < 1.3


def test_the_order_of_a_listing_decides_nothing() -> None:
    seconds = sessions(LENGTHS["uniform"])
    names = list(seconds)
    RNG.shuffle(names)
    assert dealt({name: seconds[name] for name in names}) == dealt(seconds)


def test_what_goes_or_changes_its_length_moves_nothing_and_what_comes_back_is_where_it_was() -> None:
    rows = [row(name, seconds) for name, seconds in sessions(LENGTHS["uniform"]).items()]
    _, known = with_shards(rows, 16, Dealt({}))
    fewer = [
        dataclasses.replace(one, duration_s=3 * one.duration_s) for one in rows if one.recording != "007"
    ]
    made, after = with_shards(fewer, 16, Dealt(known))
    assert after == known and {one.recording: one.shard for one in made}.items() <= known.items()
    assert with_shards(rows, 16, Dealt(after))[1] == known


def test_the_trials_of_a_subject_stay_together() -> None:
    trials = {f"s{subject:02d}_v{trial:02d}": 63.0 for subject in range(32) for trial in range(40 - subject)}
    groups = {trial: trial[:3] for trial in trials}
    found = spread(trials, 8, {}, groups)
    assert len({(groups[trial], shard) for trial, shard in found.items()}) == 32
    assert over_mean(found, trials, 8) < 1.1
    late = spread(trials | {"s03_v99": 63.0}, 8, found, groups | {"s03_v99": "s03"})
    assert late["s03_v99"] == found["s03_v01"]


def row(
    recording: str, seconds: float, kind: str = "video", split: str = "train", who: str = "a"
) -> StreamRow:
    return StreamRow(
        "noxi",
        split,
        recording,
        who,
        kind,
        "p",
        "root",
        25.0,
        1,
        0,
        seconds,
        9,
        "sha256:a",
        recording,
        "",
        "",
    )


def test_what_a_recording_lasts_is_what_its_videos_do_or_else_its_longest_stream() -> None:
    found = media_seconds([
        row("both", 60), row("both", 50, who="b"), row("both", 99, "audio"),
        row("sound", 40, "audio"), row("sound", 41, "egemapsv2"), row("sound", 300, "annotation", "test-base"),
        row("labels", 30, "annotation"),
    ])  # fmt: skip
    assert found == {"both": 110, "sound": 41, "labels": 30}


def discovered(root: Path, out: Path, shards: int = 4) -> dict[str, str]:
    """Discover as Snakemake lets it: what the rule makes is deleted before; return recording -> shard."""
    for name in ("manifest.parquet", "faults.parquet", "shards.json"):
        (out / name).unlink(missing_ok=True)
    settings = SETTINGS.model_copy(update={"shards": shards})
    rows = discover_corpus("noxi", root, None, settings, out).rows
    return {one.recording: one.shard for one in rows}


@pytest.fixture
def noxi(tmp_path: Path) -> Path:
    for number in range(10):
        dyad(tmp_path / f"noxi/train/{number:03d}", names={"clip": 512}, rows=20 + 7 * number)
    return tmp_path / "noxi"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results/corpora/noxi-lab-4"


def test_a_new_session_that_would_be_dealt_first_moves_no_other(noxi: Path, out: Path) -> None:
    before = discovered(noxi, out)
    index = json.loads((out / "shards.json").read_text())
    dyad(noxi / "train/999", names={"clip": 512}, rows=500)
    after = discovered(noxi, out)
    assert after.items() > before.items()
    now = json.loads((out / "shards.json").read_text())
    assert {name for name in now["shards"] if now["shards"][name] != index["shards"][name]} == {after["999"]}
    assert now["seconds"][after["999"]] == pytest.approx(index["seconds"][after["999"]] + 500 / 25)
    assert discovered(noxi, out.with_name("noxi-new-4")) != after  # dealt anew, it does


def test_the_seconds_of_a_shard_are_those_of_its_recordings(noxi: Path, out: Path) -> None:
    found = discovered(noxi, out)
    seconds = {name: (20 + 7 * int(name)) / 25 for name in found}
    told = json.loads((out / "shards.json").read_text())["seconds"]
    assert told == {
        shard: pytest.approx(sum(seconds[name] for name, one in found.items() if one == shard))
        for shard in sorted(set(found.values()))
    }
    rows = [row("001", 3.5), row("002", 4.25)]
    assert seconds_by_shard([dataclasses.replace(one, shard="s01") for one in rows]) == {"s01": 7.75}


def features(out: Path, found: dict[str, str]) -> None:
    """Write features of some recordings: a finished file of every shard but the last, which is unfinished."""
    shards = sorted(set(found.values()))
    for shard in shards:
        path = layout.track(layout.features_of(out), "clip", shard)
        card = {"id": "x", "extra": {}, "format": 2, "stage": "", "code": "", "settings": {}, "inputs": {}}
        with ResumableShard(path, card) as file:
            for name in (name for name, one in found.items() if one == shard):
                track = Track(np.zeros((3, 2), "f4"), np.arange(3.0), np.ones(3, bool), 25.0)
                file.write(name, "content", {"expert": track})
        if shard != shards[-1]:
            file.finish()


@pytest.mark.parametrize(
    "damage", ["gone", "{", '{"format": 1, "recordings": {"000": "../s00"}}', "[]", "\udcff"]
)
def test_where_the_assignment_is_lost_the_features_tell_it(
    noxi: Path, out: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = {name: f"s{(int(name) // 3):02d}" for name in discovered(noxi, out)}  # not as anything is dealt
    features(out, {name: shard for name, shard in before.items() if name != "009"})
    layout.assignment(out).unlink()
    if damage != "gone":
        layout.assignment(out).write_text(damage, errors="surrogateescape")
    after = discovered(noxi, out)
    assert {name: after[name] for name in before if name != "009"}.items() <= before.items()
    assert after["009"] == "s03"  # where there is least
    assert (str(layout.assignment(out)) in caplog.text) == (damage != "gone")
    assert json.loads(layout.assignment(out).read_text())["recordings"] == after


def test_features_of_an_earlier_version_which_went_by_ids_are_all_kept(noxi: Path, out: Path) -> None:
    by_ids = {f"{number:03d}": shard_of(f"{number:03d}", 4) for number in range(10)}
    features(out, dict(list(by_ids.items())[:4]))  # of the others none was extracted yet
    assert discovered(noxi, out) == by_ids
    held = json.loads((out / "shards.json").read_text())["seconds"]
    dyad(noxi / "train/010", names={"clip": 512}, rows=9)
    found = discovered(noxi, out)
    assert found.items() > by_ids.items()
    assert held.get(found["010"], 0) == min(held.get(f"s{number:02d}", 0) for number in range(4))


def test_over_another_number_of_shards_all_are_dealt_anew(
    noxi: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    discovered(noxi, out)
    with caplog.at_level(logging.WARNING):
        found = discovered(noxi, out, shards=2)
    assert set(found.values()) == {"s00", "s01"} and not caplog.records
