# Nothing is computed where something else is at work: another controller, or the jobs of one that was killed.
from pathlib import Path

from snakemake.exceptions import WorkflowError

from affectssm.plan.last_words import said_last, say_last
from affectssm.plan.preflight import ahead
from affectssm.plan.scales import Scales
from affectssm.plan.weights import require_weights
from affectssm.runs.guard import Guard
from affectssm.runs.jobs_seen import Looker
from affectssm.runs.telling import Telling
from affectssm.runs.time_left import nothing_expected

guard = Guard("results")

if workflow.is_main_process and not workflow.output_settings.dryrun:
    if said := guard.at_start():
        say_last(said)


def keep_others_out(log, expecting=nothing_expected):
    """To be called when a run starts, before anything is submitted; from then on it tells how far it is."""
    with said_last(WorkflowError):
        noted = guard.before_jobs(
            workflow.executor_plugin.name,
            next(iter(log), ""),
            knowing=not workflow.execution_settings.lock,
        )
    if not workflow.touch:
        Telling(Path("results"), noted.file, Looker(workflow), expecting).start()


def look_ahead():
    """To be called when a run starts: one whose jobs would not find their weights does not begin, a long one says how
    long it takes, whether it has room, and what is not there."""
    if workflow.touch:
        return
    Scales(Path("results")).keep(plan.config.scale)
    local = workflow.resource_settings.nodes is None
    files = [str(file) for file in workflow.overwrite_configfiles]
    jobs = [
        (job.rule.name, dict(job.wildcards.items()))
        for job in workflow.dag.needrun_jobs()
    ]
    with said_last(WorkflowError):
        require_weights(plan, jobs, lambda: Plan(config), files)
        for said in ahead(
            plan,
            jobs,
            lambda: Plan(config, elsewhere=not local),
            workflow.resource_settings.cores or 0 if local else 0,
            files,
        ):
            print(said, file=sys.stderr)
