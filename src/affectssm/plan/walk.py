"""Which jobs tables are made of, found as Snakemake finds them, from files to what makes them, without Snakemake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from affectssm.plan.jobs import Job
from affectssm.plan.plan import Plan
from affectssm.plan.resources import SHARED
from affectssm.plan.text import USUAL
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.needs import Need

_WILDCARD = re.compile(r"{(\w+)}")
_FEATURE = re.compile(r"results/features/(?P<corpus_edition>[^/]+)/(?P<feature>[^/]+)/(?P<shard>s[0-9]+)\.h5")
_MANIFEST = re.compile(r"results/corpora/(?P<corpus_edition>[^/]+)/manifest\.parquet")


@dataclass(frozen=True)
class Planned:
    """A job that tables need.

    Attributes:
        rule: of the workflow.
        wildcards: of the job.
        need: what it takes.
        step: the kind of job of its family, if it is one's.
        corpus: whose files it is about, where it is one corpus.
        place: where its log and its benchmark lie, below their folders.
    """

    rule: str
    wildcards: Mapping[str, str]
    need: Need
    place: str
    corpus: str | None = None
    step: Job | None = None

    @property
    def feature(self) -> str:
        """The feature that it extracts; "" where it does not."""
        return self.wildcards.get("feature", "")

    @property
    def kind(self) -> str:
        """What jobs are counted by: the rule, and of extraction the feature."""
        return f"extract {self.feature}" if self.feature else self.rule

    @property
    def resumes(self) -> bool:
        """Whether it goes on from what it has finished when it was ended."""
        return bool(self.feature) or (self.step is not None and self.step.step.resumes)

    @property
    def network(self) -> bool:
        """Whether a GPU makes it faster."""
        return spec(self.feature).network if self.feature else self.step is not None and self.step.step.gpu


class Walk:
    """The jobs that some tables need, each once.

    Args:
        plan: of the configuration; its corpora are described, or have their manifests.
        tables: their names.

    Raises:
        ConfigError: for a table that there is not.
    """

    def __init__(self, plan: Plan, tables: Iterable[str]) -> None:
        self._plan = plan
        self._makers = [(_pattern(text, job), job) for job in plan.jobs for text in _texts(job)]
        self._seen: set[str] = set()
        self.jobs: dict[tuple[str, str], Planned] = {}
        for table in tables:
            self._table(table)

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.jobs.values())

    def _table(self, table: str) -> None:
        plan = self._plan
        if table not in plan.tables.owners:
            raise plan.tables.no_such_table(table)
        plan.tables.require_corpus(table)
        family = plan.tables.owners[table]
        self._shared("table", {"table": table}, table)
        self._shared("edition_table", {"table": table}, f"{family.edition}/{table}", "table")
        for path in (*family.metrics_of(table), *family.submissions_of(table)):
            self._file(path)
        for corpus in family.corpora_behind(table):
            self._manifest(plan.places.name(corpus))
            for feature in family.features_behind(table):
                for path in plan.features.feature_files(corpus, feature):
                    self._file(path)

    def _shared(self, rule: str, wildcards: Mapping[str, str], place: str, stage: str = "") -> None:
        need = SHARED[rule][self._plan.config.scale]
        corpus = self._plan.places.corpus_editions.get(wildcards.get("corpus_edition", ""))
        self.jobs.setdefault(
            (rule, place), Planned(rule, wildcards, need, f"{stage or rule}/{place}", corpus)
        )

    def _file(self, path: str) -> None:
        """Add the jobs that a file needs."""
        if path in self._seen:
            return
        self._seen.add(path)
        path = f"results/{path.removeprefix(f'{self._plan.results}/')}"  # as rules and steps name it
        for pattern, job in self._makers:
            if found := pattern.fullmatch(path):
                self._step(job, found.groupdict())
                return
        if found := _MANIFEST.fullmatch(path):
            self._manifest(found["corpus_edition"])
        elif found := _FEATURE.fullmatch(path):
            self._feature(found.groupdict())

    def _manifest(self, name: str) -> None:
        places = self._plan.places
        corpus = places.corpus_editions[name]
        if places.is_demo(corpus):
            edition = places.edition(corpus)
            self._shared("demo_corpora", {"edition": edition}, edition)
        self._shared("manifest", {"corpus_edition": name}, name)
        check = self._plan.check_of(corpus)
        if ("complete", check) not in self.jobs:  # it looks at all corpora of the family
            self._shared("complete", {"check": check}, check)
            for beside in self._plan.checks[check][0]:
                self._manifest(places.name(beside))

    def _feature(self, wildcards: Mapping[str, str]) -> None:
        corpus = self._plan.places.corpus_editions[wildcards["corpus_edition"]]
        feature, shard = wildcards["feature"], wildcards["shard"]
        place = f"extract/{wildcards['corpus_edition']}/{feature}/{shard}"
        rule = "extract" if spec(feature).network else "extract_on_cpu"
        need = spec(feature).needs[self._plan.config.scale]
        self.jobs[rule, place] = Planned(rule, wildcards, need, place, corpus)
        self._manifest(wildcards["corpus_edition"])
        for path in self._plan.features.faces_of(corpus, feature, shard):
            self._file(path)

    def _step(self, job: Job, wildcards: Mapping[str, str]) -> None:
        place = "/".join([job.step.name, *(wildcards[name] for name in job.wildcards)])
        if (job.rule, place) in self.jobs:
            return
        known = job.known(wildcards)
        self.jobs[job.rule, place] = Planned(job.rule, wildcards, job.need, place, known.get("corpus"), job)
        for read in job.step.reads.values():
            for path in job.files(read, wildcards):
                self._file(path)


def _texts(job: Job) -> Iterator[str]:
    for one in job.outputs.values():
        yield from [one] if isinstance(one, str) else one


def _pattern(text: str, job: Job) -> re.Pattern[str]:
    """The pattern of the files of an output, its wildcards as groups."""
    made, at = "", 0
    seen: set[str] = set()
    for found in _WILDCARD.finditer(text):
        name = found[1]
        made += re.escape(text[at : found.start()])
        allowed = job.constraints.get(name) or USUAL.get(name, "[^/]+")
        made += f"(?P={name})" if name in seen else f"(?P<{name}>{allowed})"
        seen.add(name)
        at = found.end()
    return re.compile(made + re.escape(text[at:]))
