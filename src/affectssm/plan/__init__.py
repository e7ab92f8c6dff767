"""What the workflow has to know before anything runs: editions, paths, experiments, and the hashes that decide reruns.

Everything here is cheap (no torch, no pandas): Snakemake evaluates it in every process it starts.
"""
