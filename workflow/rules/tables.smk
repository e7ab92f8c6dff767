# Tables: published and measured rows side by side, with provenance, Markdown and a figure.


rule table:
    input:
        metrics=metrics_of,
        faults=faults_of,
        submissions=submissions_of,
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
        mem_mb=2000,
        runtime=30,
    params:
        arguments=table_arguments,
        code=plan.code("affectssm.tables.build"),
    shell:
        "affectssm table {wildcards.table} {params.arguments} --metrics {input.metrics} "
        "--out results/tables > {log} 2>&1"
