# Features: one job a feature and shard. A shard's content hash is a param, so a new recording reruns its own shard.


def feature_arguments(wildcards):
    return plan.feature_arguments(plan.corpus_editions[wildcards.corpus_edition], wildcards.feature)


def feature_code(wildcards):
    return plan.feature_code(wildcards.feature)


def feature_content(wildcards):
    return plan.feature_content(plan.corpus_editions[wildcards.corpus_edition], wildcards.shard, wildcards.feature)


def faces_of(wildcards):
    """The face track of the shard, where the feature needs one."""
    if not plan.needs_faces(wildcards.feature):
        return []
    return f"results/features/{wildcards.corpus_edition}/face_track/{wildcards.shard}.h5"


rule extract:
    input:
        manifest=manifest_of,
        faces=faces_of,
    output:
        track="results/features/{corpus_edition}/{feature}/{shard}.h5",
        faults="results/features/{corpus_edition}/{feature}/{shard}.faults.parquet",
    params:
        arguments=feature_arguments,
        faces=lambda wildcards, input: f"--faces {input.faces}" if input.faces else "",
        content=feature_content,
        code=feature_code,
    wildcard_constraints:
        feature="|".join(plan.network_features),
    log:
        "results/logs/extract/{corpus_edition}/{feature}/{shard}.log",
    benchmark:
        "results/benchmarks/extract/{corpus_edition}/{feature}/{shard}.tsv"
    threads: plan.config.features.threads
    resources:
        gpu=plan.local_gpus,
        mem_mb=8000,
        runtime=720,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm extract {wildcards.feature} --manifest {input.manifest} --shard {wildcards.shard} "
        "{params.arguments} {params.faces} --out {output.track} --faults {output.faults} > {log} 2>&1"


# Face tracks, flows, the streams as they come and the labels: no network, no GPU.
use rule extract as extract_on_cpu with:
    wildcard_constraints:
        feature="|".join(plan.cpu_features),
    log:
        "results/logs/extract/{corpus_edition}/{feature}/{shard}.log",
    benchmark:
        "results/benchmarks/extract/{corpus_edition}/{feature}/{shard}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=480,
