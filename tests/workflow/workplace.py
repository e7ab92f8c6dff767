"""A workplace: the workflow and a copy of the source in a folder of their own, run as a user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from affectssm.plan.plan import Plan
from tests.workflow import preloaded

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = "results/tables/noxi_ccc.csv"
TINY, LAB = "tiny.yaml", "lab.yaml"


class Workplace:
    """A folder with the workflow, in which Snakemake is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, folder: Path) -> Workplace:
        """Copy what a clone has."""
        folder.mkdir(parents=True)
        for name in ("Snakefile", "config.yaml"):
            shutil.copy2(REPOSITORY / name, folder / name)
        for name in ("workflow", "profiles", "envs", "src"):
            shutil.copytree(
                REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        shutil.copy2(REPOSITORY / "tests" / "configs" / TINY, folder / TINY)
        return cls(folder)

    def clone(self, folder: Path) -> Workplace:
        """Return a copy, results and Snakemake's memory included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workplace(folder)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command here: this copy of the source comes first."""
        scripts = str(Path(sys.executable).parent)
        # without compiled modules, every job of many compiles them all
        own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return own | {
            "PYTHONPATH": str(self.folder / "src"),
            "PATH": scripts + os.pathsep + own["PATH"],
        }

    def command(self, *arguments: str, config: str | Path = TINY) -> list[str]:
        """Return the Snakemake command line."""
        return ["snakemake", *arguments, "--cores", "2", "--configfile", str(config)]

    def noxi_alone(self, root: Path, truth: Path) -> str:
        """Write the configuration of a lab that holds NoXi as raw media, and nothing else; return the file's name."""
        settings = {
            "scale": "tiny",
            "dialogue": {"sources": ["extracted"], "models": ["da_mamba"]},
            "corpora": {
                "noxi": {"root": str(root), "ground_truth": str(truth), "shards": 1},
                "noxi_add": {"root": "none"},
                "mpiigi": {"root": "none"},
            },
        }
        (self.folder / LAB).write_text(yaml.safe_dump(settings))
        return LAB

    def snakemake(self, *arguments: str, config: str | Path = TINY, ok: bool = True) -> str:
        """Run Snakemake and return what it says; fail the test unless it ends as expected."""
        command = self.command(*arguments, config=config)
        if "-n" in arguments:
            status, said = preloaded.snakemake(command[1:], self.folder, self.environment)
            assert (status == 0) == ok, said
            return said
        run = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=500,
            check=False,
        )
        assert (run.returncode == 0) == ok, run.stdout
        return run.stdout

    def executed(self, *arguments: str, config: str | Path = TINY) -> list[tuple[str, str]]:
        """Run (or with -n plan) and return (rule, first output) of each job."""
        text = self.snakemake(*arguments, config=config)
        found = re.findall(
            r"^(?:local)?(?:rule|checkpoint) (\w+):\n(?:    (?!output).*\n)*(?:    output: ([^,\n]+))?",
            text,
            re.M,
        )
        return [job for job in found if job[0] != "all"]

    def check(self, config: str) -> str:
        """Return the file of the check that the dialogues' jobs of a configuration wait for."""
        plan = Plan(yaml.safe_load(self.read(config)))
        return f"results/complete/{plan.check_of('noxi')}.json"

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return subprocess.run(
            ["affectssm", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
        )

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.folder / path).read_text(encoding="utf-8")


def rules(jobs: list[tuple[str, str]]) -> set[str]:
    """The rules among jobs."""
    return {rule for rule, _ in jobs}
