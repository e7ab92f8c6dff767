"""One discovery, or one walk, in a process that does nothing else; prints CPU seconds and the peak of memory as JSON.

python benchmarks/discovery_process.py {discover,walk} ROOT OUT
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from measuring import memory

THREADS = 4  # as the rule of the workflow has


def main(what: str, root: str, out: str) -> None:
    """Do it; the CPU seconds are those of all threads, from the start of the process."""
    if what == "walk":
        from affectssm.corpora.discover import listing_fingerprint
        from affectssm.vocabulary.corpora import CORPORA

        listing_fingerprint(Path(root), CORPORA["noxi"].files)
    else:
        from affectssm.cli import main as command

        settings = ["--settings", '{"shards": 16}', "--threads", str(THREADS)]
        command(["discover", "noxi", "--root", root, "--out", out, *settings])
    print("\n" + json.dumps({"cpu": time.process_time(), "peak": memory("VmHWM") / 1e6}))


if __name__ == "__main__":
    main(*sys.argv[1:])
