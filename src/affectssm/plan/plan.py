"""The plan of a configuration: corpora, features, families and tables, and one way to ask them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from affectssm.errors import ConfigError
from affectssm.families.base import Family, answer
from affectssm.families.configuration import families_of, load_config
from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.features import FeaturePlan
from affectssm.plan.jobs import Job
from affectssm.plan.resources import Resources
from affectssm.plan.tables import TablePlan
from affectssm.plan.text import shell_words, short_hash
from affectssm.store.code import code_hash
from affectssm.vocabulary.stages import check_modules


class Plan:
    """The workflow's view of a configuration.

    Args:
        given: the configuration as Snakemake merged it from config.yaml and ``--configfile``.
        results: the folder everything is computed into.
        families: the families there are.
        elsewhere: whether jobs are sent to a cluster.

    Attributes:
        owners: corpus -> its family; those of tables are ``tables.owners``.

    Raises:
        ConfigError: for an unknown key, a value out of range, or two families that claim one table or corpus.
    """

    def __init__(
        self,
        given: Mapping[str, Any],
        results: str = "results",
        families: Sequence[type[Family]] | None = None,
        elsewhere: bool = False,
    ) -> None:
        self.config = load_config(given)
        self.results = results
        self.places = CorpusPlan(self.config, results)
        self.features = FeaturePlan(self.places)
        self.resources = Resources(self.places, elsewhere)
        found = families_of(given) if families is None else families
        self.families = {family.name: family(self.config, self.places, self.features) for family in found}
        for one in self.families.values():
            self.places.described.update(one.described)
            one.gpus = max((job.gpus for job in self._jobs_of(one)), default=0)
        self.owners = self._owners("corpora")
        self.tables = TablePlan(self.places, self._owners("tables"))

    def _owners(self, what: str) -> dict[str, Family]:
        """Return the family of each table, corpus or experiment.

        Raises:
            ConfigError: where two claim the same.
        """
        found: dict[str, Family] = {}
        for family in self.families.values():
            for name in getattr(family, what):
                if name in found:
                    raise ConfigError(
                        f"families {found[name].name} and {family.name}",
                        f"both have {name} among their {what}",
                        "one family each",
                        "take it out of one of their descriptions",
                    )
                found[name] = family
        return found

    def wait_with(self, wait: Callable[[Iterable[str]], None]) -> None:
        """Give the families what makes the workflow wait for the manifests of corpora."""
        for family in self.families.values():
            family.wait = wait

    # -- who answers -------------------------------------------------------------------------------------------

    @cached_property
    def experiments(self) -> dict[str, Family]:
        """Full name of an experiment -> its family."""
        return self._owners("experiments")

    def ask(self, question: str, given: Mapping[str, str]) -> Any:
        """Return the answer to a question of the rules: a method of whoever has it, told of what it wants to know.

        Args:
            question: the name of a method of the plan, the tables, a family, the features or the corpora; of families,
                that of the experiment, table or corpus that is named.
            given: the wildcards of a job.
        """
        known = self._known(given)
        family = self._family(known)
        asked = (self, self.tables, family, self.features, self.places)
        return answer(asked, question, known)

    @cached_property
    def jobs(self) -> list[Job]:
        """The kinds of jobs of all families."""
        return [job for family in self.families.values() for job in self._jobs_of(family)]

    def _jobs_of(self, family: Family) -> list[Job]:
        return [Job(family, step, self._known, self.resources) for step in family.steps]

    def _known(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The wildcards by the names that methods have for them, and what follows from them."""
        known: dict[str, Any] = dict(given)
        if "seeds" in known:
            known["seeds"] = [int(seed) for seed in known["seeds"].split("-")]
        if "corpus_edition" in known:
            known["corpus"] = self.places.corpus_editions[known["corpus_edition"]]
        corpus_of = getattr(self.experiments.get(known.get("experiment", "")), "corpus_of", None)
        if corpus_of is not None:
            known["corpus"] = corpus_of(known["experiment"])
        return known

    def _family(self, known: Mapping[str, Any]) -> Family | None:
        if "experiment" in known:
            return self.experiments[known["experiment"]]
        if "table" in known:
            return self.tables.owners[known["table"]]
        if "corpus" in known:
            return self.owners[known["corpus"]]
        return None

    def write_computing(self) -> None:
        """Write how things are computed: of features and of what families say, see :class:`FeaturePlan`."""
        said = [family.computing for family in self.families.values()]
        self.features.write_computing({name: value for one in said for name, value in one.items()})

    # -- the look at all manifests that comes before anything is extracted or trained --------------------------

    @cached_property
    def checks(self) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
        """Name of a check, which changes with all that it asks -> the corpora it looks at, and its settings."""
        found = {}
        for family in self.families.values():
            settings = {"allow_incomplete": self.config.tables.allow_incomplete, **family.expected()}
            names = map(self.places.name, family.held)
            key = short_hash([*names, json.dumps(settings, sort_keys=True)])[:8]
            found[f"{family.name}-{key}"] = family.held, settings
        return found

    def check_of(self, corpus: str) -> str:
        """Return the name of the check that a corpus waits for."""
        return next(name for name, (corpora, _) in self.checks.items() if corpus in corpora)

    def manifests_of_check(self, check: str) -> list[str]:
        """Return the manifests that a check looks at."""
        return [self.places.manifest(corpus) for corpus in self.checks[check][0]]

    def check_arguments(self, check: str) -> str:
        """Return the arguments of ``affectssm complete`` that the rule's own files do not say."""
        return shell_words("--settings", json.dumps(self.checks[check][1], sort_keys=True))

    def check_family(self, check: str) -> str:
        """Return how command lines name the family of a check."""
        return self._checked(check).word

    def check_code(self, check: str) -> str:
        """Return the hash of the code of a check."""
        return code_hash(*check_modules(self._checked(check).foresees))

    def _checked(self, check: str) -> Family:
        return self.families[check.rpartition("-")[0]]
