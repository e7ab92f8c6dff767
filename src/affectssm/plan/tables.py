"""The tables of a configuration and what they are made of."""

from __future__ import annotations

import json

from affectssm.plan.experiments import ExperimentPlan
from affectssm.plan.text import shell_words
from affectssm.tables import catalogue


class TablePlan(ExperimentPlan):
    """The tables above the experiments: the whole plan."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables there are."""
        return catalogue.TABLES

    def metrics_of(self, table: str) -> list[str]:
        """Return the metrics a table is made of, over its own seeds."""
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

    def table_arguments(self, table: str) -> str:
        """Return the arguments of ``affectssm table`` that the rule's own files do not say."""
        return shell_words(
            "--corpora",
            *(f"{self.results}/corpora/{name}" for name in self.corpus_editions),
            "--fault-features",
            *self.features_behind(table),
            "--settings",
            json.dumps(catalogue.table_settings(self.config, table), sort_keys=True),
        )
