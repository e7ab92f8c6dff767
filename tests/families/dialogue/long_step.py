"""A step that takes minutes, and who begins one; imports nothing that takes long."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import Popen
from typing import Any

LONG_STEP = {"model": "da_mamba", "length": 4000}  # the reference scans for minutes


def begin_a_long_step(server: Popen, settings: dict[str, Any]) -> int:
    """Ask for it, and return its process's number as soon as it has begun."""
    assert server.stdin and server.stdout
    server.stdin.write(json.dumps({"settings": settings | {"batch": 32}, **LONG_STEP}) + "\n")
    server.stdin.flush()
    server.stdout.readline()  # it has begun
    (step,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return int(step)
