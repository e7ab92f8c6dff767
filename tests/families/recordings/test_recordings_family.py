"""What the workflow is told of own recordings before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectssm.corpora.manifest import write_manifest
from affectssm.errors import ConfigError
from affectssm.families.configuration import load_config
from affectssm.plan import asked
from affectssm.plan.estimate import Estimate
from affectssm.plan.plan import Plan
from affectssm.plan.walk import Walk
from affectssm.store.card import make_card
from tests.families.recordings.small_recordings import One, manifest_rows

LINES = {"scale": "tiny", "families": ["recordings"]}
SPLITS = ("train", "val", "test")


def plan_of(results: Path, labels=None, **recordings) -> Plan:
    folder = {"root": "/data/mine", "table": "recordings.csv", "labels": labels or {}}
    given = LINES | {"corpora": {"folder": folder}, "recordings": recordings}
    return Plan(given, str(results))


def test_a_table_without_recordings_is_refused_with_the_six_lines(tmp_path):
    plan = Plan({}, str(tmp_path))
    for table in ("recordings_ccc", "recordings_items"):
        with pytest.raises(ConfigError) as error:
            plan.tables.require_corpus(table)
        for line in (
            "lab.yaml",
            "families: [recordings]",
            "folder: {root: /data/mine, table: recordings.csv}",
        ):
            assert line in str(error.value)
        assert table not in plan.tables.there
    assert plan.families["recordings"].experiments == {} and not plan.families["recordings"].held


def test_to_try_at_one_scale_replaces_nothing_of_another(tmp_path):
    folder = {"root": "/data/mine", "table": "recordings.csv"}
    plans = [
        Plan(LINES | {"scale": scale, "corpora": {"folder": folder}}, str(tmp_path))
        for scale in ("paper", "demo", "tiny")
    ]
    assert len({plan.places.edition("folder") for plan in plans}) == 3
    assert len({name for plan in plans for name in plan.families["recordings"].experiments}) == 3


def test_labels_are_of_frames_or_of_items(tmp_path):
    frames, items = plan_of(tmp_path), plan_of(tmp_path, {"per": "item"})
    assert (frames.tables.there, items.tables.there) == (["recordings_ccc"], ["recordings_items"])
    with pytest.raises(
        ConfigError, match=r"labels\.per is item(.|\n)*ask for results/tables/recordings_items\.csv"
    ):
        items.tables.require_corpus("recordings_ccc")


def test_the_parts_are_those_of_the_manifest_once_it_is_there(tmp_path):
    plan = plan_of(tmp_path, folds=5)
    family = plan.families["recordings"]
    assert family.parts == [f"fold{number}" for number in range(1, 6)]
    path = Path(plan.places.manifest("folder"))
    path.parent.mkdir(parents=True)
    for people, parts in (
        ([One(name) for name in "abcd"], ["fold1", "fold2", "fold3", "fold4"]),
        ([One(name, split=split) for name, split in zip("abc", SPLITS, strict=True)], ["main"]),
    ):
        write_manifest(path, manifest_rows(people), make_card("corpora/manifest", ["affectssm.errors"], {}))
        assert family.parts == parts
        (name,) = family.experiments_of("recordings_ccc")
        wanted = [f"{tmp_path}/runs/{name}/{part}/1/predictions.parquet" for part in parts]
        assert family.predictions_of(name, [1]) == wanted


def test_the_cells_of_a_table_are_those_of_experiments_and_labels(tmp_path):
    family = plan_of(tmp_path, {"names": ["effort", "valence"]}).families["recordings"]
    nothing = ("audio", "video")

    def cells(*people: One):
        path = tmp_path / "manifest.parquet"
        write_manifest(path, manifest_rows(people), make_card("corpora/manifest", ["affectssm.errors"], {}))
        found = family.cells_of("recordings_ccc", {"folder": path})
        assert [one.column for one in found] == ["effort", "valence"]
        return {(one.empty, one.missing) for one in found}

    assert cells(*(One(name) for name in "abcd")) == {("", ())}
    assert cells(*(One(name) for name in "abc"), One("d", lacks=nothing)) == {("", ("d/one",))}
    train, tests = [One("a", split="train"), One("b", split="train")], One("x", split="test", lacks=nothing)
    assert cells(*train, tests) == {("nobody who is reported has audio or video", ())}
    unread = family.cells_of("recordings_ccc", {})
    assert {one.empty for one in unread} == {"nothing of folder can be read"}


def test_a_run_is_told_what_decides_it(tmp_path):
    plan = plan_of(tmp_path, {"names": ["calm"], "range": [0, 5]}, models=["dat", "mamba_va"])
    family = plan.families["recordings"]
    names = family.experiments_of("recordings_ccc")
    assert [name.rpartition("-")[0] for name in names] == ["dat-extracted", "mamba_va-extracted"]
    told = family.run_settings(names[0], "fold1", "1")
    assert told["range"] == [0, 5] and told["model_settings"]["positions"] == 96
    assert "workers" not in told["training"]
    assert family.features_behind("recordings_ccc") == [
        "clip_face", "face_track", "folder_labels", "folder_labels_test", "optical_flow", "wav2vec2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "recordings", "said"),
    [
        ({"per": "item"}, {"items": {"task": "classification"}}, "two classes at least"),
        ({}, {"models": ["dat"], "context": 40}, r"positions of 112 at least"),
        ({}, {"sources": ["voice"]}, r"sources of recordings\.groups"),
        ({}, {"groups": {"x": {"audio": ["wav2vec"]}}, "sources": ["x"]}, "did you mean wav2vec2"),
        ({}, {"items": {"groups": {"x": {"smell": ["wav2vec2"]}}}}, "modalities of x"),
        ({}, {"folds": 1}, "folds"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(labels, recordings, said):
    folder = {"root": "/data/mine", "table": "recordings.csv", "labels": labels}
    with pytest.raises(ConfigError, match=said):
        load_config(LINES | {"corpora": {"folder": folder}, "recordings": recordings})


@pytest.mark.parametrize(
    ("scale", "per"), [("paper", "item"), ("demo", "item"), ("tiny", "item"), ("tiny", "frame")]
)
def test_every_job_has_an_estimate(scale, per, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = {"root": "/data/mine", "table": "t.csv", "labels": {"per": per}}
    plan = asked.plan_of([], LINES | {"scale": scale, "corpora": {"folder": folder}})
    (table,) = plan.tables.there
    asked.describe(plan, [table], {asked.ALL: "40"}, {asked.ALL: "1"}, {}, {})
    for stage in Estimate(plan, [table]).stages:
        assert stage.longest.known and stage.sure != "not said", stage.kind
    rules = {job.kind for job in Walk(plan, [table])}
    own = (
        {"cut", "train_items", "evaluate_items"}
        if per == "item"
        else {"windows", "train", "predict", "evaluate"}
    )
    assert {f"{name}_recordings" for name in own} <= rules
