# Corpora: small ones made here, or the owner's; and what lies in them.


rule demo_corpora:
    output:
        card="results/demo/{edition}/card.json",
    log:
        "results/logs/demo_corpora/{edition}.log",
    benchmark:
        "results/benchmarks/demo_corpora/{edition}.tsv"
    # Nearly all waits for it, and it wants two cores: a long job that begins first on one would keep it waiting.
    priority: 2
    conda:
        "../../envs/environment.yaml"
    threads: plan.resources.threads("demo_corpora")
    resources:
        **asked_of(plan.resources.shared("demo_corpora")),
    params:
        arguments=ask("demo_arguments"),
        code=ask("demo_code"),
    shell:
        "affectssm demo {params.arguments} --out results/demo/{wildcards.edition} > {log} 2>&1"


# One glance at the root: which recordings there are, in which shards. Rerun when the listing of the root changes.
# All roots come before everything else: what is wrong with one shows before the others are computed on.
rule manifest:
    input:
        ask("demo_card"),
    output:
        manifest="results/corpora/{corpus_edition}/manifest.parquet",
        faults="results/corpora/{corpus_edition}/faults.parquet",
        shards="results/corpora/{corpus_edition}/shards.json",
    log:
        "results/logs/manifest/{corpus_edition}.log",
    benchmark:
        "results/benchmarks/manifest/{corpus_edition}.tsv"
    priority: 1
    conda:
        "../../envs/environment.yaml"
    threads: plan.resources.threads("manifest")
    resources:
        **asked_of(plan.resources.shared("manifest")),
    params:
        arguments=ask("discover_arguments"),
        listing=ask("listing") if workflow.is_main_process else "",
        code=ask("discovery_code"),
    shell:
        "affectssm discover {params.arguments} --threads {threads} --out results/corpora/{wildcards.corpus_edition} > {log} 2>&1"


localrules:
    complete,


# What the tables will miss is known once all corpora are discovered: nothing is extracted or trained before this look.
# What it says is seen where Snakemake runs, too; a gap is none the less after another try. It is the one checkpoint, and
# knows the manifests that it looks at by name: so Snakemake meets every checkpoint at its first look at the jobs, and
# asks what waits for one once, not once a manifest.
checkpoint complete:
    input:
        manifests=ask("manifests_of_check"),
    output:
        missing="results/complete/{check}.json",
    log:
        "results/logs/complete/{check}.log",
    benchmark:
        "results/benchmarks/complete/{check}.tsv"
    priority: 1
    retries: 0
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked_of(plan.resources.shared("complete")),
    params:
        family=ask("check_family"),
        arguments=ask("check_arguments"),
        code=ask("check_code"),
    shell:
        "affectssm complete {params.family} --manifests {input.manifests} {params.arguments} --out {output.missing} 2>&1 | tee {log}"


# A job's own Snakemake plans that one job where no rule is a checkpoint, and else all that lies behind it, too: a
# training with every extraction, which it would even begin again itself, were a file not seen yet on its node.
if not workflow.is_main_process:
    for one in workflow.rules:
        one.is_checkpoint = False
