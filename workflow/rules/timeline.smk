# The time line: which windows a task has. Those a model learns from depend on NoXi alone.


rule training_windows:
    input:
        manifests=manifests_of("learnt"),
    output:
        train="results/windows/{task}/train.parquet",
        val="results/windows/{task}/val.parquet",
    log:
        "results/logs/windows/{task}.training.log",
    benchmark:
        "results/benchmarks/windows/{task}.training.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        part="training",
        arguments=ask("window_arguments"),
        content=ask("training_splits"),
        code=plan.code("affectssm.timeline.windows"),
    shell:
        "affectssm windows {wildcards.task} --part {params.part} --manifests {input.manifests} {params.arguments} "
        "--out results/windows/{wildcards.task} > {log} 2>&1"


use rule training_windows as prediction_windows with:
    input:
        manifests=manifests_of("predicted"),
    output:
        test="results/windows/{task}/test.parquet",
        missing="results/windows/{task}/missing.parquet",
    log:
        "results/logs/windows/{task}.prediction.log",
    benchmark:
        "results/benchmarks/windows/{task}.prediction.tsv"
    params:
        part="prediction",
        arguments=ask("window_arguments"),
        content=ask("all_content"),
        code=plan.code("affectssm.timeline.windows"),
