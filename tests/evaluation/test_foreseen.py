"""What the manifests tell of a table's gaps is what its evaluation finds, and it is said before."""

from __future__ import annotations

import json

import pytest

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import DataError
from affectssm.evaluation.foreseen import check_complete
from affectssm.families.dialogue.stages.evaluate import evaluate
from affectssm.families.dialogue.stages.frames import length
from affectssm.families.registry import find
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.store.card import make_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.windows import find_targets
from affectssm.vocabulary.kinds import STREAM_KINDS
from tests.families.dialogue.scored_world import (
    FRAMES,
    MODULE,
    ROLES,
    WORLD,
    settings,
    write_labels,
    write_missing,
    write_predictions,
)

ASKED = {
    "clock_hz": 100,
    "kinds": {"extracted": ["audio", "video"], "multimediate": list(STREAM_KINDS)},
    "experiments": [["multimediate", "test", ["noxi_base", "noxi_add", "mpiigi"]]],
    "allow_incomplete": False,
}
DIALOGUE, BIOSIGNALS = (find(name).foresees for name in ("dialogue", "biosignals"))
PROTOCOL = ProtocolSettings(folds=2).model_dump(mode="json")


def row(corpus, split, recording, who, kind, shard="s00", **more):
    size = {"rate": 25.0, "frames": FRAMES, "dim": 1, "duration_s": FRAMES / 25, "bytes": 10}
    where = {"path": "file", "base": "root", "checksum": "sha256:0", "fold_group": recording, "language": ""}
    return StreamRow(corpus, split, recording, who, kind, **where, **size | more, shard=shard)


def manifests(root, without=(), seats=None):
    """The world of the evaluation with the challenge's streams; ``without``: (recording, who, kind or None: all)."""
    paths = []
    for corpus in ("noxi", "noxi_add", "mpiigi"):
        rows = [
            row(own, split, recording, role, kind)
            for (own, split), recordings in WORLD.items()
            for recording in recordings
            for role in ROLES
            for kind in (*STREAM_KINDS, "annotation")
            if own == corpus and not {(recording, role, kind), (recording, role, None)} & set(without)
        ]
        path = root / "corpora" / f"{corpus}-demo" / "manifest.parquet"
        extra = {"seats": seats} if seats and corpus == "noxi" else {}
        write_manifest(path, rows, make_card("corpora/manifest", MODULE, {}, **extra))
        paths.append(path)
    return paths


SEATS = {"test-base": {recording: list(ROLES) for recording in (*WORLD["noxi", "test-base"], "009")}}
CASES = {
    "a stream": [("003", "expert", "clip")],
    "all streams of a participant": [("003", "expert", None)],
    "the labels of a participant": [("004", "novice", "annotation")],
    "the labels of a recording": [("101", "expert", "annotation"), ("101", "novice", "annotation")],
}


@pytest.mark.parametrize("without", CASES.values(), ids=CASES)
@pytest.mark.parametrize("seats", [None, SEATS], ids=["as in the manifest", "one recording has no row"])
def test_what_is_foreseen_is_what_the_evaluation_finds(tmp_path, without, seats):
    paths = manifests(tmp_path, without, seats)
    seen = check_complete(DIALOGUE, ASKED | {"allow_incomplete": True}, paths, tmp_path / "complete.json")
    rows = [StreamRow(**one) for path in paths for one in read_parquet(path).to_pylist()]
    _, left_out = find_targets(rows, STREAM_KINDS, 4, length)
    gone = [(one.corpus, one.split, one.recording, one.participant, one.reason) for one in left_out]
    unlabelled = [
        (recording, who, slice(None)) for recording, who, kind in without if kind in ("annotation", None)
    ]
    predictions = write_predictions(
        tmp_path / "1.parquet", 1, skip={(r, who) for r, who, kind in without if kind != "annotation"}
    )
    out = tmp_path / "metrics.parquet"
    evaluate(
        settings(seeds=(1,)), [predictions], write_labels(tmp_path, spoil=unlabelled), paths,
        write_missing(tmp_path, gone), out,
    )  # fmt: skip
    summaries = [
        one for one in read_parquet(out).to_pylist() if one["level"] == "summary" and one["metric"] == "ccc"
    ]
    found = [
        f"{one['cell']} {name}" for one in summaries if one["cell"] != "global" for name in one["missing"]
    ]
    assert [name.partition(": ")[2] for name in seen] == found
    assert found or (seats is None and without == [("003", "expert", None)]), (
        "a manifest alone cannot know of that one"
    )
    for one in summaries:
        assert one["n_expected"] - one["n_used"] == len(
            {name.split("/")[0].split(" (")[0] for name in one["missing"]}
        )


