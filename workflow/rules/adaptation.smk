# Adaptation: masks, what development subjects choose, and every method on the same streams of test segments.


rule masks:
    input:
        epochs="results/epochs/{corpus_edition}/{shard}.h5",
    output:
        expand(
            "results/masks/{{corpus_edition}}/{{shard}}/{{seed}}/{mask}.parquet",
            mask=biosignals.mask_names,
        ),
    log:
        "results/logs/masks/{corpus_edition}/{shard}/{seed}.log",
    benchmark:
        "results/benchmarks/masks/{corpus_edition}/{shard}/{seed}.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        arguments=ask("adaptation_arguments"),
        code=biosignals.mask_code(),
    shell:
        "affectssm masks --epochs {input.epochs} --seed {wildcards.seed} {params.arguments} "
        "--out results/masks/{wildcards.corpus_edition}/{wildcards.shard}/{wildcards.seed} > {log} 2>&1"


# Learning rates and thresholds, on subjects that are then left out of the table.
rule choose:
    input:
        epochs=ask("epochs_of_corpus"),
        checkpoints=ask("choosing_checkpoints"),
    output:
        chosen="results/choices/{corpus_edition}/chosen.json",
    log:
        "results/logs/choose/{corpus_edition}.log",
    benchmark:
        "results/benchmarks/choose/{corpus_edition}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.physiology.training.threads
    resources:
        gpu=local_gpus(),
        mem_mb=8000,
        runtime=1440,
    params:
        runs=ask("choosing_runs"),
        arguments=ask("adaptation_arguments"),
        code=biosignals.choice_code(),
    shell:
        "affectssm choose --epochs {input.epochs} --runs {params.runs} {params.arguments} "
        "--out {output.chosen} > {log} 2>&1"


rule adapt_trials:
    input:
        epochs=ask("epochs_of_part"),
        checkpoint="results/runs/{experiment}/{part}/{seed}/checkpoint.safetensors",
        masks=ask("masks"),
        chosen=ask("chosen"),
    output:
        adapted="results/runs/{experiment}/{part}/{seed}/adapted.parquet",
        streams="results/runs/{experiment}/{part}/{seed}/streams.parquet",
    log:
        "results/logs/adapt_trials/{experiment}/{part}/{seed}.log",
    benchmark:
        "results/benchmarks/adapt_trials/{experiment}/{part}/{seed}.tsv"
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
        run=ask("trial_run_arguments"),
        arguments=ask("adaptation_arguments"),
        code=biosignals.adaptation_code(),
    shell:
        "affectssm adapt-trials --epochs {input.epochs} --masks {input.masks} --chosen {input.chosen} {params.run} {params.arguments} "
        "--run results/runs/{wildcards.experiment}/{wildcards.part}/{wildcards.seed} "
        "--out {output.adapted} --streams {output.streams} > {log} 2>&1"


rule evaluate_adaptation:
    input:
        epochs=ask("epochs_of_corpus"),
        adapted=ask("adapted_predictions"),
        streams=ask("adapted_streams"),
        chosen=ask("chosen"),
    output:
        metrics="results/metrics/{experiment}/adapted-seeds-{seeds}.parquet",
    log:
        "results/logs/evaluate_adaptation/{experiment}/seeds-{seeds}.log",
    benchmark:
        "results/benchmarks/evaluate_adaptation/{experiment}/seeds-{seeds}.tsv"
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
        "affectssm evaluate-adaptation {params.arguments} --epochs {input.epochs} --adapted {input.adapted} "
        "--streams {input.streams} --chosen {input.chosen} --out {output.metrics} > {log} 2>&1"
