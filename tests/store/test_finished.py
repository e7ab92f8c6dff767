"""What was finished in another edition or over other shards is copied, with its faults, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from affectssm.store import layout
from affectssm.store.card import make_card
from affectssm.store.faults import Fault, write_faults
from affectssm.store.finished import FinishedElsewhere
from affectssm.store.shards import ResumableShard, ShardReader, Track

FAULT = Fault("noxi", "002", "expert", "audio", "silent_audio", "zeros", "sound", "masked")


def card(**settings):
    return make_card("features/test", ["affectssm.errors"], settings)


def track(seed: int) -> Track:
    value = np.random.default_rng(seed).normal(size=(50, 3)).astype(np.float32)
    return Track(value, np.arange(50) / 25, np.ones(50, bool), 25.0)


def shard(
    results: Path, edition: str = "lab1-4", name: str = "s00", made_by: dict | None = None
) -> ResumableShard:
    path = layout.track(results / "features" / f"noxi-{edition}", "test", name)
    return ResumableShard(path, made_by or card())


def finish(made: ResumableShard, contents: dict[str, str]) -> None:
    for number, (recording, content) in enumerate(contents.items()):
        made.write(recording, content, {"expert": track(number)}, [FAULT] if recording == "002" else [])
    write_faults(layout.faults_of(made.path), made.faults(), made.card)
    made.finish()


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """An edition over four shards, of which two hold recordings."""
    finish(shard(tmp_path), {"001": "a", "002": "b"})
    finish(shard(tmp_path, name="s03"), {"003": "c"})
    return tmp_path


def test_recordings_are_taken_from_whichever_shard_holds_them(four: Path) -> None:
    new = shard(four, "lab1-1")
    elsewhere = FinishedElsewhere(new)
    assert [
        elsewhere.take(name, content) is not None
        for name, content in zip(("001", "002", "003"), "abc", strict=True)
    ]
    assert [path.stem for path in map(elsewhere.take, ("001", "003"), ("a", "c"))] == ["s00", "s03"]
    assert new.finish() == [FAULT]
    with ShardReader(new.path) as reader:
        assert reader.recordings == ["001", "002", "003"]
        for number, recording in ((0, "001"), (1, "002"), (0, "003")):
            got, made = reader.track(recording, "expert"), track(number)
            assert np.array_equal(got.value, made.value) and np.array_equal(got.time, made.time)
            assert got.valid.all() and got.rate == 25.0
    assert new.done("001", "a") is False, "the parts are gone"


def test_another_content_other_settings_and_other_code_are_not(four: Path) -> None:
    assert FinishedElsewhere(shard(four, "lab1-1")).take("001", "b") is None
    assert FinishedElsewhere(shard(four, "lab1-1", made_by=card(size=2))).take("001", "a") is None
    other_code = make_card("features/test", ["affectssm.store.ids", "affectssm.errors"], {})
    assert FinishedElsewhere(shard(four, "lab1-1", made_by=other_code)).take("001", "a") is None


def test_another_corpus_and_another_feature_are_not(four: Path) -> None:
    for path in ("noxi_add-lab1-1/test/s00.h5", "noxi-lab1-1/other/s00.h5", "noxi/test/s00.h5"):
        assert FinishedElsewhere(ResumableShard(four / "features" / path, card())).take("001", "a") is None


def test_the_same_content_by_another_hash_is_kept_under_ours(four: Path) -> None:
    new = shard(four, "lab2-1")
    assert FinishedElsewhere(new).take("001", "ours", ["theirs", "a"]) is not None
    assert new.done("001", "ours") and not new.done("001", "a")


def test_the_parts_of_an_unfinished_shard_are_taken_too(four: Path) -> None:
    with shard(four, "lab1-2", "s01") as unfinished:
        unfinished.write("002", "z", {"expert": track(7)}, [FAULT])
    new = shard(four, "lab1-1")
    assert FinishedElsewhere(new).take("002", "z") is not None
    assert new.finish() == [FAULT]


@pytest.mark.parametrize("harm", ["cut", "not finite", "no card", "no index"])
def test_a_damaged_file_is_passed_over(four: Path, harm: str) -> None:
    path = shard(four).path
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:500])
    else:
        with h5py.File(path, "a") as file:
            if harm == "no card":
                del file.attrs["card"]
            elif harm == "no index":
                del file["tracks"]
            else:
                file["tables/float32x3/value"][3] = np.nan
    new = shard(four, "lab1-1")
    elsewhere = FinishedElsewhere(new)
    assert elsewhere.take("001", "a") is None and not new.done("001", "a")
    assert elsewhere.take("003", "c") is not None
