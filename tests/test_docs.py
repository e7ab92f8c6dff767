"""What the documents name is there: paths, subcommands, and the order of the rooms."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from affectssm.plan.plan import Plan
from docs.draw_jobs import PAGE, edges_of

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted((REPOSITORY / "docs").glob("*.md"))
PATH = re.compile(r"`((?:src|tests|workflow|benchmarks|envs|profiles)/[\w./-]+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_path_and_subcommand_exists(document):
    text = document.read_text(encoding="utf-8")
    absent = [path for path in PATH.findall(text) if not (REPOSITORY / path).exists()]
    assert not absent
    commands = re.findall(r"`affectssm ([a-z-]+)", text)
    if commands:
        run = subprocess.run(
            [sys.executable, "-m", "affectssm.cli", "--help"], capture_output=True, check=True
        )
        known = set(re.findall(r"^    ([a-z-]+) ", run.stdout.decode(), re.M))
        assert set(commands) <= known


def test_the_drawing_of_jobs_has_rules_that_there_are():
    rules = {rule for edge in edges_of(PAGE.read_text(encoding="utf-8")) for rule in edge}
    text = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    assert rules <= {job.rule for job in Plan({}).jobs} | set(re.findall(r"\w+", text))


def test_the_rooms_are_listed_in_the_order_that_is_checked():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [c["layers"] for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    text = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(.+?)` \|", text.partition("<!-- layers -->")[2], re.M)
    assert [name.replace("\\", "") for name in listed] == layers
