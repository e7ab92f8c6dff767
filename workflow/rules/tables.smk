# Tables: published and measured rows side by side, with provenance, Markdown and a figure.
# Each edition keeps its own; the one that was asked for last stands in results/tables itself,
# so that switching between roots copies and computes nothing.


localrules:
    table,
    no_such_table,


rule edition_table:
    input:
        metrics=ask("metrics_of"),
        faults=faults_of,
        submissions=ask("submissions_of"),
    output:
        csv="results/tables/{joint}/{table}.csv",
        markdown="results/tables/{joint}/{table}.md",
        provenance="results/tables/{joint}/{table}.provenance.json",
        faults="results/tables/{joint}/{table}.faults.csv",
        figure="results/tables/{joint}/{table}.png",
    log:
        "results/logs/table/{joint}/{table}.log",
    benchmark:
        "results/benchmarks/table/{joint}/{table}.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked_of(plan.resources.shared("edition_table")),
    params:
        arguments=ask("table_arguments"),
        code=ask("table_code"),
    shell:
        "affectssm table {wildcards.table} {params.arguments} --metrics {input.metrics} "
        "--out results/tables/{wildcards.joint} > {log} 2>&1"


# Its input is known before any manifest is: through it Snakemake notices a change of root.
rule table:
    input:
        unpack(edition_tables),
    output:
        csv=report(
            "results/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        markdown="results/tables/{table}.md",
        provenance="results/tables/{table}.provenance.json",
        faults="results/tables/{table}.faults.csv",
        figure=report(
            "results/tables/{table}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"table": "{table}"},
        ),
    log:
        "results/logs/table/{table}.log",
    benchmark:
        "results/benchmarks/table/{table}.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked_of(plan.resources.shared("table")),
    shell:
        "affectssm place {input.markdown} {input.provenance} {input.faults} {input.figure} {input.csv} "
        "--out results/tables > {log} 2>&1"


# For a name that no table has: says which there are.
rule no_such_table:
    input:
        no_such_table,
    output:
        "results/tables/{mistyped}.csv",
    log:
        "results/logs/table/{mistyped}.log",
    retries: 0
    conda:
        "../../envs/environment.yaml"
    shell:
        "exit 1"


# Before anything is submitted or taken away. A table that is to be made anew does not stand while it is made, nor
# after a run that was broken off.
onstart:
    keep_others_out(log, Expecting(plan))
    hold_out()
    want_weights()
    if newer := [job for job in workflow.dag.needrun_jobs() if runs_for_times(job)]:
        print(said_of_times(len(newer)), file=sys.stderr)
    for job in [] if workflow.touch else workflow.dag.needrun_jobs():
        if job.rule.name == "table" and (
            said := plan.tables.take_away(job.wildcards.table)
        ):
            print(said, file=sys.stderr)


# What failed, in its own words, after all that Snakemake says.
onerror:
    told = read_log(next(iter(log), "")).jobs
    for failed in workflow.scheduler.failed:
        for job in failed if failed.is_group() else [failed]:
            say_last(
                words_of_job(
                    job.rule.name, list(job.log), told.get(workflow.dag.jobid(job))
                )
            )
