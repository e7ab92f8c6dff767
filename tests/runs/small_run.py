"""A small workflow under the guard of the real one, whose stages are not affectssm's own and end when they are let."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from affectssm.runs.folder import RunFolder
from tests.runs.stray import program

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE, OTHER = "results/tables/x.csv", "results/runs/z"
SNAKEFILE = f"""
include: "{REPOSITORY}/workflow/rules/guard.smk"

onstart:
    keep_others_out(log)

rule table:
    input: "results/features/a.h5", "results/features/b.h5"
    output: "{TABLE}"
    log: "results/logs/table/x.log"
    shell: "cat {{input}} > {{output}}"

rule extract:
    output: "results/features/{{name}}.h5", "results/features/{{name}}.faults"
    log: "results/logs/extract/{{name}}.log"
    benchmark: "results/benchmarks/extract/{{name}}.tsv"
    shell: "affectssm extract --out {{output[0]}} --faults {{output[1]}} > {{log}} 2>&1"

rule train:
    output: "{OTHER}"
    log: "results/logs/train/z.log"
    shell: "affectssm train --out {{output}} > {{log}} 2>&1"
"""
# Works until a file is there; what it makes says its name.
STAGE = """
import pathlib, sys, time
while not pathlib.Path("go").exists():
    time.sleep(0.02)
for word in sys.argv:
    if word.startswith("results/"):
        pathlib.Path(word).write_text(word + "\\n")
"""


class SmallRun:
    """A folder with the workflow.

    Args:
        folder: to be made.
        environment: of its commands.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.folder = RunFolder(folder / "results")
        folder.mkdir()
        (folder / "Snakefile").write_text(SNAKEFILE)
        self.programs = program(folder / "bin", STAGE).parent
        first = os.pathsep.join(map(str, (self.programs, Path(sys.executable).parent)))
        self._environment = {
            **environment,
            "PATH": f"{first}{os.pathsep}{environment['PATH']}",
            "PYTHONPATH": str(REPOSITORY / "src"),
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a module of Python as a command."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.folder.path,
            env=self._environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def begun(self, *options: str) -> subprocess.Popen[str]:
        """Start the workflow, and return when its first jobs work."""
        run = self.start("snakemake", *options)
        logs = self.folder.results / "logs" / "extract"
        while len(list(logs.glob("*.log"))) < 2:
            assert run.poll() is None, run.stdout.read()
            time.sleep(0.05)
        return run

    def ended(self, *command: str) -> tuple[int, str]:
        """Run a module of Python; return its status and what it says."""
        run = self.start(*command)
        said, _ = run.communicate(timeout=300)
        return run.returncode, said

    def affectssm(self, command: str) -> str:
        """Run affectssm's own command line, and return what it says."""
        return self.ended("affectssm.cli", command)[1]

    def let_go(self) -> None:
        """Let all stages come to their end."""
        (self.folder.path / "go").touch()

    @property
    def table(self) -> str:
        """What the workflow has made."""
        return (self.folder.path / TABLE).read_text()


WHOLE = "".join(f"results/features/{name}.h5\n" for name in "ab")
