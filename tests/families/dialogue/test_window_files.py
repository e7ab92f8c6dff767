"""The window files of a task: who trains, who selects, who is predicted only."""

import pytest

from affectssm.corpora.manifest import write_manifest
from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import WindowSettings
from affectssm.families.dialogue.stages.windows import part_of, write_windows
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.index import read_windows
from affectssm.vocabulary.kinds import STREAM_KINDS
from tests.timeline.manifest_rows import RAW, RAW_KINDS, group, session


def told(part, kinds):
    return WindowSettings(part=part, kinds=kinds, clock_hz=100)


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
    write_windows(told("training", RAW_KINDS), [manifests["noxi"]], tmp_path)
    write_windows(told("prediction", RAW_KINDS), list(manifests.values()), tmp_path)
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
    write_windows(told("training", RAW_KINDS), [manifests["noxi"]], tmp_path / "a" / "t")
    more = [
        *session("noxi", "train", "001", {"expert": RAW, "novice": RAW}),
        *session("noxi", "val", "010", {"expert": RAW, "novice": RAW}, 333),
        *session("noxi", "test-base", "031", {"expert": RAW}),
    ]
    write_manifest(manifests["noxi"], more, make_card("corpora", [], {"another": 1}))
    write_windows(told("training", RAW_KINDS), [manifests["noxi"]], tmp_path / "b" / "t")
    one, other = (read_card(tmp_path / run / "t" / "train.parquet") for run in "ab")
    assert one["id"] == other["id"]


def test_a_corpus_nobody_can_be_trained_on_is_an_error(manifests, tmp_path):
    with pytest.raises(DataError, match="egemapsv2"):
        write_windows(told("training", STREAM_KINDS), [manifests["noxi"]], tmp_path)
    assert not list(tmp_path.glob("train*"))
