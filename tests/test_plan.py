"""What the workflow is told: which features a shard has, where test labels are, and what windows depend on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectssm.features import registry
from affectssm.plan import Plan
from affectssm.tables.fault_tables import fault_tables
from affectssm.timeline.windows import NEEDED

SHARDS = {
    "s00": {"annotation": "a", "audio": "b", "video": "c", "openpose": "d"},
    "s01": {"annotation": "e", "audio": "f"},
    "s02": {"openpose": "g"},
}


@pytest.fixture
def plan(tmp_path) -> Plan:
    """A plan over a NoXi of three shards, of which one has everything, one sound, and one a stream and no label."""
    made = Plan({}, str(tmp_path))
    folder = tmp_path / "corpora" / made.name("noxi")
    folder.mkdir(parents=True)
    (folder / "shards.json").write_text(json.dumps({"shards": SHARDS, "splits": {"train": {"audio": "b"}}}))
    return made


@pytest.mark.parametrize(
    ("feature", "shards"),
    [
        ("wav2vec2", ["s00", "s01"]),
        ("face_track", ["s00"]),
        ("clip_face", ["s00"]),
        ("openpose", ["s00", "s02"]),
        ("clip", []),
        ("engagement", ["s00", "s01", "s02"]),
        ("engagement_test", ["s00", "s01", "s02"]),
    ],
)
def test_a_shard_without_the_stream_gets_no_job_and_labels_always_one(plan, feature, shards):
    files = [Path(file) for file in plan.feature_files("noxi", feature)]
    assert [(file.parent.name, file.stem) for file in files] == [(feature, shard) for shard in shards]
    faults = fault_tables([Path(plan.results, "corpora", plan.name("noxi"))], [feature])
    assert faults[1:] == [file.with_suffix(".faults.parquet") for file in files]


@pytest.mark.parametrize("source", registry.GROUPS)
def test_who_is_predicted_has_every_stream_that_a_feature_of_the_source_is_made_of(source):
    features = [feature for group in registry.GROUPS[source].values() for feature in group]
    assert {registry.spec(feature).kind for feature in features} == set(NEEDED[source])


def test_a_withheld_demo_has_no_test_labels():
    def truth(root):
        return Plan({"corpora": {"noxi": {"root": root}}}).ground_truth("noxi")

    assert truth("demo-tiny") == "results/demo/demo-tiny/ground_truth"
    assert truth("demo-tiny-withheld") is truth("/data/NoXi") is None


def test_windows_depend_on_how_many_shards_there_are(plan):
    def content(shards):
        return Plan({"corpora": {"noxi": {"shards": shards}}}, plan.results).split_content("noxi", ["train"])

    assert content(1) == content(1) != content(2)
