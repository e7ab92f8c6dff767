"""What is known to be missing stops a run before anything is extracted, and takes the demo's table away."""

from __future__ import annotations

import shutil

import pytest
import yaml

from tests.workflow.workplace import TABLE, Workplace, rules

pytestmark = pytest.mark.workflow


@pytest.fixture
def lab(copy) -> Workplace:
    """The finished road, and a lab's own corpora, in which a participant of a test recording has no file."""
    root = copy.folder / "corpora"
    shutil.copytree(copy.folder / "results/demo/demo-tiny", root, ignore=shutil.ignore_patterns("card.json"))
    for path in (root / "noxi/test-base/010").glob("novice.*"):
        path.unlink()
    own = {
        name: {"root": str(root / folder), "shards": 1, "ground_truth": str(root / "ground_truth")}
        for name, folder in (("noxi", "noxi"), ("noxi_add", "noxi"), ("mpiigi", "mpiigi"))
    }
    dialogue = {"sources": ["multimediate"], "models": ["da_mamba"]}
    settings = {"scale": "tiny", "dialogue": dialogue, "corpora": own}
    (copy.folder / "lab.yaml").write_text(yaml.safe_dump(settings))
    settings["tables"] = {"allow_incomplete": True}
    (copy.folder / "incomplete.yaml").write_text(yaml.safe_dump(settings))
    return copy


def test_a_missing_participant_stops_the_run_before_extraction_unless_allowed(lab):
    said = lab.snakemake(TABLE, config="lab.yaml", ok=False)
    *_, found, _, remedy, log = said.strip().splitlines()
    assert "010/novice (no file that can be used)" in found and "allow_incomplete" in remedy
    assert "rule extract" not in said and "rule train:" not in said
    assert (lab.folder / log.split()[1]).is_file()
    assert not (lab.folder / TABLE).exists(), "the demo's table is not what was asked for"
    said = lab.snakemake(lab.check("incomplete.yaml"), config="incomplete.yaml")
    assert "will be missing: multimediate, test: noxi_base 010/novice" in said
    assert {"extract_on_cpu", "train_dialogue", "table"} <= rules(
        lab.executed("-n", TABLE, config="incomplete.yaml")
    )
