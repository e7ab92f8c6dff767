# Corpora: small ones made here, or the owner's; and what lies in them.


def listing_of(wildcards):
    return plan.listings[plan.corpus_editions[wildcards.corpus_edition]]


def demo_card_of(wildcards):
    return plan.demo_card(plan.corpus_editions[wildcards.corpus_edition])


def discover_arguments(wildcards):
    return plan.discover_arguments(plan.corpus_editions[wildcards.corpus_edition])


rule demo_corpora:
    output:
        card="results/demo/{edition}/card.json",
    params:
        code=plan.code("affectssm.corpora.demo.write"),
    log:
        "results/logs/demo_corpora/{edition}.log",
    benchmark:
        "results/benchmarks/demo_corpora/{edition}.tsv"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=10,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm demo {wildcards.edition} --out results/demo/{wildcards.edition} > {log} 2>&1"


# One glance at the root: which recordings there are, in which shards. Rerun when the listing of the root changes.
checkpoint manifest:
    input:
        demo_card_of,
    output:
        manifest="results/corpora/{corpus_edition}/manifest.parquet",
        faults="results/corpora/{corpus_edition}/faults.parquet",
        shards="results/corpora/{corpus_edition}/shards.json",
    params:
        arguments=discover_arguments,
        listing=listing_of,
        code=plan.code("affectssm.corpora.discover"),
    log:
        "results/logs/manifest/{corpus_edition}.log",
    benchmark:
        "results/benchmarks/manifest/{corpus_edition}.tsv"
    resources:
        mem_mb=2000,
        runtime=120,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm discover {params.arguments} --out results/corpora/{wildcards.corpus_edition} > {log} 2>&1"
