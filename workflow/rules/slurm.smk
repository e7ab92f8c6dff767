# Runs that outlast what clusters do, and how they are told to end.
from affectssm.runs import mends


def hold_out():
    """To be called when a run starts, before anything is submitted."""
    mends.end_at_second_word()
    if workflow.executor_plugin.name == "slurm":
        with said_last(WorkflowError):
            mends.mend(sys.modules["snakemake_executor_plugin_slurm"])
