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
    threads: 2
    resources:
        **plan.resources.shared("demo_corpora"),
    params:
        arguments=ask("demo_arguments"),
        code=ask("demo_code"),
    shell:
        "affectssm demo {params.arguments} --out results/demo/{wildcards.edition} > {log} 2>&1"


# One glance at the root: which recordings there are, in which shards. Rerun when the listing of the root changes.
# All roots come before everything else: what is wrong with one shows before the others are computed on.
checkpoint manifest:
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
    # Files are read in as many threads, which wait for a network's disk more than they compute.
    threads: 4
    resources:
        **plan.resources.shared("manifest"),
    params:
        arguments=ask("discover_arguments"),
        listing=ask("listing"),
        code=ask("discovery_code"),
    shell:
        "affectssm discover {params.arguments} --threads {threads} --out results/corpora/{wildcards.corpus_edition} > {log} 2>&1"


localrules:
    complete,


# What the tables will miss is known once all corpora are discovered: nothing is extracted or trained before this look.
# What it says is seen where Snakemake runs, too; a gap is none the less after another try.
checkpoint complete:
    input:
        manifests=manifests_of_check,
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
        **plan.resources.shared("complete"),
    params:
        family=ask("check_family"),
        arguments=ask("check_arguments"),
        code=ask("check_code"),
    shell:
        "affectssm complete {params.family} --manifests {input.manifests} {params.arguments} --out {output.missing} 2>&1 | tee {log}"
