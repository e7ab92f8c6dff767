# Nothing is computed where something else is at work: another controller, or the jobs of one that was killed.
from affectssm.runs.guard import Guard

guard = Guard(plan.results)
if workflow.is_main_process and not workflow.output_settings.dryrun:
    if said := guard.at_start():
        say_last(said)
