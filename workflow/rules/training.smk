# Runs: one a (experiment, fold, seed). A run looks at the recordings it learns from; a new test session retrains nothing.


def tracks(corpora, features):
    """Feature files of corpora; asking for them waits for the manifests."""
    for corpus in corpora:
        checkpoints.manifest.get(corpus_edition=plan.name(corpus))
    return [file for corpus in corpora for feature in features for file in plan.feature_files(corpus, feature)]


def training_tracks(wildcards):
    corpora = plan.training_corpora(wildcards.experiment)
    return ancient(tracks(corpora, plan.features_of(wildcards.experiment) + ["engagement"]))


def training_windows_of(wildcards):
    return [ancient(path) for path in plan.training_windows(wildcards.experiment)]


def base_checkpoint(wildcards):
    return plan.base_checkpoint(wildcards.experiment, wildcards.seed)


def prediction_tracks(wildcards):
    return tracks(CORPORA, plan.features_of(wildcards.experiment) + ["engagement"])


def run_arguments(wildcards):
    return plan.run_arguments(wildcards.experiment, wildcards.seed)


def training_code(wildcards):
    return plan.training_code(wildcards.experiment)


def training_content(wildcards):
    return plan.training_content(wildcards.experiment)


def prediction_windows_of(wildcards):
    return plan.windows(wildcards.experiment, "test")


rule train:
    input:
        windows=training_windows_of,
        tracks=training_tracks,
        base=base_checkpoint,
    output:
        checkpoint="results/runs/{experiment}/{fold}/{seed}/checkpoint.safetensors",
        config="results/runs/{experiment}/{fold}/{seed}/config.yaml",
        history="results/runs/{experiment}/{fold}/{seed}/history.csv",
    params:
        arguments=run_arguments,
        content=training_content,
        code=training_code,
    log:
        "results/logs/train/{experiment}/{fold}/{seed}.log",
    benchmark:
        "results/benchmarks/train/{experiment}/{fold}/{seed}.tsv"
    threads: plan.config.experiments.training.threads
    resources:
        gpu=plan.local_gpus,
        mem_mb=8000,
        runtime=1440,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm train {params.arguments} --fold {wildcards.fold} "
        "--out results/runs/{wildcards.experiment}/{wildcards.fold}/{wildcards.seed} > {log} 2>&1"


rule predict:
    input:
        checkpoint="results/runs/{experiment}/{fold}/{seed}/checkpoint.safetensors",
        windows=prediction_windows_of,
        tracks=prediction_tracks,
    output:
        predictions="results/runs/{experiment}/{fold}/{seed}/predictions.parquet",
    params:
        arguments=run_arguments,
        code=training_code,
    log:
        "results/logs/predict/{experiment}/{fold}/{seed}.log",
    benchmark:
        "results/benchmarks/predict/{experiment}/{fold}/{seed}.tsv"
    threads: plan.config.experiments.training.threads
    resources:
        gpu=plan.local_gpus,
        mem_mb=8000,
        runtime=240,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm predict {params.arguments} --run results/runs/{wildcards.experiment}/{wildcards.fold}/{wildcards.seed} "
        "--out {output.predictions} > {log} 2>&1"
