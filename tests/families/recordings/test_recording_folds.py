"""Which recordings each part is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.errors import DataError
from affectssm.families.recordings.stages.folds import divide, groups_of, parts_of
from tests.families.recordings.small_recordings import One, manifest_rows


def groups(*people: One):
    return groups_of(manifest_rows(people), "annotation")


def pooled(count: int):
    return groups(*(One(f"r{number}") for number in range(count)))


@given(st.integers(3, 40), st.integers(2, 50))
def test_every_recording_is_reported_once_by_a_part_that_has_not_seen_it(count, folds):
    parts = divide(pooled(count), folds, "manifest")
    assert list(parts) == parts_of(pooled(count), folds)
    assert sorted(name for part in parts.values() for name in part.report) == sorted(
        f"r{number}" for number in range(count)
    )
    for part in parts.values():
        sides = [set(part.learn), set(part.select), set(part.report)]
        assert all(sides) and len(set.union(*sides)) == sum(map(len, sides)) == count


def test_as_many_folds_as_are_asked_for_or_as_there_are_groups():
    assert len(parts_of(pooled(20), 5)) == 5
    assert len(parts_of(pooled(4), 5)) == 4
    assert len(parts_of(pooled(4), 2)) == 2
    assert len(parts_of(pooled(3), 2)) == 3  # of two of them nobody would be left to select


def test_a_group_is_never_divided():
    people = [One(f"{person}{number}", group=person) for person in "abcd" for number in range(3)]
    for part in divide(groups(*people), 4, "manifest").values():
        for side in (part.learn, part.select, part.report):
            assert len(side) == 3 * len({name[0] for name in side})


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=30))
def test_groups_with_a_recording_in_common_are_one(pairs):
    people = [
        One(f"r{number}", who, group=f"g{group}")
        for number, pair in enumerate(pairs)
        for who, group in zip("ab", pair, strict=True)
    ]
    own = {f"r{number}": {f"g{group}" for group in pair} for number, pair in enumerate(pairs)}
    found = [set(held) for held in groups(*people)["all"].values()]
    assert sorted(name for held in found for name in held) == sorted(own)  # each in one
    seen = [set().union(*(own[name] for name in held)) for held in found]
    assert len(set().union(*seen)) == sum(map(len, seen))  # no group in two
    for held in found:  # and none larger than it must be
        reached = {min(held)}
        while more := {name for name in held - reached if any(own[name] & own[one] for one in reached)}:
            reached |= more
        assert reached == held


def test_a_recording_of_people_of_several_groups_is_reported_once():
    pairs = [("anna", "ben"), ("anna", "carl"), ("dora", "emil"), ("fay", "gil"), ("hans", "ida")]
    people = [One(f"r{number}", who, group=who) for number, pair in enumerate(pairs) for who in pair]
    parts = divide(groups(*people), 5, "manifest").values()
    assert sorted(name for part in parts for name in part.report) == [f"r{number}" for number in range(5)]
    for part in parts:
        assert not set(part.report) & {*part.learn, *part.select}


def test_a_partner_without_labels_is_on_one_side_too():
    """Models of labels over time see partners: one who is in several recordings makes them one group."""
    seen = [One(f"r{number}", "subject") for number in range(6)]
    partner = [One(f"r{number}", "actor", group="actor", lacks=("annotation",)) for number in (0, 3, 5)]
    for part in divide(groups(*seen, *partner), 3, "manifest").values():
        for side in (part.learn, part.select, part.report):
            assert len({"r0", "r3", "r5"} & set(side)) in (0, 3)
    split = [One("t", split="train"), One("u", split="train"), One("x", split="test")]
    beside = [
        One("t", "actor", split="train", group="actor", lacks=("annotation",)),
        One("x", "actor", split="test", group="actor", lacks=("annotation",)),
    ]
    with pytest.raises(DataError, match="1 groups on both sides of the split: actor"):
        divide(groups(*split, *beside), 5, "manifest.parquet")
    rows = [
        replace(row, kind="item_label") if row.kind == "annotation" else row
        for row in manifest_rows([*split, *beside])
    ]
    # of a label of a recording as a whole nobody else is seen
    assert divide(groups_of(rows, "item_label"), 5, "")["main"].report == ("x",)


def test_the_division_follows_from_the_names_alone():
    people = [One(f"r{number}") for number in range(9)]
    assert divide(groups(*people), 3, "") == divide(groups(*people[::-1]), 3, "")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_recordings_are_refused_by_what_is_needed(count):
    with pytest.raises(DataError, match=r"3 at least: one to learn from(.|\n)*add recordings"):
        divide(pooled(count), 5, "manifest.parquet")


def test_the_corpus_may_say_what_is_reported():
    train = [One(f"t{number}", split="train") for number in range(6)]
    val, test = [One("v", split="val")], [One("x", split="test"), One("y", split="test")]
    (part,) = divide(groups(*train, *val, *test), 5, "").values()
    assert (len(part.learn), part.select, part.report) == (6, ("v",), ("x", "y"))
    (part,) = divide(groups(*train, *test), 5, "").values()  # a part of training selects
    assert (len(part.learn), len(part.select), part.report) == (5, 1, ("x", "y"))
    (part,) = divide(groups(*train, *val), 5, "").values()  # what is reported must not select
    assert (len(part.learn), len(part.select), part.report) == (5, 1, ("v",))
    assert parts_of(groups(*train, *val), 5) == ["main"]
    assert set(divide(groups(*train), 3, "")) == {"fold1", "fold2", "fold3"}


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([One("x", split="test"), One("t", split="train")], "one group to learn from and one that selects"),
        (
            [One("x", split="test"), One("v", split="val")],
            "0 groups of recordings with labels in the split train",
        ),
        (
            [One("a", split="train", group="p"), One("b", split="train"), One("c", split="test", group="p")],
            "1 groups on both sides of the split: p",
        ),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(people, said):
    with pytest.raises(DataError, match=said):
        divide(groups(*people), 5, "manifest.parquet")
