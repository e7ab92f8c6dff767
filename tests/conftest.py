"""What all tests share: one thread a process (two cores run two test processes), no network, repeatable examples."""

import gc
import os

for variable, value in {
    "OMP_NUM_THREADS": "1",  # read when torch is first imported
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "AFFECTSSM_RAISE_UNEXPECTED": "1",  # errors of our own must not pass for faults of a file
}.items():
    os.environ.setdefault(variable, value)
gc.set_threshold(50_000)  # more than Python's 700: all that importing and rewriting the tests makes stays

from hypothesis import settings  # noqa: E402

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")
