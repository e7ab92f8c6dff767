"""Who is predicted, who is a partner, who is left out and why."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import DataError
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.index import read_windows
from affectssm.timeline.windows import find_targets, holdout, part_of, write_windows
from affectssm.vocabulary.kinds import STREAM_KINDS

RAW_KINDS = ("audio", "video")
RAW = (*RAW_KINDS, "annotation")


def row(corpus, split, recording, participant, kind, frames=500):
    rate = {"audio": 16000.0}.get(kind, 25.0)
    count = int(frames / 25 * rate)
    path = f"{recording}/{participant}.{kind}"
    return StreamRow(
        corpus, split, recording, participant, kind, path, "root", rate, count, 1, frames / 25, 1, "sha256:0",
        recording, "", "s00",
    )  # fmt: skip


def session(corpus, split, recording, people, frames=500):
    """``people``: participant -> kinds."""
    return [
        row(corpus, split, recording, name, kind, frames) for name, kinds in people.items() for kind in kinds
    ]


def group(seats):
    return {f"subjectPos{i + 1}": RAW for i in range(seats)}


@pytest.mark.parametrize("seats", [2, 3, 4])
def test_partners_are_all_others_in_the_room(seats):
    targets, missing = find_targets(session("mpiigi", "val", "008", group(seats)), RAW_KINDS, 100)
    assert not missing and len(targets) == seats
    for target in targets:
        assert sorted(target.seats) == sorted(group(seats)) and list(target.partners) == sorted(
            target.partners
        )
        assert (target.label_frames, target.clock_frames) == (500, 2000)


def test_a_single_participant_has_no_partner():
    (target,), _ = find_targets(session("noxi", "train", "001", {"expert": RAW}), RAW_KINDS, 25)
    assert target.partners == () and target.clock_frames == 500


def test_unlabelled_and_incomplete_people_are_listed_and_stay_partners():
    people = {
        "subjectPos1": RAW,
        "subjectPos2": ("audio", "video"),  # occupied, unlabelled
        "subjectPos3": ("video", "annotation"),  # no sound
        "subjectPos4": STREAM_KINDS,  # no raw media: nothing of this source is known of them
    }
    targets, missing = find_targets(session("mpiigi", "val", "008", people), RAW_KINDS, 100)
    assert [target.participant for target in targets] == ["subjectPos1"]
    assert targets[0].partners == ("subjectPos2", "subjectPos3")
    assert {m.participant: m.reason for m in missing} == {
        "subjectPos2": "no annotation",
        "subjectPos3": "no audio",
        "subjectPos4": "no audio, no video, no annotation",
    }


@pytest.mark.parametrize("split", ["test", "test-base", "test-additional"])
def test_test_splits_need_no_labels(split):
    targets, missing = find_targets(
        session("noxi", split, "001", {"expert": STREAM_KINDS}), STREAM_KINDS, 100
    )
    assert len(targets) == 1 and not missing


def test_parts():
    assert part_of("noxi", "train") == "train" and part_of("noxi", "val") == "val"
    others = [("noxi", "test-base"), ("noxi_add", "test-additional"), ("mpiigi", "val"), ("mpiigi", "test")]
    assert {part_of(*other) for other in others} == {"test"}


@pytest.fixture
def manifests(tmp_path):
    dyad = {"expert": RAW, "novice": RAW}
    rows = {
        "noxi": [
            *session("noxi", "train", "001", dyad),
            *session("noxi", "val", "010", dyad, 333),
            *session("noxi", "test-base", "030", dict.fromkeys(dyad, ("audio", "video"))),
        ],
        "noxi_add": session("noxi_add", "test-additional", "101", dict.fromkeys(dyad, STREAM_KINDS)),
        "mpiigi": [*session("mpiigi", "val", "008", group(3)), *session("mpiigi", "test", "001", group(4))],
    }
    paths = {corpus: tmp_path / f"{corpus}-demo" / "manifest.parquet" for corpus in rows}
    for corpus, path in paths.items():
        write_manifest(path, rows[corpus], make_card("corpora", [], {}))
    return paths


def test_files_of_a_task(manifests, tmp_path):
    write_windows("t", {"noxi": manifests["noxi"]}, RAW_KINDS, 100, "training", tmp_path)
    write_windows("t", manifests, RAW_KINDS, 100, "prediction", tmp_path)
    found = {part: read_windows(tmp_path / f"{part}.parquet") for part in ("train", "val", "test")}
    splits = {part: sorted({(t.corpus, t.split) for t in index.targets}) for part, index in found.items()}
    assert splits == {
        "train": [("noxi", "train")],
        "val": [("noxi", "val")],
        "test": [("mpiigi", "test"), ("mpiigi", "val"), ("noxi", "test-base")],
    }
    assert len(found["val"]) == 2 * -(-4 * 333 // 32)
    missing = read_parquet(tmp_path / "missing.parquet").to_pylist()
    assert {(m["corpus"], m["recording"], m["reason"]) for m in missing} == {
        ("noxi_add", "101", "no audio, no video")
    }


def test_training_windows_do_not_depend_on_other_splits(manifests, tmp_path):
    write_windows("t", {"noxi": manifests["noxi"]}, RAW_KINDS, 100, "training", tmp_path / "a")
    more = [
        *session("noxi", "train", "001", {"expert": RAW, "novice": RAW}),
        *session("noxi", "val", "010", {"expert": RAW, "novice": RAW}, 333),
        *session("noxi", "test-base", "031", {"expert": RAW}),
    ]
    write_manifest(manifests["noxi"], more, make_card("corpora", [], {"another": 1}))
    write_windows("t", {"noxi": manifests["noxi"]}, RAW_KINDS, 100, "training", tmp_path / "b")
    one, other = (read_card(tmp_path / run / "train.parquet") for run in "ab")
    assert one["id"] == other["id"]


def test_a_corpus_nobody_can_be_trained_on_is_an_error(manifests, tmp_path):
    with pytest.raises(DataError, match="egemapsv2"):
        write_windows("t", {"noxi": manifests["noxi"]}, STREAM_KINDS, 100, "training", tmp_path)
    assert not list(tmp_path.glob("train*"))


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 999).map("{:03d}".format), min_size=2, max_size=60), st.randoms())
def test_holdout_is_a_fifth_whatever_the_order(recordings, random):
    held = holdout(recordings)
    shuffled = sorted(recordings)
    random.shuffle(shuffled)
    assert holdout(shuffled) == held < recordings
    assert len(held) == max(1, round(len(recordings) / 5))


def test_one_session_cannot_both_train_and_select():
    with pytest.raises(DataError, match="two at least"):
        holdout(["001", "001"])
