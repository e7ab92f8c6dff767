# From raw dialogues to the papers' tables: snakemake --cores 8 results/tables/noxi_ccc.csv
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


# Of jobs with --sdm apptainer alone: built from envs/affectssm.def, see docs/cluster.md.
container: "affectssm.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/guard.smk"
include: "workflow/rules/slurm.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/steps.smk"
include: "workflow/rules/tables.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        "results/tables/noxi_ccc.csv",
