"""The whole road on the tiny corpora, as a newcomer goes it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from affectssm.plan.plan import Plan
from affectssm.settings.load import overlay
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader
from docs.draw_jobs import PAGE, edges_of
from tests.workflow.workplace import TABLE, Workplace

pytestmark = pytest.mark.workflow


def rows_of(place: Workplace) -> list[dict[str, str]]:
    """The table's rows."""
    return list(csv.DictReader(place.read(TABLE).splitlines()))


def test_the_table_has_published_and_measured_rows(road):
    rows = rows_of(road)
    assert [row["source"] for row in rows].count("published") == 11
    measured = [row for row in rows if row["source"] == "measured"]
    assert {(row["method"], row["features"].split(":")[0]) for row in measured} == {
        ("DA-Mamba", source) for source in ("extracted", "multimediate")
    }
    for row in measured:
        assert (row["data"], row["weights"]) == ("demo", "random")
        assert -1 <= float(row["noxi_base"]) <= 1
        for metric in ("noxi_add", "mpiigi", "global"):
            if row["features"].startswith("multimediate"):
                assert -1 <= float(row[metric]) <= 1
            else:  # these two come without raw media
                assert row[metric] == "" and f"{metric}:" in row["note"]
    assert {row["n_units"] for row in measured} == {"1", "3"}
    assert {row["n_expected"] for row in measured} == {"3"}


def test_the_cells_that_are_foreseen_are_those_that_the_evaluation_found(road):
    config = [yaml.safe_load(road.read(name)) for name in ("config.yaml", "tiny.yaml")]
    plan = Plan(overlay(*config), str(road.folder / "results"))
    family = plan.tables.owners["noxi_ccc"]
    manifests = {corpus: Path(plan.places.manifest(corpus)) for corpus in family.held}
    scored = [row for path in family.metrics_of("noxi_ccc") for row in read_parquet(Path(path)).to_pylist()]
    found = {(row["experiment"], row["cell"]): row["reason"] for row in scored}
    assert {(one.row, one.column): one.empty for one in family.cells_of("noxi_ccc", manifests)} == found


def test_a_look_at_what_the_workflow_has_made_makes_nothing_run_again(copy):
    run = copy.cli("check", "tiny.yaml", "noxi_ccc")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("; discovered by the workflow\n") == 3 and "measured here" in run.stdout
    assert copy.executed(TABLE, "-n") == []


def test_what_lies_beside_the_table(road):
    provenance = json.loads(road.read("results/tables/noxi_ccc.provenance.json"))
    assert provenance
    assert (road.folder / "results/tables/noxi_ccc.png").read_bytes().startswith(b"\x89PNG")
    faults = list(csv.DictReader(road.read("results/tables/noxi_ccc.faults.csv").splitlines()))
    assert {"corpus", "recording", "code", "found", "expected", "action"} <= set(faults[0])


def test_the_page_of_jobs_draws_what_the_rules_say(road):
    said = road.snakemake(TABLE, "--rulegraph", "mermaid-js")
    assert edges_of(said) and edges_of(said) <= edges_of(PAGE.read_text(encoding="utf-8"))


def test_a_logged_line_runs_by_itself(road, tmp_path):
    """A rule is one shell line: what Snakemake prints can be pasted."""
    place = road.clone(tmp_path / "copy")
    printed = place.snakemake(TABLE, "-n", "-p", "--forcerun", "evaluate_dialogue")
    line = next(text for text in printed.splitlines() if text.startswith("Shell command: affectssm evaluate"))
    line = line.removeprefix("Shell command: ")
    metrics = place.folder / line.split(" --out ")[1].split()[0]
    before = read_parquet(metrics)
    metrics.unlink()
    run = subprocess.run(["bash", "-c", line], cwd=place.folder, env=place.environment, check=False)
    assert run.returncode == 0
    assert str(read_parquet(metrics).to_pylist()) == str(before.to_pylist())


