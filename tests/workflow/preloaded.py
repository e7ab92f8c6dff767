"""Plans by Snakemake's own command line, in forks of one process that has imported it: that takes most of a dry run.

Run as a script it takes a line of JSON a command from its input, [arguments, folder, environment, file of what is
said], and answers with a line that holds the exit status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def snakemake(arguments: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run ``snakemake`` with these arguments; return its exit status and what it said."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as said:
        server = _server()
        print(json.dumps([arguments, str(folder), environment, said.name]), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        return status, said.read()


@cache
def _server() -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
    )
    atexit.register(started.communicate)
    return started


def _serve() -> None:
    import pydantic.main  # noqa: F401 - these three are what a plan imports later, but for the package itself
    import smart_open  # noqa: F401
    import snakemake.cli
    import snakemake.report.html_reporter

    gc.freeze()
    for line in sys.stdin:
        arguments, folder, environment, said = json.loads(line)
        child = os.fork()
        if not child:
            _run(snakemake.cli.main, arguments, folder, environment, said)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(main, arguments: list[str], folder: str, environment: dict[str, str], said: str) -> None:
    """Become what the shell would have started, and end as it does."""
    for stream, path, mode in ((0, os.devnull, os.O_RDONLY), (1, said, os.O_WRONLY | os.O_APPEND)):
        os.dup2(os.open(path, mode), stream)
    os.dup2(1, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    sys.argv = ["snakemake", *arguments]
    sys.exit(main())


if __name__ == "__main__":
    del sys.path[0]  # this folder
    _serve()
