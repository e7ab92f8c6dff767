# Trials of bio-signals: epochs, and one job for all folds of a part (a shard's subjects, or a pooled fold) and seed.


rule epochs:
    input:
        manifest=manifest_of,
        tracks=ask("signal_tracks"),
    output:
        epochs="results/epochs/{corpus_edition}/{shard}.h5",
        index="results/epochs/{corpus_edition}/{shard}.parquet",
        faults="results/epochs/{corpus_edition}/{shard}.faults.parquet",
    log:
        "results/logs/epochs/{corpus_edition}/{shard}.log",
    benchmark:
        "results/benchmarks/epochs/{corpus_edition}/{shard}.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        arguments=ask("epochs_arguments"),
        content=ask("shard_content"),
        code=plan.code("affectssm.timeline.epochs"),
    shell:
        "affectssm epochs --manifest {input.manifest} --shard {wildcards.shard} {params.arguments} "
        "--out {output.epochs} --index {output.index} --faults {output.faults} > {log} 2>&1"


rule train_trials:
    input:
        epochs=ask("epochs_of_part"),
    output:
        checkpoint="results/runs/{experiment}/{part}/{seed}/checkpoint.safetensors",
        config="results/runs/{experiment}/{part}/{seed}/config.yaml",
        history="results/runs/{experiment}/{part}/{seed}/history.csv",
        predictions="results/runs/{experiment}/{part}/{seed}/predictions.parquet",
    log:
        "results/logs/train_trials/{experiment}/{part}/{seed}.log",
    benchmark:
        "results/benchmarks/train_trials/{experiment}/{part}/{seed}.tsv"
    wildcard_constraints:
        experiment=one_of(biosignals.experiments),
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.physiology.training.threads
    resources:
        gpu=local_gpus(),
        mem_mb=8000,
        runtime=1440,
    params:
        arguments=ask("trial_run_arguments"),
        code=ask("trial_training_code"),
    shell:
        "affectssm train-trials --epochs {input.epochs} --part {wildcards.part} {params.arguments} "
        "--out results/runs/{wildcards.experiment}/{wildcards.part}/{wildcards.seed} > {log} 2>&1"


rule evaluate_trials:
    input:
        epochs=ask("epochs_of_corpus"),
        predictions=ask("trial_predictions"),
    output:
        metrics="results/metrics/{experiment}/seeds-{seeds}.parquet",
    log:
        "results/logs/evaluate_trials/{experiment}/seeds-{seeds}.log",
    benchmark:
        "results/benchmarks/evaluate_trials/{experiment}/seeds-{seeds}.tsv"
    wildcard_constraints:
        experiment=one_of(biosignals.experiments),
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        arguments=ask("trial_evaluation_arguments"),
        code=plan.code("affectssm.evaluation.trials"),
    shell:
        "affectssm evaluate-trials {params.arguments} --epochs {input.epochs} --predictions {input.predictions} "
        "--out {output.metrics} > {log} 2>&1"
