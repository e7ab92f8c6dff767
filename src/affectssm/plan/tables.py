"""The tables of a configuration and what they are made of."""

from __future__ import annotations

import json
from functools import cached_property

from affectssm.plan.experiments import ExperimentPlan
from affectssm.plan.text import shell_words, short_hash
from affectssm.tables import catalogue
from affectssm.training.registry import memory_modules


class TablePlan(ExperimentPlan):
    """The tables above the experiments: the whole plan."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables there are."""
        return catalogue.TABLES

    def metrics_of(self, table: str) -> list[str]:
        """Return the metrics a table is made of, over its own seeds; for a measurement, its file."""
        if table in catalogue.MEASUREMENTS:
            return [self.memory_file]
        seeds = "-".join(map(str, catalogue.seeds_of(table, self.config)))
        return [
            f"{self.results}/metrics/{experiment}/seeds-{seeds}.parquet"
            for experiment in self.experiments_of(table)
        ]

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside a table whose test labels are withheld."""
        if not catalogue.test_labels_withheld(self.config):
            return []
        tested = [name for name in self.experiments_of(table) if self.experiment(name).split == "test"]
        return [f"{self.results}/submissions/{experiment}/index.json" for experiment in tested]

    @cached_property
    def memory_file(self) -> str:
        """The memory measurement of this configuration; each has its own, as corpora have editions."""
        identity = {"settings": catalogue.memory_settings(self.config), "gpus": self.local_gpus}
        return f"{self.results}/memory/{short_hash([json.dumps(identity, sort_keys=True)])[:8]}.json"

    def memory_arguments(self) -> str:
        """Return the arguments of ``affectssm memory``."""
        return shell_words("--settings", json.dumps(catalogue.memory_settings(self.config), sort_keys=True))

    def memory_code(self) -> str:
        """Return the hash of the code that decides what a training step is measured to take."""
        return self.code(*memory_modules())

    def corpora_behind(self, table: str) -> tuple[str, ...]:
        """Return the corpora a table rests on; a measurement needs none."""
        return () if table in catalogue.MEASUREMENTS else self.corpora

    def table_arguments(self, table: str) -> str:
        """Return the arguments of ``affectssm table`` that the rule's own files do not say."""
        return shell_words(
            "--corpora",
            *(f"{self.results}/corpora/{self.name(corpus)}" for corpus in self.corpora_behind(table)),
            "--fault-features",
            *self.features_behind(table),
            "--settings",
            json.dumps(catalogue.table_settings(self.config, table), sort_keys=True),
        )
