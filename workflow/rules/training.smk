# Runs: one a (experiment, fold, seed).


rule train:
    input:
        windows=training_windows_of,
        tracks=training_tracks,
        base=base_checkpoint,
    output:
        checkpoint="results/runs/{experiment}/{fold}/{seed}/checkpoint.safetensors",
        config="results/runs/{experiment}/{fold}/{seed}/config.yaml",
        history="results/runs/{experiment}/{fold}/{seed}/history.csv",
    log:
        "results/logs/train/{experiment}/{fold}/{seed}.log",
    benchmark:
        "results/benchmarks/train/{experiment}/{fold}/{seed}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.experiments.training.threads
    resources:
        gpu=plan.local_gpus,
        mem_mb=8000,
        runtime=1440,
    params:
        arguments=run_arguments,
        content=training_content,
        code=training_code,
    shell:
        "affectssm train {params.arguments} --computing results/computing.json --fold {wildcards.fold} "
        "--out results/runs/{wildcards.experiment}/{wildcards.fold}/{wildcards.seed} > {log} 2>&1"


rule predict:
    input:
        checkpoint="results/runs/{experiment}/{fold}/{seed}/checkpoint.safetensors",
        windows=prediction_windows_of,
        tracks=prediction_tracks,
    output:
        predictions="results/runs/{experiment}/{fold}/{seed}/predictions.parquet",
    log:
        "results/logs/predict/{experiment}/{fold}/{seed}.log",
    benchmark:
        "results/benchmarks/predict/{experiment}/{fold}/{seed}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.experiments.training.threads
    resources:
        gpu=plan.local_gpus,
        mem_mb=8000,
        runtime=240,
    params:
        arguments=run_arguments,
        code=prediction_code,
    shell:
        "affectssm predict {params.arguments} --computing results/computing.json --run results/runs/{wildcards.experiment}/{wildcards.fold}/{wildcards.seed} "
        "--out {output.predictions} > {log} 2>&1"
