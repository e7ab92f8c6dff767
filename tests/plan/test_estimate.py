"""What tables will take: arithmetic by hand, jobs as Snakemake counts them, warnings, and what was measured here."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from affectssm.cli import main
from affectssm.errors import ConfigError
from affectssm.plan import asked
from affectssm.plan.costs import START_S
from affectssm.plan.estimate import Estimate, Limits
from affectssm.plan.extents import Extent
from affectssm.plan.scales import Scales
from affectssm.plan.walk import Walk
from affectssm.vocabulary.corpora import CORPORA

HOLDS = {"noxi": {"root": "/data/noxi"}, "noxi_add": {"root": "none"}, "mpiigi": {"root": "none"}}
LAB = {"scale": "paper", "families": ["dialogue"], "corpora": HOLDS}


def plan_of(results="results", recordings="150", minutes="20", video="1920x1080@25", **cluster):
    plan = asked.plan_of([], LAB | {"cluster": cluster}, str(results))
    said = ({asked.ALL: text} for text in (recordings, minutes))
    notes = asked.describe(plan, ["noxi_ccc"], *said, {}, {asked.ALL: video})
    assert notes == []
    return plan


def stages(plan, tables=("noxi_ccc",)):
    return {stage.kind: stage for stage in Estimate(plan, tables).stages}


def warnings(plan, **limits):
    return list(
        Estimate(plan, ["noxi_ccc"]).warnings(Limits(**({"hours": plan.config.cluster.hours} | limits)))
    )


def test_a_corpus_in_words_is_dealt_to_the_shards_and_the_jobs_of_a_table_follow():
    plan = plan_of()
    extent = plan.places.extent("noxi")
    assert sorted(Counter(extent.counts.values()).items()) == [(9, 10), (10, 6)]
    assert extent.total == 150 * 20 * 60 * 2 and extent.seconds[extent.longest] == 10 * 20 * 60 * 2
    found = stages(plan)
    # four models and sources, three seeds each, chosen in two ways as NoXi's test labels are withheld
    assert len(found["train_dialogue"].costs) == 24 and len(found["evaluate_dialogue"].costs) == 8
    assert len(found["extract clip_face"].costs) == 16 and len(found["manifest"].costs) == 1


def test_the_check_before_everything_looks_at_all_corpora_of_a_family():
    plan = asked.plan_of([], {"scale": "tiny", "families": ["clips"]})
    asked.describe(plan, ["sims_regression"], {asked.ALL: "5"}, {asked.ALL: "1"}, {}, {})
    found = stages(plan, ["sims_regression"])
    manifests = {cost.job.corpus for cost in found["manifest"].costs}
    assert manifests == {"mosei", "sims", "simsv2"}
    assert {cost.job.corpus for cost in found["extract sentiment"].costs} == {"sims"}
    assert len(found["demo_corpora"].costs) == len(found["complete"].costs) == 1


def test_hours_are_rates_by_seconds_of_media():
    clip_face = stages(plan_of(gpus=0))["extract clip_face"]
    more_pixels = 25 * 0.0021 * (1920 * 1080 - 640 * 360) / 1e6
    rate = 9.08 / 2.56 + more_pixels
    assert clip_face.core_hours == pytest.approx((150 * 2400 * rate + 16 * START_S) / 3600)
    assert clip_face.longest.worst == pytest.approx((10 * 2400 * rate + START_S) / 3600)
    assert clip_face.gpu_hours == 0 and clip_face.gb == pytest.approx(150 * 2400 * 25.6 / 1e6)
    half = asked.plan_of([], LAB | {"features": {"clip_face": {"fps": 5}}})
    assert half.resources.extraction_cost("clip_face", 640 * 360)[0] < clip_face.core_hours / 100


def test_threads_shorten_a_job_and_leave_its_core_hours():
    one = stages(plan_of(gpus=0))["extract clip_face"]
    plan = asked.plan_of([], LAB | {"cluster": {"gpus": 0}, "features": {"threads": 4}})
    asked.describe(plan, ["noxi_ccc"], {"": "150"}, {"": "20"}, {}, {"": "1920x1080@25"})
    four = stages(plan)["extract clip_face"]
    assert four.longest.hours == pytest.approx(one.longest.hours / 4, rel=0.15)
    assert four.core_hours == pytest.approx(one.core_hours, rel=0.15)  # its CPUs wait while it reads


def test_a_gpu_takes_over_all_but_reading():
    on_cpu, on_gpu = (stages(plan_of(gpus=gpus))["extract clip_face"] for gpus in (0, 1))
    assert on_gpu.core_hours == 0 and on_cpu.core_hours / 20 < on_gpu.gpu_hours < on_cpu.core_hours / 8
    assert "assumed" in on_gpu.sure and "assumed" not in on_cpu.sure


def test_the_longest_shards_of_150_sessions_dealt_by_name_break_twelve_hours():
    """Shards of 4 to 14 sessions, as 16 of them held when recordings were dealt by their names alone."""
    plan = plan_of(gpus=0, hours=12)
    sizes = {f"s{number:02d}": size for number, size in enumerate([14, 4, *[9] * 12, 12, 12])}
    assert sum(sizes.values()) == 150
    each = {shard: 2400.0 * size for shard, size in sizes.items()}
    plan.places.extents["noxi"] = Extent(each, sizes, 0.6, 25.0, 1920 * 1080, "described")
    (said,) = (text for text in warnings(plan) if "clip_face" in text)
    assert "noxi s00" in said and "takes 34 h, more than your limit of 12 h" in said
    assert "corpora.noxi.shards: 48 or more, now 16" in said
    assert "a GPU (cluster.gpus: 1)" in said and "cluster.hours" in said and "3 attempts" in said
    assert not [text for text in warnings(plan, hours=48) if "clip_face" in text and "your limit" in text]


def test_a_face_track_without_a_face_is_reckoned_at_worst():
    face_track = stages(plan_of())["extract face_track"]
    assert face_track.longest.worst > 2 * face_track.longest.hours


def test_memory_cores_and_room_have_their_warnings():
    plan = plan_of()
    assert warnings(plan, hours=24, memory_gb=64, cores=4, disk_gb=1e6) == []
    said = warnings(plan, hours=24, memory_gb=10, cores=0, disk_gb=1)
    assert any(
        "train_dialogue: its rule asks for 16 GB, more than your limit of 10 GB" in one for one in said
    )
    assert any("asks for 1 CPUs, more than your limit of 0" in one for one in said)
    assert any("1 GB are free" in one for one in said)


def test_a_job_that_does_not_go_on_says_so():
    (said,) = (text for text in warnings(plan_of(gpus=0, hours=10)) if "predict" in text)
    assert "does not go on where it was ended" in said and "attempts" not in said


def test_what_was_measured_here_refines_the_rest(tmp_path):
    shipped = stages(plan_of(tmp_path, gpus=0))["extract clip_face"]
    name = plan_of(tmp_path).places.name("noxi")
    folder = tmp_path / "benchmarks" / "extract" / name / "clip_face"
    folder.mkdir(parents=True)
    longest = shipped.longest
    took = 0.5 * 3600 * longest.hours
    head = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    line = f"{2 * took}\t1:00:00\t9000.5\t1\t1\t1\t1\t1\t50\t{took}\n"
    (folder / f"{longest.job.wildcards['shard']}.tsv").write_text(head + line)
    (folder / "s01.tsv").write_text("s\th:m:s\tmax_rss\n")  # of a job that was killed
    plan = plan_of(tmp_path, gpus=0)
    refined = stages(plan)["extract clip_face"]
    assert refined.core_hours == pytest.approx(shipped.core_hours / 2)
    assert refined.sure == "measured here (1 of 16 jobs)"
    (said,) = (text for text in warnings(plan) if "9,000 MB here" in text)
    assert "--set-resources extract:mem_mb=13501" in said
    Scales(tmp_path).keep("tiny")  # a run of another scale
    (folder / f"{longest.job.wildcards['shard']}.tsv").touch()
    assert stages(plan_of(tmp_path, gpus=0))["extract clip_face"].sure == shipped.sure


def test_a_manifest_tells_what_there_is(tmp_path):
    from affectssm.corpora.manifest import StreamRow, write_manifest

    plan = asked.plan_of([], LAB, str(tmp_path))
    rows = [
        StreamRow("noxi", split, name, role, kind, f"{name}.mp4", "root", 30.0, 9000, 0, 300.0, 1, "x", name, "", shard)
        for name, split, shard in (("a", "train", "s00"), ("b", "val", "s00"), ("c", "train", "s01"))
        for role in ("expert", "novice")
        for kind in ("video", "audio")
    ]  # fmt: skip
    folder = tmp_path / "corpora" / plan.places.name("noxi")
    folder.mkdir(parents=True)
    write_manifest(folder / "manifest.parquet", rows, {})
    index = {"shards": {"s00": {"video": "1"}, "s01": {"video": "2"}}, "splits": {}, "seats": {}}
    (folder / "shards.json").write_text(json.dumps(index))
    assert asked.describe(plan, ["noxi_ccc"], {}, {}, {}, {}) == []
    extent = plan.places.extent("noxi")
    assert extent.counts == {"s00": 2, "s01": 1} and extent.seconds == {"s00": 1200.0, "s01": 600.0}
    assert extent.learnt == pytest.approx(2 / 3) and extent.hz == 30.0 and extent.origin == "manifest"
    found = stages(plan)
    assert len(found["extract face_track"].costs) == 2
    assert "extract openpose" not in found  # the owner of this copy has none


def test_wrong_words_are_refused():
    plan = asked.plan_of([], LAB)
    for given, message in (
        ({"recordings": {"noxy": "3"}}, "noxy"),
        ({"recordings": {"": "many"}}, "a number above 0"),
        ({"video": {"": "1080p"}}, "1920x1080@25"),
    ):
        words = {name: given.get(name, {}) for name in ("recordings", "minutes", "people", "video")}
        with pytest.raises(ConfigError, match=message):
            asked.describe(plan, ["noxi_ccc"], **words)
    with pytest.raises(ConfigError, match="noxi_ccc"):
        Walk(plan, ["noxi_cc"])


def test_the_command_prints_all_of_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(json.dumps(LAB))
    said = [
        "--recordings",
        "noxi=150",
        "--minutes",
        "20",
        "--video",
        "1920x1080@25",
        "--gpus",
        "0",
        "--hours",
        "12",
    ]
    assert main(["estimate", "lab.yaml", "noxi_ccc", *said]) == 0
    text = capsys.readouterr().out
    for part in (
        "150 recordings, 100 h of media",
        "together",
        "most of the time takes train_dialogue",
        "warning: ",
    ):
        assert part in text
    assert main(["estimate", "lab.yaml", "noxi_ccc"]) == 0
    assert "nobody has said how much there is" in capsys.readouterr().out
    assert main(["estimate", "lab.yaml", "noxi_cc"]) == 1
    assert not Path("results").exists()


@pytest.mark.parametrize(
    "given",
    [
        {"scale": "paper"},
        {"scale": "demo"},
        {"scale": "tiny"},
        {
            "scale": "paper",
            "dialogue": {"adapt_mpiigi": True, "validation_rows": True},
            "video": {"sources": ["mae", "mae_tuned", "mae_sound"]},
            "biosignals": {"protocol": {"protocol": "pooled", "folds": 5}},
            "clips": {"tune_text": True, "sources": {"mosei": ["extracted"]}},
        },
    ],
    ids=["paper", "demo", "tiny", "all switches"],
)
def test_every_table_at_every_scale_has_an_estimate(given):
    shards = {name: {"shards": 2} for name in CORPORA} | {"folder": {"shards": 2, "root": "/data/mine"}}
    plan = asked.plan_of([], {"corpora": shards} | given)
    tables = plan.tables.there
    assert set(plan.tables.owners) - set(tables) == {"recordings_items"}  # labels are of frames or of items
    asked.describe(plan, tables, {asked.ALL: "40"}, {asked.ALL: "1"}, {}, {})
    estimate = Estimate(plan, tables)
    for stage in estimate.stages:
        assert stage.longest.known and stage.sure != "not said", stage.kind
        assert stage.core_hours + stage.gpu_hours > 0
    found = {job.kind for job in Walk(plan, tables)}
    assert {job.rule for job in plan.jobs} - found <= {
        "tune_video", "encode_video", "submission_dialogue", "cut_recordings", "train_items_recordings",
        "evaluate_items_recordings",
    }  # fmt: skip
    assert estimate.jobs == sum(len(stage.costs) for stage in estimate.stages) > 200
