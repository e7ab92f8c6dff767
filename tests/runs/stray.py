"""Processes that nobody waits for any more, as the jobs of a killed controller."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SLEEPER = "import time\ntime.sleep(60)\n"


def program(folder: Path, text: str = SLEEPER) -> Path:
    """Write a program called affectssm."""
    folder.mkdir(exist_ok=True)
    path = folder / "affectssm"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


def orphan(cwd: Path, *command: str | Path) -> int:
    """Start a command whose parent has ended; return its process."""
    line = " ".join(["nohup", '"$@"', ">/dev/null", "2>&1", "&", "echo", "$!"])
    run = subprocess.run(
        ["sh", "-c", line, "sh", *map(str, command)], cwd=cwd, text=True, stdout=subprocess.PIPE, check=True
    )
    return int(run.stdout)
