"""What the workflow is told: which features a shard has, where test labels are, and what windows depend on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectssm.errors import ConfigError
from affectssm.families.dialogue.settings import GROUPS
from affectssm.plan.plan import Plan
from affectssm.settings.groups import features_of
from affectssm.tables.fault_tables import fault_tables
from affectssm.vocabulary.features import kinds_of
from affectssm.vocabulary.kinds import STREAM_KINDS

SHARDS = {
    "s00": {"annotation": "a", "audio": "b", "video": "c", "openpose": "d"},
    "s01": {"annotation": "e", "audio": "f"},
    "s02": {"openpose": "g"},
}


@pytest.fixture
def plan(tmp_path) -> Plan:
    """A plan over a NoXi of three shards, of which one has everything, one sound, and one a stream and no label."""
    made = Plan({}, str(tmp_path))
    folder = tmp_path / "corpora" / made.places.name("noxi")
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
    files = [Path(file) for file in plan.features.feature_files("noxi", feature)]
    assert [(file.parent.name, file.stem) for file in files] == [(feature, shard) for shard in shards]
    faults = fault_tables([Path(plan.results, "corpora", plan.places.name("noxi"))], [feature])
    assert faults[1:] == [file.with_suffix(".faults.parquet") for file in files]


@pytest.mark.parametrize(
    ("source", "kinds"), {"extracted": ("audio", "video"), "multimediate": STREAM_KINDS}.items()
)
def test_who_is_predicted_has_every_stream_that_a_feature_of_the_source_is_made_of(source, kinds):
    assert kinds_of(features_of(GROUPS[source])) == kinds


def test_a_source_of_a_labs_own_has_its_windows_features_and_rows(tmp_path):
    own = {"groups": {"face": {"visual": ["clip_face"]}}, "sources": ["face"], "ablation_source": "face"}
    dialogue = Plan({"dialogue": own}, str(tmp_path)).families["dialogue"]
    assert dialogue.tasks == ("engagement-face-demo",)
    assert dialogue.training_window_settings(dialogue.tasks[0])["kinds"] == ["video"]
    assert dialogue.run_settings("da_mamba-face-demo", "1")["groups"] == {"visual": ("clip_face",)}
    assert dialogue.features_behind("noxi_ccc") == [
        "clip_face",
        "engagement",
        "engagement_test",
        "face_track",
    ]
    told = dialogue.table_settings("noxi_ccc")["described"]
    assert [one["features"] for one in told.values()] == [["clip_face"], ["clip_face"]]


def test_a_family_that_is_left_out_has_no_jobs_tables_or_computing(tmp_path):
    plan = Plan({"families": ["biosignals"]}, str(tmp_path))
    assert plan.places.all == ("deap", "mahnob") and list(plan.families) == ["biosignals"]
    assert all(job.rule.endswith("_biosignals") for job in plan.jobs)
    plan.write_computing()
    assert "workers" not in json.loads((tmp_path / "computing.json").read_text())


def test_a_withheld_demo_has_no_test_labels():
    def truth(root):
        return Plan({"corpora": {"noxi": {"root": root}}}).places.ground_truth("noxi")

    assert truth("demo-tiny") == "results/demo/demo-tiny/ground_truth"
    assert truth("demo-tiny-withheld") is truth("/data/NoXi") is None


LAB = {"corpora": {name: {"root": f"/data/{name}"} for name in ("noxi", "noxi_add", "mpiigi")}}


def standing(plan: Plan, edition: str) -> Path:
    path = Path(plan.results, "tables", "noxi_ccc.csv")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"edition,method\n{edition},DAT\n")
    return path


def test_a_demo_is_not_put_over_a_labs_table_and_all_else_is(tmp_path):
    demo, lab = Plan({}, str(tmp_path)), Plan(LAB, str(tmp_path))
    demo.tables.require_no_lab_table("noxi_ccc")  # nothing stands
    for edition in (lab.tables.edition_text("noxi_ccc"), "partly demo 0a1b2c3d", "unknown"):
        path = standing(demo, edition)
        lab.tables.require_no_lab_table("noxi_ccc")
        with pytest.raises(ConfigError, match="--configfile") as caught:
            demo.tables.require_no_lab_table("noxi_ccc")
        assert caught.value.where == str(path) and edition in caught.value.found
        demo.tables.require_no_lab_table("noxi_controls")
    for edition in ("demo", "demo-tiny"):
        standing(demo, edition)
        demo.tables.require_no_lab_table("noxi_ccc")
        lab.tables.require_no_lab_table("noxi_ccc")


def test_the_edition_of_a_table_is_that_of_the_corpora_behind_it(tmp_path):
    physio = Plan({"corpora": {"deap": {"root": "/data/DEAP"}, "mahnob": {"root": "none"}}}, str(tmp_path))
    assert physio.tables.edition_text("noxi_ccc") == physio.tables.edition_text("damamba_memory") == "demo"
    assert physio.tables.edition_text("bimtta_accuracy") == physio.places.edition("deap")
    assert Plan({}).tables.edition_text("bimtta_accuracy") == "demo physio"
    mixed = Plan({"corpora": {"deap": {"root": "/data/DEAP"}}})
    assert mixed.tables.edition_text("bimtta_accuracy").startswith("partly demo ")


def test_what_is_taken_away_is_said_with_its_edition(plan):
    path = standing(plan, "0a1b2c3d")
    assert "0a1b2c3d" in plan.tables.take_away("noxi_ccc") and not path.exists()
    assert plan.tables.take_away("noxi_ccc") is None


def test_a_check_is_another_one_when_it_asks_something_else(tmp_path):
    def name(**changes):
        return Plan(LAB | changes, str(tmp_path)).check_of("noxi")

    assert name() == name(dialogue={"seeds": [7]}) == name(biosignals={"seeds": [9]})
    others = [name(dialogue={"sources": ["multimediate"]}), name(tables={"allow_incomplete": True})]
    assert len({name(), *others, Plan({}, str(tmp_path)).check_of("noxi")}) == 4
    assert Plan(LAB).check_of("mpiigi") == name() != Plan(LAB).check_of("mahnob")


def test_windows_depend_on_how_many_shards_there_are(plan):
    def content(shards):
        return Plan({"corpora": {"noxi": {"shards": shards}}}, plan.results).places.split_content(
            "noxi", ["train"]
        )

    assert content(1) == content(1) != content(2)
