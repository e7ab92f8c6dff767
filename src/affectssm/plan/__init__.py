"""What the workflow has to know before anything runs: editions, paths, experiments, and the hashes that decide reruns.

Everything here is cheap (no torch, no pandas): Snakemake evaluates it in every process it starts. One page a
stage, each a class over the one before: corpora, features, experiments, trials, complete, tables.
"""

from affectssm.plan.corpora import CORPORA
from affectssm.plan.tables import TablePlan as Plan

__all__ = ["CORPORA", "Plan"]
