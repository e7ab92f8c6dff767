# Memory: one training step by model and window length, each in a process of its own. No corpus is needed.


rule memory:
    output:
        measured=dialogue.memory_file,
    log:
        "results/logs/memory.log",
    benchmark:
        "results/benchmarks/memory.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=local_gpus(),
        mem_mb=4000 + round(1000 * plan.config.memory.limit_gb),
        runtime=60,
    params:
        arguments=dialogue.memory_arguments(),
        code=dialogue.memory_code(),
    shell:
        "affectssm memory {params.arguments} --out {output.measured} > {log} 2>&1"