def test_killed_twice_and_started_again_gives_the_same_table(road, tmp_path):
    place = road.clone(tmp_path / "killed")
    results = place.folder / "results"
    for _ in range(5):  # on a busy machine the moment may pass unseen
        begin_again_at_the_voices(results)
        finished = times([*results.glob("features/*/*/*.h5"), *results.glob("runs/*/*/*/*.safetensors")])
        if killed_when(place, lambda: any(results.glob("features/*/wav2vec2/*.parts/*.h5"))):
            break
    parts = list(results.glob("features/*/wav2vec2/*.parts/*.h5"))
    assert parts
    recordings = [(part, name) for part in parts for name in ShardReader(part).recordings]
    voices = [
        str(path.relative_to(road.folder)) for path in road.folder.glob("results/features/*/wav2vec2/*.h5")
    ]
    place.snakemake(*voices)
    for path, name in recordings:
        corpus, feature, shard = path.parent.relative_to(results / "features").parts
        log = place.read(f"results/logs/extract/{corpus}/{feature}/{shard.split('.')[0]}.log")
        assert re.search(rf"wav2vec2: {re.escape(name)} \(.*\) was finished before", log)
    finished |= times(place.folder / voice for voice in voices)
    assert killed_when(place, lambda: any(results.glob("runs/*/*/.*.resume/*.pt")))
    place.snakemake(TABLE)
    assert place.read(TABLE) == road.read(TABLE)
    assert times(finished) == finished


def begin_again_at_the_voices(results: Path) -> None:
    """Delete one feature and all that was made of it."""
    for pattern in ("features/*/wav2vec2", "runs/*-extracted-*", "metrics/*-extracted-*", "tables", "logs"):
        for path in results.glob(pattern):
            shutil.rmtree(path)


def times(paths: Iterable[Path]) -> dict[Path, int]:
    """When files were written."""
    return {path: path.stat().st_mtime_ns for path in paths}


def killed_when(place: Workplace, happened) -> bool:
    """Start the road, SIGKILL its whole process group as soon as something happened, and unlock it.

    False if the road came to its end before that was seen.
    """
    process = subprocess.Popen(
        place.command(TABLE),
        cwd=place.folder,
        env=place.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while not happened():
        if process.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    place.snakemake("--unlock")
    return True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dialogue: {trainings: {}}", "training"),
        ("scale: tini", "tiny"),
        ("dialogue: {clock_hz: 50}", "100"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(road, tmp_path, text, says):
    bad = tmp_path / "bad.yaml"
    bad.write_text(text)
    said = road.snakemake("-n", TABLE, config=bad, ok=False)
    assert says in said and "remedy" in said.strip().splitlines()[-1], "our words come last"
    assert "Traceback" not in said


def test_a_mistyped_table_is_answered_with_those_there_are(road):
    said = road.snakemake("-n", "results/tables/noxi_cc.csv", ok=False)
    assert "one of noxi_ccc, " in said
    assert said.strip().endswith("remedy:   ask for results/tables/noxi_ccc.csv"), "our words come last"
    assert "Traceback (most recent call last)" not in said


@pytest.mark.parametrize(("root", "says"), [("empty", "an empty folder"), ("nowhere", "no such folder")])
def test_a_wrong_root_is_one_clear_error(copy, tmp_path, root, says):
    (tmp_path / "empty").mkdir()
    beside = {name: {"root": "demo-tiny"} for name in ("noxi_add", "mpiigi")}
    roots = {"noxi": {"root": str(tmp_path / root)}} | beside
    (copy.folder / "wrong.yaml").write_text(yaml.safe_dump({"scale": "tiny", "corpora": roots}))
    said = copy.snakemake(TABLE, config="wrong.yaml", ok=False)
    last = said.strip().splitlines()
    assert says in said and "remedy" in "".join(last[-2:]), "our words come last"
    assert "Traceback (most recent call last)" not in said
    assert not (copy.folder / TABLE).exists(), "the demo's table is not what was asked for"
    assert copy.read(TABLE.replace("tables/", "tables/demo-tiny/")), "what was computed before is still there"
