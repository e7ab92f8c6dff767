# Evaluation: the one place that opens the test labels. A table may have seeds of its own, so they are part of the name.


# What the tables will miss is known once all corpora are discovered: nothing is extracted or trained before this look.
# What it says is seen where Snakemake runs, too.
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
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        arguments=ask("check_arguments"),
        code=plan.code("affectssm.evaluation.foreseen"),
    shell:
        "affectssm complete --manifests {input.manifests} {params.arguments} --out {output.missing} 2>&1 | tee {log}"


rule evaluate:
    input:
        predictions=ask("predictions_of"),
        manifests=manifests_of("predicted"),
        missing=ask("missing"),
        labels=ask("label_tracks"),
    output:
        metrics="results/metrics/{experiment}/seeds-{seeds}.parquet",
    log:
        "results/logs/evaluate/{experiment}/seeds-{seeds}.log",
    benchmark:
        "results/benchmarks/evaluate/{experiment}/seeds-{seeds}.tsv"
    wildcard_constraints:
        experiment=one_of(dialogue.experiments),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        arguments=ask("evaluation_arguments"),
        content=ask("scored_content"),
        code=plan.code("affectssm.evaluation.evaluate"),
    shell:
        "affectssm evaluate {params.arguments} --predictions {input.predictions} --manifests {input.manifests} "
        "--missing {input.missing} --out {output.metrics} > {log} 2>&1"


# The predictions in the form the challenge's server takes; index.json is written last.
rule submission:
    input:
        predictions=ask("submitted_predictions"),
        missing=ask("missing"),
    output:
        index="results/submissions/{experiment}/index.json",
    log:
        "results/logs/submission/{experiment}.log",
    benchmark:
        "results/benchmarks/submission/{experiment}.tsv"
    wildcard_constraints:
        experiment=one_of(dialogue.experiments),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=plan.code("affectssm.evaluation.submission"),
    shell:
        "affectssm submission --predictions {input.predictions} --missing {input.missing} "
        "--out results/submissions/{wildcards.experiment} > {log} 2>&1"