def test_gaps_stop_before_anything_is_computed_and_name_units_and_remedy(tmp_path):
    paths = manifests(tmp_path, CASES["a stream"], SEATS)
    with pytest.raises(DataError) as caught:
        check_complete(DIALOGUE, ASKED, paths, tmp_path / "complete.json")
    assert "multimediate, test: noxi_base 003/expert (no clip)" in caught.value.found
    assert "009 (no labels)" in caught.value.found and "allow_incomplete" in caught.value.remedy
    assert not (tmp_path / "complete.json").exists()


def test_what_no_table_scores_is_no_gap(tmp_path):
    """Training parts, withheld labels, a corpus without a source, a corpus that is not held."""
    paths = manifests(
        tmp_path, [("010", "expert", None), ("101", "expert", "clip"), ("101", "novice", "clip")]
    )
    unlabelled = [(r, who, "annotation") for r in WORLD["mpiigi", "test"] for who in ROLES]
    del paths[1]
    assert check_complete(DIALOGUE, ASKED, paths, tmp_path / "a.json") == []
    paths = manifests(tmp_path, [*unlabelled, ("001", "expert", "clip")])
    assert check_complete(DIALOGUE, ASKED, paths, tmp_path / "b.json") == []
    extracted = [["extracted", "test", ["noxi_base"]]]
    assert check_complete(DIALOGUE, ASKED | {"experiments": extracted}, paths, tmp_path / "c.json") == []
    assert json.loads((tmp_path / "c.json").read_text())["missing"] == []


def trials(root, subjects, kinds=("eeg", "eog", "ratings")):
    rows = [
        row("deap", "all", f"{who}_{number}", who, kind)
        for who, count in subjects.items()
        for number in range(count)
        for kind in kinds
    ]
    path = root / "corpora" / "deap-demo" / "manifest.parquet"
    write_manifest(path, rows, make_card("corpora/manifest", MODULE, {}))
    return [path]


@pytest.mark.parametrize(
    ("protocol", "subjects", "missing"),
    [
        ("within", {"s01": 4, "s02": 1}, ["deap s02 (1 trial: none is left to learn from)"]),
        ("within", {"s01": 4, "s02": 2}, []),
        ("pooled", {"s01": 4, "s02": 1}, []),
        ("loso", {"s01": 4}, ["deap s01 (4 trials: none is left to learn from)"]),
    ],
)
def test_subjects_that_no_fold_can_test_are_foreseen(tmp_path, protocol, subjects, missing):
    asked = {"protocol": PROTOCOL | {"protocol": protocol}, "modalities": {"deap": ["eeg"]}}
    found = check_complete(
        BIOSIGNALS, asked | {"allow_incomplete": True}, trials(tmp_path, subjects), tmp_path / "c.json"
    )
    assert found == missing


def test_a_modality_that_no_trial_has_is_refused_even_where_gaps_are_allowed(tmp_path):
    asked = {"protocol": PROTOCOL, "modalities": {"deap": ["eeg", "gsr"]}, "allow_incomplete": True}
    with pytest.raises(DataError, match="no trial with gsr"):
        check_complete(BIOSIGNALS, asked, trials(tmp_path, {"s01": 4}), tmp_path / "c.json")
