# The time line: which windows a task has. Those a model learns from depend on NoXi alone.


def training_manifest(wildcards):
    return ancient(checkpoints.manifest.get(corpus_edition=plan.name("noxi")).output.manifest)


def all_manifests(wildcards):
    return [checkpoints.manifest.get(corpus_edition=name).output.manifest for name in plan.corpus_editions]


def window_arguments(wildcards):
    return plan.window_arguments(wildcards.task)


def training_splits(wildcards):
    return plan.split_content("noxi", ("train", "val"))


rule training_windows:
    input:
        manifests=training_manifest,
    output:
        train="results/windows/{task}/train.parquet",
        val="results/windows/{task}/val.parquet",
    params:
        part="training",
        arguments=window_arguments,
        content=training_splits,
        code=plan.code("affectssm.timeline.windows"),
    log:
        "results/logs/windows/{task}.training.log",
    benchmark:
        "results/benchmarks/windows/{task}.training.tsv"
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm windows {wildcards.task} --part {params.part} --manifests {input.manifests} {params.arguments} "
        "--out results/windows/{wildcards.task} > {log} 2>&1"


use rule training_windows as prediction_windows with:
    input:
        manifests=all_manifests,
    output:
        test="results/windows/{task}/test.parquet",
        missing="results/windows/{task}/missing.parquet",
    params:
        part="prediction",
        arguments=window_arguments,
        content="",
        code=plan.code("affectssm.timeline.windows"),
    log:
        "results/logs/windows/{task}.prediction.log",
    benchmark:
        "results/benchmarks/windows/{task}.prediction.tsv"
