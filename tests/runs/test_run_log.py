"""What is read of a run's log is what Snakemake writes into one."""

from __future__ import annotations

from affectssm.runs.job_words import words_of_job
from affectssm.runs.snakemake_log import read_log

# Snakemake 9.27.1 with the SLURM plugin 2.8.0
REAL = """\
SLURM run ID: b416b2c0-27b6-4d5c-be4d-69f12e30a8fc
[Mon Nov 30 19:19:12 2026]
rule demo_corpora:
    output: results/demo/demo-tiny/card.json
    log: results/logs/demo_corpora/demo-tiny.log
    jobid: 7
    benchmark: results/benchmarks/demo_corpora/demo-tiny.tsv
    reason: Missing output files: results/demo/demo-tiny/card.json
    wildcards: edition=demo-tiny
    threads: 2
    resources: tmpdir=<TBD>, mem_mb=2000, slurm_partition=main, runtime=10
Job 7 has been submitted with SLURM jobid 1 (log: {log}).
[Mon Nov 30 19:19:28 2026]
Error in rule demo_corpora:
    message: SLURM-job '1' failed, SLURM status is: 'OUT_OF_MEMORY'. Detailed failure reason unavailable (status command is not 'sacct').For further error details see the cluster/cloud log and the log files of the involved rule(s).
    jobid: 7
    output: results/demo/demo-tiny/card.json
    log: results/logs/demo_corpora/demo-tiny.log, {log} (check log file(s) for error details)
    shell:
        affectssm demo demo-tiny --out results/demo/demo-tiny > results/logs/demo_corpora/demo-tiny.log 2>&1
        (command exited with non-zero exit code)
    external_jobid: 1
"""  # noqa: E501
AGAIN = """\
Trying to restart job 7.
Select jobs to execute...
"""
THEN = """\
[Mon Nov 30 19:20:12 2026]
rule demo_corpora:
    output: results/demo/demo-tiny/card.json
    log: results/logs/demo_corpora/demo-tiny.log
    jobid: 7
    benchmark: results/benchmarks/demo_corpora/demo-tiny.tsv
    wildcards: edition=demo-tiny
[Mon Nov 30 19:20:18 2026]
localcheckpoint manifest:
    input: results/demo/demo-tiny/card.json
    output: results/corpora/noxi-demo-tiny/manifest.parquet, results/corpora/noxi-demo-tiny/shards.json
    log: results/logs/manifest/noxi-demo-tiny.log
    jobid: 6
    benchmark: results/benchmarks/manifest/noxi-demo-tiny.tsv
DAG of jobs will be updated after completion.
[Mon Nov 30 19:20:18 2026]
Finished jobid: 7 (Rule: demo_corpora)
1 of 25 steps (4%) done
"""


def test_a_job_is_followed_through_its_tries(tmp_path):
    path = tmp_path / "run.log"
    fates = []
    for part in (REAL, AGAIN, THEN):
        with path.open("a") as file:
            file.write(part.format(log=tmp_path / "1.log"))
        fates.append(read_log(path).jobs[7].fate)
    assert fates == ["failed", "awaits another try", "finished"]
    run = read_log(path)
    assert (run.done, run.total) == (1, 25)
    began = run.jobs[6]
    assert (began.fate, began.stage, began.name) == ("begun", "manifest", "manifest")
    assert began.outputs[1] == "results/corpora/noxi-demo-tiny/shards.json"
    assert began.place == "manifest/noxi-demo-tiny" and run.jobs[7].name == "demo_corpora demo-tiny"


def test_of_a_job_that_could_not_say_it_slurm_says_how_it_ended(tmp_path):
    log = tmp_path / "1.log"
    killed = "slurmstepd-node1: error: StepId=5.batch exceeded memory limit (114 > 104), being killed"
    words = ["rule x", killed, "Killed", killed, "srun: error: node1: task 0: Killed", "x"]
    log.write_text("\n".join(words))
    (tmp_path / "run.log").write_text(REAL.format(log=log))
    job = read_log(tmp_path / "run.log").jobs[7]
    words = words_of_job(job.rule, [str(tmp_path / "absent.log")], job).splitlines()
    assert words[0] == "demo_corpora ended without a word of its own"
    assert words[1] == f"  SLURM:    job 1 ended as OUT_OF_MEMORY; {log}"
    assert [line.strip() for line in words[2:]] == [killed, "srun: error: node1: task 0: Killed"]


def test_a_log_that_is_not_there_tells_nothing(tmp_path):
    assert read_log(tmp_path / "absent.log").jobs == {} and read_log("").jobs == {}
