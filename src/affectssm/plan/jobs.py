"""The jobs of all families, as the workflow's rules want them: patterns of files, command lines, resources."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from affectssm.families.base import Family, answer
from affectssm.families.step import Input, Step
from affectssm.plan.resources import Asked, Resources, limit, seconds_of
from affectssm.plan.text import one_of, shell_words
from affectssm.settings.load import validate
from affectssm.store.code import code_hash
from affectssm.vocabulary.needs import Need
from affectssm.vocabulary.targets import load

COMPUTING = "results/computing.json"
_WILDCARD = re.compile(r"{(\w+)}")


class Job:
    """A step of a family of this configuration; each of its parts is one of a rule's.

    Args:
        family: whose it is.
        step: what it says.
        known: the wildcards of a job by the names that questions have for them, and what follows from them.
        asked: what jobs of the configuration ask for.
    """

    def __init__(
        self,
        family: Family,
        step: Step,
        known: Callable[[Mapping[str, str]], dict[str, Any]],
        asked: Resources,
    ) -> None:
        self.family, self.step, self.known, self._asked = family, step, known, asked

    @property
    def rule(self) -> str:
        """The name of its rule."""
        return f"{self.step.name}_{self.family.name}"

    def ask(self, question: str, wildcards: Mapping[str, str]) -> Any:
        """Return what the family answers to a question about a job."""
        return answer((self.family,), question, self.known(wildcards))

    # -- files -------------------------------------------------------------------------------------------------

    def files(self, read: Input, wildcards: Mapping[str, str]) -> list[str]:
        """Return the files that an input names."""
        found = self.ask(read.files, wildcards)
        return [found] if isinstance(found, str) else list(found)

    @cached_property
    def outputs(self) -> dict[str, str | list[str]]:
        """Name -> pattern of what is written."""
        return {name: text if "/" in text else self.ask(text, {}) for name, text in self.step.writes.items()}

    @cached_property
    def wildcards(self) -> list[str]:
        """The rule's wildcards, in the order of its files' names."""
        first = next(iter(self.outputs.values()))
        return list(dict.fromkeys(_WILDCARD.findall(first if isinstance(first, str) else first[0])))

    @property
    def log(self) -> str:
        """The pattern of its log."""
        return f"results/logs/{self._place}.log"

    @property
    def benchmark(self) -> str:
        """The pattern of what Snakemake measures of it."""
        return f"results/benchmarks/{self._place}.tsv"

    @property
    def _place(self) -> str:
        return "/".join([self.step.name, *(f"{{{name}}}" for name in self.wildcards)])

    @property
    def constraints(self) -> dict[str, str]:
        """Wildcard -> what it can be: the family's own."""
        own: dict[str, Sequence[str]] = {
            "experiment": list(self.family.experiments),
            "corpus_edition": [self.family.places.name(corpus) for corpus in self.family.held],
            "task": self.family.tasks,
        }
        return {name: one_of(found) for name, found in own.items() if name in self.wildcards}

    # -- the command -------------------------------------------------------------------------------------------

    @property
    def command(self) -> str:
        """The subcommand, and whose job it is."""
        return f"{self.step.subcommand} {self.family.word}"

    def written_words(self, wildcards: Mapping[str, str]) -> str:
        """Return the options that name what a job writes."""
        out = {"out": self.step.out} if self.step.out else self.outputs
        words = ["--computing", COMPUTING] if self.step.computing else []
        for name, pattern in out.items():
            words += [f"--{name}", _WILDCARD.sub(lambda found: wildcards[found[1]], str(pattern))]
        return shell_words(*words)

    def file_words(self, given: Mapping[str, Sequence[str]]) -> str:
        """Return the options that name a job's inputs, given the files of each."""
        words: list[str] = []
        for name, read in self.step.options.items():
            files = [str(path) for path in given[name]]
            if read.above:
                files = list(dict.fromkeys(str(Path(path).parents[read.above - 1]) for path in files))
            words += [f"--{name}", *files]
        return shell_words(*words)

    def settings_words(self, wildcards: Mapping[str, str]) -> str:
        """Return the options that say what a job is told.

        Raises:
            ConfigError: when the step's settings model refuses it.
        """
        words = [word for name in self.step.words for word in (f"--{name}", wildcards[name])]
        settings = self.ask(self.step.settings, wildcards)
        validate(load(self.step.model), settings, f"what {self.step.settings} says for {self.rule}")
        return shell_words(*words, "--settings", json.dumps(settings, sort_keys=True))

    def code(self, wildcards: Mapping[str, str]) -> str:
        """Return the hash of the code that decides what a job writes."""
        if self.step.code:
            return self.ask(self.step.code, wildcards)
        return code_hash(self.step.run.partition(":")[0])

    def content(self, wildcards: Mapping[str, str]) -> str:
        """Return what else makes a job run again."""
        return self.ask(self.step.content, wildcards) if self.step.content else ""

    # -- resources ---------------------------------------------------------------------------------------------

    @property
    def threads(self) -> int:
        """CPUs of a job."""
        given = self.step.threads
        return self.ask(given, {}) if isinstance(given, str) else given

    @property
    def need(self) -> Need:
        """What a job takes at the configuration's scale."""
        return self.step.needs[self._asked.scale]

    @property
    def gpus(self) -> int:
        """GPUs of a job."""
        return self._asked.gpus(self.step.gpu, self.need)

    @property
    def memory(self) -> int:
        """MB of memory of a first attempt."""
        given = self.need.mem_mb
        return self.ask(given, {}) if isinstance(given, str) else given

    def seconds(self, wildcards: Mapping[str, str]) -> float:
        """Return the seconds that a job takes with what it asks for; 0 where nobody has measured.

        Raises:
            KeyError: when it is not known yet how much there is of the corpora.
        """
        need = self.need
        given = self.ask(need.cpu_s, wildcards) if isinstance(need.cpu_s, str) else need.cpu_s or 0.0
        amount = 1.0
        if need.per != "job":
            extent = self.family.places.extent(self.known(wildcards)["corpus"])
            amount = extent.amount(need.per, wildcards.get("shard"))
        return seconds_of(given * amount, need.reading_s * amount, bool(self.gpus))

    def minutes(self, wildcards: Mapping[str, str]) -> int:
        """Return the time limit of a first attempt: at least that of its kind, more where it is known to take more."""
        try:
            return max(self.need.minutes, limit(self.seconds(wildcards)))
        except KeyError:
            return self.need.minutes

    @property
    def resources(self) -> dict[str, int | Asked]:
        """What a job asks for: MB of memory and minutes, more at every attempt, and a GPU where one helps."""
        asked = self._asked.asked(lambda wildcards: self.memory, self.minutes)
        return {**({"gpu": self.gpus} if self.step.gpu else {}), **asked}
