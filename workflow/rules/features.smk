# Features: one job a feature and shard. A shard's content hash is a param, so a new recording reruns its own shard.


rule extract:
    input:
        manifest=manifest_of,
        faces=ask("faces_of"),
    output:
        track="results/features/{corpus_edition}/{feature}/{shard}.h5",
        faults="results/features/{corpus_edition}/{feature}/{shard}.faults.parquet",
    log:
        "results/logs/extract/{corpus_edition}/{feature}/{shard}.log",
    benchmark:
        "results/benchmarks/extract/{corpus_edition}/{feature}/{shard}.tsv"
    wildcard_constraints:
        feature="|".join(plan.features.network_features),
    conda:
        "../../envs/environment.yaml"
    threads: plan.config.features.threads
    resources:
        **asked_of(plan.resources.extraction(network=True)),
    params:
        arguments=ask("feature_arguments"),
        faces=lambda wildcards, input: f"--faces {input.faces}" if input.faces else "",
        content=ask("feature_content"),
        code=ask("feature_code"),
    shell:
        "affectssm extract {wildcards.feature} --manifest {input.manifest} --shard {wildcards.shard} "
        "{params.arguments} --computing results/computing.json {params.faces} --out {output.track} --faults {output.faults} > {log} 2>&1"


# Face tracks, flows, the streams as they come and the labels: no network, no GPU.
use rule extract as extract_on_cpu with:
    log:
        "results/logs/extract/{corpus_edition}/{feature}/{shard}.log",
    benchmark:
        "results/benchmarks/extract/{corpus_edition}/{feature}/{shard}.tsv"
    wildcard_constraints:
        feature="|".join(plan.features.cpu_features),
    threads: 1
    resources:
        **asked_of(plan.resources.extraction(network=False)),
