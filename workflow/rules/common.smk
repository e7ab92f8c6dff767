# The plan (library code without science or heavy imports) and the one way in which rules ask it.
import gc
import inspect
import sys

from snakemake.exceptions import WorkflowError

from affectssm.plan.expected import Expecting
from affectssm.plan.last_words import said_last, say_last
from affectssm.plan.plan import Plan
from affectssm.plan.tables import said_of_times
from affectssm.plan.text import USUAL, one_of
from affectssm.runs.job_words import words_of_job
from affectssm.runs.snakemake_log import read_log
from affectssm.vocabulary.corpora import DEMOS

# A plan keeps nearly all that it makes: to look for garbage as often as Python does takes a tenth of its time.
gc.set_threshold(100_000, 20, 20)

# Jobs go elsewhere: then Snakemake is told how many (--jobs), and they are run by a Snakemake that is told so.
with said_last(WorkflowError):
    plan = Plan(
        config,
        elsewhere=workflow.remote_exec or workflow.resource_settings.nodes is not None,
    )
    plan.write_computing()
    if workflow.is_main_process:
        for notice in plan.places.notices():
            print(notice, file=sys.stderr)


wildcard_constraints:
    **USUAL,
    corpus_edition=one_of(plan.places.corpus_editions),
    edition=one_of(DEMOS),
    check=one_of(plan.checks),
    table=one_of(plan.tables.owners),
    mistyped=rf"(?!(?:{one_of(plan.tables.owners)})\.)[^/]+",
    joint=one_of({family.edition for family in plan.families.values()}),


passed = set()


def wait(corpora):
    """Wait for the check that the tables can be had from the manifests of some corpora's families, and so for these."""
    if not workflow.is_main_process:
        return  # a job's own Snakemake: what the job waited for is there
    for check in {plan.check_of(corpus) for corpus in corpora} - passed:
        checkpoints.complete.get(check=check)
        passed.add(check)


plan.wait_with(wait)


def told(function):
    """The function with its parameters written down: Snakemake looks for them at every call, longer than most take."""
    function.__signature__ = inspect.signature(function)
    return function


def ask(question):
    """The function of wildcards that asks the plan a question."""
    return told(lambda wildcards: plan.ask(question, wildcards))


def manifest_of(wildcards):
    """The manifest of a corpus; asking for it makes everything behind it wait for the check."""
    corpus = plan.places.corpus_editions[wildcards.corpus_edition]
    wait([corpus])
    return ancient(plan.places.manifest(corpus))


def files_of(job, read):
    """The function of wildcards that names the files a job reads."""
    if read.by_content:
        return told(
            lambda wildcards: [ancient(path) for path in job.files(read, wildcards)]
        )
    return told(lambda wildcards: job.files(read, wildcards))


def inputs_of(job):
    return {name: files_of(job, read) for name, read in job.step.reads.items()}


def file_words_of(job):
    """The words that name a job's inputs. Snakemake leaves out of its comparisons what depends on input."""
    return told(
        lambda wildcards, input: job.file_words(
            {name: as_list(getattr(input, name)) for name in job.step.options}
        )
    )


def words_of(answer):
    """The function of wildcards that gives the answer of a job's method."""
    return told(lambda wildcards: answer(wildcards))


def asked_of(resources):
    """What a rule's jobs ask for, each a number or a function of wildcards and attempt."""
    return {
        name: told(one) if callable(one) else one for name, one in resources.items()
    }


def as_list(files):
    return [files] if isinstance(files, str) else list(files)


def faults_of(wildcards):
    """Every fault table behind a table: of discovery and of every feature."""
    # jobs that Snakemake finds here and that wait for the check would stay without their input where it is finished
    # already, as after a kill
    wait(plan.ask("corpora_behind", wildcards))
    return plan.ask("faults_behind", wildcards)


def no_such_table(wildcards):
    with said_last(WorkflowError):
        raise plan.tables.no_such_table(wildcards.mistyped)


def edition_tables(wildcards):
    """The files of a table in the edition of this configuration, by what they are."""
    with said_last(WorkflowError):
        plan.tables.require_corpus(wildcards.table)
        plan.tables.require_no_lab_table(wildcards.table)
    return plan.tables.files(wildcards.table)


def runs_for_times(job):
    """Whether a job runs again for no other reason than that a file it reads is newer than what was made of it."""
    why = workflow.dag.reason(job)
    return why.updated_input and not (
        why.missing_output
        or why.params_changed
        or why.code_changed
        or why.input_changed
        or why.forced
    )
