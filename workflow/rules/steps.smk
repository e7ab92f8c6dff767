# The jobs of all families: one rule a step, as the family describes it (src/affectssm/families/step.py).


for job in plan.jobs:

    rule:
        name:
            job.rule
        input:
            **inputs_of(job),
        output:
            **job.outputs,
        log:
            job.log,
        benchmark:
            job.benchmark
        wildcard_constraints:
            **job.constraints,
        conda:
            "../../envs/environment.yaml"
        threads: job.threads
        resources:
            **asked_of(job.resources),
        params:
            command=job.command,
            files=file_words_of(job),
            settings=words_of(job.settings_words),
            written=words_of(job.written_words),
            content=words_of(job.content),
            code=words_of(job.code),
        shell:
            "affectssm {params.command} {params.files} {params.settings} {params.written} > {log} 2>&1"
