"""Snakemake's command line, which says in its last line how many CPU seconds and bytes of memory its process took."""

from __future__ import annotations

import atexit
import sys
import time


def _say() -> None:
    from measuring import memory

    print(f"\ntook {time.process_time()} {memory('VmHWM')}", file=sys.stderr, flush=True)


atexit.register(_say)

from snakemake.cli import main  # noqa: E402

main()
