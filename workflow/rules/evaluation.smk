# Evaluation: the one place that opens the test labels.


def predictions_of(wildcards):
    return plan.predictions_of(wildcards.experiment)


def labels_of(wildcards):
    return tracks(CORPORA, ["engagement", "engagement_test"])


def missing_of(wildcards):
    return plan.windows(wildcards.experiment, "missing")


def evaluation_arguments(wildcards):
    return plan.evaluation_arguments(wildcards.experiment)


rule evaluate:
    input:
        predictions=predictions_of,
        manifests=all_manifests,
        missing=missing_of,
        labels=labels_of,
    output:
        metrics="results/metrics/{experiment}.parquet",
    params:
        arguments=evaluation_arguments,
        code=plan.code("affectssm.evaluation.evaluate"),
    log:
        "results/logs/evaluate/{experiment}.log",
    benchmark:
        "results/benchmarks/evaluate/{experiment}.tsv"
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm evaluate {params.arguments} --predictions {input.predictions} --manifests {input.manifests} "
        "--missing {input.missing} --out {output.metrics} > {log} 2>&1"


# The predictions in the form the challenge's server takes; index.json is written last.
rule submission:
    input:
        predictions=predictions_of,
        manifests=all_manifests,
    output:
        index="results/submissions/{experiment}/index.json",
    params:
        code=plan.code("affectssm.evaluation.submission"),
    log:
        "results/logs/submission/{experiment}.log",
    benchmark:
        "results/benchmarks/submission/{experiment}.tsv"
    resources:
        mem_mb=4000,
        runtime=60,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm submission --predictions {input.predictions} --manifests {input.manifests} "
        "--out results/submissions/{wildcards.experiment} > {log} 2>&1"
