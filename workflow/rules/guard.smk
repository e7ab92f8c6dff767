# Nothing is computed where something else is at work: another controller, or the jobs of one that was killed.
from snakemake.exceptions import WorkflowError

from affectssm.plan.last_words import said_last, say_last
from affectssm.plan.preflight import ahead
from affectssm.runs.guard import Guard

guard = Guard("results")

if workflow.is_main_process and not workflow.output_settings.dryrun:
    if said := guard.at_start():
        say_last(said)


def keep_others_out(log):
    """To be called when a run starts, before anything is submitted."""
    with said_last(WorkflowError):
        guard.before_jobs(
            workflow.executor_plugin.name,
            next(iter(log), ""),
            knowing=not workflow.execution_settings.lock,
        )


def say_what_is_ahead():
    """To be called when a run starts: how long it takes, whether it has room, what is not there."""
    if workflow.touch:
        return
    local = workflow.resource_settings.nodes is None
    jobs = [
        (job.rule.name, dict(job.wildcards.items()))
        for job in workflow.dag.needrun_jobs()
    ]
    with said_last(WorkflowError):
        for said in ahead(
            plan,
            jobs,
            lambda: Plan(config, elsewhere=not local),
            workflow.resource_settings.cores or 0 if local else 0,
            [str(file) for file in workflow.configfiles[1:]],
        ):
            print(said, file=sys.stderr)
