"""A controller that is killed leaves its jobs at work: the next one says so, and goes on once they are ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from affectssm.runs.controllers import controllers
from affectssm.runs.folder import RunFolder
from affectssm.runs.processes import stages_at_work
from tests.runs.stray import program
from tests.workflow.workplace import REPOSITORY

SNAKEFILE = f"""
include: "{REPOSITORY}/workflow/rules/guard.smk"

onstart:
    keep_others_out(log)

rule extract:
    output: "results/features/x.h5", "results/features/y.h5"
    log: "results/logs/extract/x.log"
    benchmark: "results/benchmarks/extract/x.tsv"
    shell: "affectssm extract --out {{output[0]}} --faults {{output[1]}} > {{log}} 2>&1"

rule train:
    output: "results/runs/z"
    log: "results/logs/train/z.log"
    benchmark: "results/benchmarks/train/z.tsv"
    shell: "affectssm train --out {{output}} > {{log}} 2>&1"
"""
# works until a file is there, which then is what it makes
STAGE = """
import sys, time, pathlib
while not pathlib.Path("go").exists(): time.sleep(0.02)
for word in sys.argv:
    if word.startswith("results/"): pathlib.Path(word).write_text("made")
"""


class Run:
    """A folder with a small workflow whose stages are not affectssm's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = RunFolder(folder / "results")
        folder.mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE)
        scripts = program(folder / "bin", STAGE).parent
        self.environment = os.environ | {
            "PATH": f"{scripts}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY / "src"),
        }

    def start(self, *arguments: str, python: str = "snakemake") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", python, *arguments]
        return subprocess.Popen(
            command, cwd=self.folder.path, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def snakemake(self, *targets: str) -> subprocess.Popen[str]:
        return self.start("--cores", "2", "--rerun-incomplete", *targets)

    def ended(self, run: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = run.communicate(timeout=120)
        return run.returncode, said

    def affectssm(self, command: str) -> str:
        return self.ended(self.start(command, python="affectssm.cli"))[1]


@pytest.mark.workflow
def test_a_killed_run_goes_on_once_what_it_left_is_ended(tmp_path):
    run = Run(tmp_path / "run")
    first = run.snakemake("results/features/x.h5")
    while not (run.folder.results / "logs/extract/x.log").exists():
        assert first.poll() is None
        time.sleep(0.05)
    try:
        status, said = run.ended(
            run.snakemake("results/runs/z")
        )  # other files: Snakemake's lock lets it pass
        assert status == 1 and f"snakemake on {controllers(run.folder)[0].host}, process {first.pid}" in said
        assert f"kill -INT {first.pid}" in said.splitlines()[-2]
        assert not (run.folder.results / "logs" / "train").exists()
        assert run.affectssm("cancel").count("at work in it already") == 1  # its jobs are not taken from it
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert re.search(r"extract +\d* +1", run.affectssm("status"))

    (stray,) = stages_at_work(run.folder)
    status, said = run.ended(run.snakemake("results/features/x.h5"))
    assert (
        status == 1
        and f"process {stray.pid}: extract" in said
        and "affectssm cancel" in said.splitlines()[-2]
    )
    assert stages_at_work(run.folder) == [stray]
    assert f"ending process {stray.pid}: extract" in run.affectssm("cancel")
    words = run.affectssm("status")
    assert "killed" in words and re.search(r"done again.*\n  extract$", words, re.M)

    (run.folder.path / "go").touch()
    status, said = run.ended(run.snakemake("results/features/x.h5"))
    assert status == 0, said
    assert re.search(r"^extract +1 *$", run.affectssm("status"), re.M)
    assert [one.state(time.time()) for one in controllers(run.folder)] == ["dead", "ended"]
