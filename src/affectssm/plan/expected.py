"""What the controller of a run expects its jobs to take, asked by rule and wildcards."""

from __future__ import annotations

from collections.abc import Mapping

from affectssm.plan.costs import START_S, Costs
from affectssm.plan.jobs import Job
from affectssm.plan.plan import Plan
from affectssm.plan.resources import SHARED
from affectssm.plan.walk import Planned
from affectssm.runs.time_left import Expected
from affectssm.vocabulary.features import spec


class Expecting:
    """Tells what is expected of the jobs of a plan.

    Args:
        plan: whose corpora need not be discovered yet.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._costs = plan, Costs(plan)
        self._steps: dict[str, Job] = {job.rule: job for job in plan.jobs}
        self._known: dict[tuple[str, tuple[str, ...]], Expected] = {}

    def __call__(self, rule: str, wildcards: Mapping[str, str]) -> Expected:
        """Return what is expected of a job.

        Raises:
            KeyError: while the corpora that it is about are not discovered.
            DataError: while what it asks of them is not.
        """
        key = rule, tuple(wildcards.values())
        if key not in self._known:
            self._known[key] = self._expected(rule, wildcards)
        return self._known[key]

    def _expected(self, rule: str, wildcards: Mapping[str, str]) -> Expected:
        job = self._planned(rule, wildcards)
        if job is None:
            return Expected(rule)
        seconds = self._costs.seconds(job)
        gpus = self._plan.resources.gpus(job.network, job.need)
        return Expected(job.kind, START_S + seconds if seconds else None, self._costs.cores(job), gpus)

    def _planned(self, rule: str, wildcards: Mapping[str, str]) -> Planned | None:
        scale = self._plan.config.scale
        if (step := self._steps.get(rule)) is not None:
            corpus = step.known(wildcards).get("corpus")
            return Planned(rule, wildcards, step.need, "", corpus, step)
        corpus = self._plan.places.corpus_editions.get(wildcards.get("corpus_edition", ""))
        if "feature" in wildcards:
            return Planned(rule, wildcards, spec(wildcards["feature"]).needs[scale], "", corpus)
        return Planned(rule, wildcards, SHARED[rule][scale], "", corpus) if rule in SHARED else None
