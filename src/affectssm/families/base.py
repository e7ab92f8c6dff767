"""What a family says of itself. The plan and the rules ask these questions and know no family's name."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from affectssm.errors import ConfigError, listed
from affectssm.families.answering import Answering
from affectssm.families.step import Step
from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.features import FeaturePlan
from affectssm.plan.machine import local_gpus
from affectssm.plan.text import short_hash
from affectssm.settings.base import Strict
from affectssm.settings.config import Config
from affectssm.store.code import code_hash
from affectssm.vocabulary.corpora import Corpus
from affectssm.vocabulary.features import Spec
from affectssm.vocabulary.needs import Described

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
        tables: its tables -> ``module:function`` that makes the page of each.
        sections: the sections of the configuration that decide its experiments, for messages.
        steps: the kinds of its jobs.
        foresees: ``module:function`` that names what its tables will miss, given what they expect (``expected``) and
            the manifests.
        word: how the configuration and command lines name it: its name or, of one from outside, its module.
        settings: the section of the configuration of its name, if it has one.
        presets: scale -> what the scale decides, of the whole configuration.
        described: what an estimate takes a corpus to hold, as long as nobody says otherwise.
        extractors, demos, faults: of one from outside, the features that it brings, edition -> ``module:function`` that
            writes the demo, and code of a fault -> what it is.
        answering: how its runs answer for media that are handed over, an entry a kind of run; () where they do not.

    Args:
        config: the whole configuration.
        places: where the corpora lie.
        features: the features of the corpora.
    """

    name: ClassVar[str]
    corpora: ClassVar[Mapping[str, Corpus]]
    tables: ClassVar[Mapping[str, str]]
    sections: ClassVar[str]
    steps: ClassVar[tuple[Step, ...]]
    foresees: ClassVar[str]
    word: ClassVar[str]
    settings: ClassVar[type[Strict] | None] = None
    presets: ClassVar[Mapping[str, Any]] = {}
    described: ClassVar[Mapping[str, Described]] = {}
    extractors: ClassVar[tuple[Spec, ...]] = ()
    demos: ClassVar[Mapping[str, str]] = {}
    faults: ClassVar[Mapping[str, str]] = {}
    answering: ClassVar[tuple[Answering, ...]] = ()

    def __init__(self, config: Config, places: CorpusPlan, features: FeaturePlan) -> None:
        self.config, self.places, self.features = config, places, features
        self.results = places.results
        self.wait: Wait = lambda corpora: None
        """Makes the workflow wait for the manifests of corpora, and for the check of what the tables will miss."""
        self.gpus = local_gpus()
        """GPUs of those of its jobs that a GPU makes faster."""

    @staticmethod
    def check(config: Config) -> None:
        """Look at the whole configuration.

        Raises:
            ValueError: ``expected; found; remedy`` for what this family cannot do with.
        """

    @property
    def computing(self) -> Mapping[str, Any]:
        """How its jobs compute, for ``results/computing.json``: what decides no result."""
        return {}

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

    @property
    def tasks(self) -> Sequence[str]:
        """What its experiments learn, where several share the segments they learn from."""
        return ()

    # -- tables ------------------------------------------------------------------------------------------------

    @abstractmethod
    def experiments_of(self, table: str) -> list[str]:
        """Return the full names of the experiments a table is made of, in the order of its rows."""

    @abstractmethod
    def seeds_of(self, table: str) -> Sequence[int]:
        """Return the seeds whose runs a table averages."""

    def metrics_of(self, table: str) -> list[str]:
        """Return the files a table is made of: what its step writes of its experiments over its seeds."""
        named = [step for step in self.steps if table in step.tables]
        step, *_ = named or [step for step in self.steps if step.name == "evaluate"]
        pattern = next(iter(step.writes.values()))
        if "/" not in pattern:
            return [answer((self,), pattern, {})]
        below, seeds = pattern.removeprefix("results/"), "-".join(map(str, self.seeds_of(table)))
        return [
            f"{self.results}/{below.format(experiment=name, seeds=seeds)}"
            for name in self.experiments_of(table)
        ]

    @abstractmethod
    def features_behind(self, table: str) -> list[str]:
        """Return every feature that is computed for a table, labels included."""

    @abstractmethod
    def table_settings(self, table: str) -> dict[str, Any]:
        """Return what a table is told: its experiments, how to describe them, and whether gaps are allowed."""

    def corpora_behind(self, table: str) -> tuple[str, ...]:
        """Return the corpora a table rests on."""
        return self.held

    def needed_by(self, table: str) -> tuple[str, ...]:
        """Return the corpora of which a table needs one at least; none where it needs none."""
        return tuple(self.corpora)

    def require(self, table: str) -> None:
        """Refuse a table that this configuration cannot have.

        Raises:
            ConfigError: with what to write.
        """

    def submissions_of(self, table: str) -> list[str]:
        """Return the submissions to write beside a table."""
        return []

    # -- files of a run ----------------------------------------------------------------------------------------

    def checkpoint_of(self, experiment: str, part: str, seed: str) -> str:
        """Return the checkpoint of a run."""
        return f"{self.results}/runs/{experiment}/{part}/{seed}/checkpoint.safetensors"

    def measurement(self, settings: Mapping[str, Any]) -> str:
        """Return the file of a measurement on this machine; each has its own, as corpora have editions."""
        identity = {"family": self.name, "settings": settings, "gpus": self.gpus}
        return f"{self.results}/measured/{short_hash([json.dumps(identity, sort_keys=True)])[:8]}.json"

    def manifests(self, corpora: Iterable[str]) -> list[str]:
        """Return the manifests of some corpora."""
        found = list(corpora)
        self.wait(found)
        return [self.places.manifest(corpus) for corpus in found]

    @staticmethod
    def code(*modules: str) -> str:
        """Return the hash of the code behind some modules."""
        return code_hash(*modules)


def answer(asked: Iterable[Any], question: str, known: Mapping[str, Any]) -> Any:
    """Return what the first who has a method of a question's name says.

    Args:
        asked: who may have it.
        question: the name of a method.
        known: what it can be told, by the names of its parameters.

    Raises:
        AttributeError: when nobody has it.
        TypeError: when it wants to know what is not known.
    """
    for one in asked:
        method = getattr(one, question, None)
        if method is not None:
            kind: Any = type(one)
            wanted = _wanted(kind, question)
            if unknown := wanted - set(known):
                raise TypeError(f"{question} wants {', '.join(sorted(unknown))} beside {dict(known)}")
            return method(**{name: known[name] for name in wanted})
    raise AttributeError(f"nobody answers {question} for {dict(known)}")


@cache
def _wanted(asked: type, question: str) -> frozenset[str]:
    """The parameters of a method: to look into its signature takes longer than most answers do."""
    method = inspect.getattr_static(asked, question)
    own = inspect.signature(getattr(asked, question)).parameters
    return frozenset(own if isinstance(method, staticmethod | classmethod) else list(own)[1:])
