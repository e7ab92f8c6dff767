"""The tables of a configuration and what they are made of."""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError
from affectssm.plan.complete import CompletePlan
from affectssm.plan.text import shell_words, short_hash
from affectssm.tables import catalogue, standing, trial_catalogue
from affectssm.tables.fault_tables import fault_tables
from affectssm.vocabulary.kinds import SIGNAL_KINDS
from affectssm.vocabulary.stages import memory_modules, table_modules

ALL_TABLES = (*catalogue.TABLES, *trial_catalogue.TABLES)


class TablePlan(CompletePlan):
    """The tables above the experiments: the whole plan."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables there are."""
        return ALL_TABLES

    @staticmethod
    def no_such_table(name: str) -> ConfigError:
        """What to say of a table's name that no table has."""
        near = get_close_matches(name, ALL_TABLES, n=1) or ALL_TABLES
        return ConfigError(
            f"results/tables/{name}.csv", "no table of this name", f"one of {', '.join(ALL_TABLES)}",
            f"ask for results/tables/{near[0]}.csv",
        )  # fmt: skip

    def table_edition(self, table: str) -> str:
        """Return the edition of a table: that of the corpora it rests on."""
        return self.trial_edition if table in trial_catalogue.TABLES else self.joint_edition

    @property
    def table_editions(self) -> tuple[str, ...]:
        """The editions of this configuration's tables."""
        return self.joint_edition, self.trial_edition

    def table_files(self, table: str) -> dict[str, str]:
        """Return the files of a table in the edition of this configuration, by what they are."""
        return standing.files_of(f"{self.results}/tables/{self.table_edition(table)}", table)

    def edition_text(self, table: str) -> str:
        """Return what a table of this configuration says in its first column."""
        corpora = self.trial_corpora if table in trial_catalogue.TABLES else self.corpora
        demo = [corpus for corpus in corpora if corpus in self.demo_data]
        return standing.edition_text(self.table_edition(table), corpora, demo)

    def require_no_lab_table(self, table: str) -> None:
        """Refuse to put a demo's table over one of somebody's own corpora.

        Raises:
            ConfigError: naming both and what to do.
        """
        own, folder = self.edition_text(table), f"{self.results}/tables"
        found = standing.standing_edition(folder, table)
        if found is None or standing.is_demo(found) or not standing.is_demo(own):
            return
        raise ConfigError(
            f"{folder}/{table}.csv",
            f"a table of edition {found}, and a configuration that asks for the one of the demo ({own})",
            "the configuration that this table was made with",
            f"repeat --configfile; or, for the demo's table, ask for {self.table_files(table)['csv']}, or move "
            f"{folder}/{table}.* away first",
        )

    def take_away(self, table: str) -> str | None:
        """Delete a table that stands in ``results/tables`` and is to be made anew; return what to say of it.

        What stands there is what was asked for last or, after a run that did not come to its end, nothing.
        """
        folder = f"{self.results}/tables"
        found = standing.standing_edition(folder, table)
        if not standing.take_away(folder, table):
            return None
        return f"{folder}/{table}.* (edition {found or standing.UNKNOWN}) is taken away: it is made anew"

    @staticmethod
    def said_of_times(jobs: int) -> str:
        """What to say of jobs that run again because of times alone."""
        return (
            f"{jobs} job{'s run' if jobs != 1 else ' runs'} again, and what hangs on them, only because a file is "
            "newer than what was made of it. If results/ was copied without its times (cp -r), stop here, add --touch "
            "to this command once, and then run it as it was"
        )

    def metrics_of(self, table: str) -> list[str]:
        """Return the metrics a table is made of, over its own seeds; for a measurement, its file."""
        if table in catalogue.MEASUREMENTS:
            return [self.memory_file]
        if table in trial_catalogue.TABLES:
            return self.trial_metrics(table)
        seeds = "-".join(map(str, catalogue.seeds_of(table, self.config)))
        return [
            f"{self.results}/metrics/{experiment}/seeds-{seeds}.parquet"
            for experiment in self.experiments_of(table)
        ]

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside a table whose test labels are withheld."""
        if table in trial_catalogue.TABLES or not catalogue.test_labels_withheld(self.config):
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
        return self.code(*memory_modules(catalogue.memory_settings(self.config)["models"]))

    def corpora_behind(self, table: str) -> tuple[str, ...]:
        """Return the corpora a table rests on; a measurement needs none."""
        if table in trial_catalogue.TABLES:
            return self.trial_corpora
        return () if table in catalogue.MEASUREMENTS else self.corpora

    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table; of signals, those that a corpus has."""
        return (
            [*SIGNAL_KINDS, "ratings"] if table in trial_catalogue.TABLES else super().features_behind(table)
        )

    def faults_behind(self, table: str) -> list[str]:
        """Return every fault table behind a table, of discovery and of every feature; the manifests must be there."""
        folders = [Path(self.results, "corpora", self.name(corpus)) for corpus in self.corpora_behind(table)]
        return [str(path) for path in fault_tables(folders, self.features_behind(table))]

    def table_code(self, table: str) -> str:
        """Return the hash of the code that makes a table."""
        return self.code(*table_modules(table))

    def table_arguments(self, table: str) -> str:
        """Return the arguments of ``affectssm table`` that the rule's own files do not say."""
        return shell_words(
            "--corpora",
            *(f"{self.results}/corpora/{self.name(corpus)}" for corpus in self.corpora_behind(table)),
            "--fault-features",
            *self.features_behind(table),
            "--settings",
            json.dumps(self._table_settings(table), sort_keys=True),
        )

    def _table_settings(self, table: str) -> dict[str, Any]:
        book = trial_catalogue if table in trial_catalogue.TABLES else catalogue
        settings = book.table_settings(self.config, table)
        # a demo's folder given by its path is no owner's corpus
        given = {name for name in self.demo_data if name in self.corpora_behind(table)}
        demo = sorted({*settings["demo"], *given})
        return settings | {"demo": demo, "edition": self.edition_text(table)}
