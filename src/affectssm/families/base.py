"""What a family says of itself. The plan and the rules ask these questions and know no family's name."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from affectssm.errors import ConfigError, listed
from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.features import FeaturePlan
from affectssm.plan.text import shell_words
from affectssm.settings.config import Config
from affectssm.store.code import code_hash

Wait = Callable[[Iterable[str]], None]


class Named(Protocol):
    """An experiment: all that the plan asks of it is its name."""

    @property
    def name(self) -> str: ...


E = TypeVar("E", bound=Named)


class Family(ABC, Generic[E]):
    """A kind of task on a kind of corpora, over a configuration.

    Attributes:
        name: what it is called in folders, rules and documents.
        corpora: the corpora it can have, in the order of its tables.
        tables: its tables.
        sections: the sections of the configuration that decide its experiments, for messages.

    Args:
        config: the whole configuration.
        places: where the corpora lie.
        features: the features of the corpora.
    """

    name: ClassVar[str]
    corpora: ClassVar[tuple[str, ...]]
    tables: ClassVar[tuple[str, ...]]
    sections: ClassVar[str]

    def __init__(self, config: Config, places: CorpusPlan, features: FeaturePlan) -> None:
        self.config, self.places, self.features = config, places, features
        self.results = places.results
        self.wait: Wait = lambda corpora: None
        """Makes the workflow wait for the manifests of corpora, and for the check of what the tables will miss."""

    # -- corpora and editions ----------------------------------------------------------------------------------

    @cached_property
    def held(self) -> tuple[str, ...]:
        """The corpora that this configuration has; a lab need not hold all."""
        return self.places.held(self.corpora)

    @cached_property
    def edition(self) -> str:
        """The edition of what is made of all its corpora."""
        return self.places.joint_edition(self.corpora)

    # -- experiments -------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def experiments(self) -> Mapping[str, E]:
        """Full name, which ends in an edition -> experiment, of all tables."""

    def experiment(self, name: str) -> E:
        """Return an experiment of this configuration by its full name.

        Raises:
            ConfigError: when no table has it.
        """
        known = self.experiments
        if name in known:
            return known[name]
        raise ConfigError(
            f"experiment {name}",
            "no table of this configuration has it",
            "one of " + listed(get_close_matches(name, known, n=8, cutoff=0) or list(known), 8),
            f"mend the name, or set {self.sections} so that a table needs it",
        )

    @abstractmethod
    def expected(self) -> dict[str, Any]:
        """Return what the tables expect of the corpora, as the check before the first job is told."""

    # -- tables ------------------------------------------------------------------------------------------------

    @abstractmethod
    def metrics_of(self, table: str) -> list[str]:
        """Return the metrics a table is made of, over its own seeds; for a measurement, its file."""

    @abstractmethod
    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, labels included."""

    @abstractmethod
    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told: its experiments, how to describe them, and whether gaps are allowed."""

    def corpora_behind(self, table: str) -> tuple[str, ...]:
        """Return the corpora a table rests on."""
        return self.held

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside a table."""
        return []

    # -- text --------------------------------------------------------------------------------------------------

    @staticmethod
    def code(*modules: str) -> str:
        """Return the hash of the code behind some modules."""
        return code_hash(*modules)

    @staticmethod
    def told(settings: Mapping[str, Any], option: str = "--settings", more: Sequence[str] = ()) -> str:
        """Return settings as arguments of a command, after others."""
        return shell_words(*more, option, json.dumps(settings, sort_keys=True))
