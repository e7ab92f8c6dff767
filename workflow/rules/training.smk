# Runs: one a (experiment, fold, seed).


rule train:
    input:
        # followed by content and code: labels of a test part that arrive later change nothing here
        windows=ancient_of("training_windows"),
        tracks=ask("training_tracks"),
        base=ask("base_checkpoint"),
    output:
        checkpoint="results/runs/{experiment}/{fold}/{seed}/checkpoint.safetensors",
        config="results/runs/{experiment}/{fold}/{seed}/config.yaml",
        history="results/runs/{experiment}/{fold}/{seed}/history.csv",
    log:
        "results/logs/train/{experiment}/{fold}/{seed}.log",
    benchmark:
        "results/benchmarks/train/{experiment}/{fold}/{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(dialogue.experiments),
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.experiments.training.threads
    resources:
        gpu=local_gpus(),
        mem_mb=8000,
        runtime=1440,
    params:
        arguments=ask("run_arguments"),
        content=ask("training_content"),
        code=ask("training_code"),
    shell:
        "affectssm train {params.arguments} --computing results/computing.json --fold {wildcards.fold} "
        "--out results/runs/{wildcards.experiment}/{wildcards.fold}/{wildcards.seed} > {log} 2>&1"


rule predict:
    input:
        checkpoint="results/runs/{experiment}/{fold}/{seed}/checkpoint.safetensors",
        windows=ask("prediction_windows"),
        tracks=ask("prediction_tracks"),
    output:
        predictions="results/runs/{experiment}/{fold}/{seed}/predictions.parquet",
    log:
        "results/logs/predict/{experiment}/{fold}/{seed}.log",
    benchmark:
        "results/benchmarks/predict/{experiment}/{fold}/{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(dialogue.experiments),
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.experiments.training.threads
    resources:
        gpu=local_gpus(),
        mem_mb=8000,
        runtime=240,
    params:
        arguments=ask("run_arguments"),
        code=ask("prediction_code"),
    shell:
        "affectssm predict {params.arguments} --computing results/computing.json --run results/runs/{wildcards.experiment}/{wildcards.fold}/{wildcards.seed} "
        "--out {output.predictions} > {log} 2>&1"
