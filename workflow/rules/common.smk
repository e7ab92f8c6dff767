# The plan (library code without science or heavy imports) and the functions that hand its answers to the rules.
from snakemake.exceptions import WorkflowError

from affectssm.errors import AffectError
from affectssm.plan import CORPORA, Plan

try:
    plan = Plan(config)
    plan.listings = {corpus: plan.listing(corpus) for corpus in CORPORA}
except AffectError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    corpus="|".join(CORPORA),
    corpus_edition="|".join(plan.corpus_editions),
    edition="demo[a-z-]*",
    shard="s[0-9]+",
    seed="[0-9]+",
    fold="[A-Za-z0-9_]+",
    source="extracted|multimediate",


def manifest_of(wildcards):
    """The manifest of a corpus; asking for it makes everything behind it wait for the checkpoint."""
    return ancient(checkpoints.manifest.get(corpus_edition=wildcards.corpus_edition).output.manifest)
