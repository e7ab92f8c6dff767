# Tables: published and measured rows side by side, with provenance, Markdown and a figure.


def metrics_of(wildcards):
    return plan.metrics_of(wildcards.table)


def submissions_of(wildcards):
    return plan.submissions_of(wildcards.table)


def faults_of(wildcards):
    """Every fault table behind a table: of discovery and of every feature."""
    features = plan.features_behind(wildcards.table)
    found = [file.removesuffix(".h5") + ".faults.parquet" for file in tracks(CORPORA, features)]
    return [f"results/corpora/{name}/faults.parquet" for name in plan.corpus_editions] + found


def table_arguments(wildcards):
    return plan.table_arguments(wildcards.table)


rule table:
    input:
        metrics=metrics_of,
        faults=faults_of,
        submissions=submissions_of,
    output:
        csv=report(
            "results/tables/{table}.csv", caption="../report/table.rst", category="Tables", labels={"table": "{table}"}
        ),
        markdown="results/tables/{table}.md",
        provenance="results/tables/{table}.provenance.json",
        faults="results/tables/{table}.faults.csv",
        figure=report(
            "results/tables/{table}.png", caption="../report/figure.rst", category="Figures", labels={"table": "{table}"}
        ),
    params:
        arguments=table_arguments,
        code=plan.code("affectssm.tables.build"),
    log:
        "results/logs/table/{table}.log",
    benchmark:
        "results/benchmarks/table/{table}.tsv"
    resources:
        mem_mb=2000,
        runtime=30,
    conda:
        "../../envs/environment.yaml"
    shell:
        "affectssm table {wildcards.table} {params.arguments} --metrics {input.metrics} "
        "--out results/tables > {log} 2>&1"
