"""Which pretrained weights tables need, and that a run has them before its first job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from affectssm.errors import ConfigError
from affectssm.features.wanted import WeightsState, in_languages, state_of, wanted_by
from affectssm.features.weights import Wanted
from affectssm.plan.hashes import RememberedHashes
from affectssm.plan.jobs import Job
from affectssm.plan.plan import Plan
from affectssm.plan.walk import Walk
from affectssm.settings.features import settings_of
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.features import spec

Asked = tuple[str, Mapping[str, str]]
"""A job: its rule and its wildcards."""
Found = dict[Wanted, list[str]]
"""A pretrained model -> who wants it."""
_TABLES = ("table", "edition_table")
_CHECK = "complete"


def wanted_of(plan: Plan, tables: Iterable[str] = ()) -> Found:
    """Return the pretrained weights that tables need, and who wants them; nothing of random ones.

    Of a corpus that was not discovered yet, all that its tables may read is taken to be there.

    Args:
        plan: of the configuration.
        tables: their names; all that there are where none is given.

    Raises:
        ConfigError: for a table that there is not.
    """
    found: Found = {}
    asked = list(tables) or plan.tables.there
    for table in asked:
        if table not in plan.tables.owners:
            raise plan.tables.no_such_table(table)
        plan.tables.require_corpus(table)
        for corpus, feature in _features(plan, table):
            if not _discovered(plan, corpus) or plan.features.feature_files(corpus, feature):
                _add(found, of_feature(plan, corpus, feature), f"{spec(feature).name} of {corpus}")
    for job, wildcards in _steps(plan, asked):
        _add(found, job.ask(job.step.weights, wildcards), _words(job, wildcards))
    return found


def of_feature(plan: Plan, corpus: str, feature: str) -> tuple[Wanted, ...]:
    """Return the weights that a feature of a corpus is computed with: of texts, those of the languages in it."""
    if not spec(feature).wants:
        return ()
    settings = settings_of(feature, plan.config.features)
    languages = _languages(plan, corpus)
    return wanted_by(feature, in_languages(settings, languages) if languages else settings)


def _languages(plan: Plan, corpus: str) -> Collection[str]:
    """The languages of a corpus; none where nobody knows them yet."""
    if known := CORPORA[corpus].language:
        return (known,)
    manifest = Path(plan.places.manifest(corpus))
    if not manifest.is_file():
        return ()
    from affectssm.corpora.manifest import read_manifest

    return {row.language for row in read_manifest(manifest)} - {""}


def _features(plan: Plan, table: str) -> Iterator[tuple[str, str]]:
    """Yield corpus and feature, of those behind a table that want weights."""
    owner = plan.tables.owners[table]
    wanting = [feature for feature in owner.features_behind(table) if spec(feature).wants]
    yield from ((corpus, feature) for corpus in owner.corpora_behind(table) for feature in wanting)


def _steps(plan: Plan, tables: Iterable[str]) -> Iterator[tuple[Job, Mapping[str, str]]]:
    """Yield the jobs behind tables that read weights themselves, beside extractions."""
    owners = {plan.tables.owners[table].name for table in tables}
    if not any(job.step.weights for job in plan.jobs if job.family.name in owners):
        return
    with _imagined(plan):
        jobs = list(Walk(plan, tables))
    yield from ((one.step, one.wildcards) for one in jobs if one.step and one.step.step.weights)


def _discovered(plan: Plan, corpus: str) -> bool:
    """Whether the shards of a corpus are known, or somebody has described them."""
    places = plan.places
    folder = Path(plan.results, "corpora", places.name(corpus))
    return corpus in places.imagined or (folder / "shards.json").is_file()


@contextmanager
def _imagined(plan: Plan) -> Iterator[None]:
    """Take corpora that are not discovered yet to have no shards, so that one can ask for the jobs behind a table."""
    unknown = [corpus for corpus in plan.places.all if not _discovered(plan, corpus)]
    plan.places.imagined.update({corpus: {"shards": {}, "splits": {}} for corpus in unknown})
    try:
        yield
    finally:
        for corpus in unknown:
            del plan.places.imagined[corpus]


def _add(found: Found, wanted: Iterable[Wanted], who: str) -> None:
    for one in wanted:
        names = found.setdefault(one, [])
        if who not in names:
            names.append(who)


def _words(job: Job, wildcards: Mapping[str, str]) -> str:
    about = wildcards.get("experiment") or wildcards.get("part", "")
    return f"{job.rule} {about}".strip()


# -- before a run ----------------------------------------------------------------------------------------------


def require_weights(
    plan: Plan, jobs: Iterable[Asked], anew: Callable[[], Plan], files: Iterable[str] = ()
) -> None:
    """Refuse a run some of whose jobs would not find their weights.

    What is made already wants none. Of jobs that Snakemake does not know before a corpus is discovered, those are
    looked at whose files are not there.

    Args:
        plan: of the configuration.
        jobs: that are to run.
        anew: makes the plan once more, one that waits for no manifest.
        files: of the configuration, for the remedy.

    Raises:
        ConfigError: naming every model that is missing or changed.
    """
    if plan.config.features.weights != "pretrained":
        return
    found: Found = {}
    known = list(jobs)
    for rule, wildcards in known:
        _add_job(found, plan, rule, wildcards)
    if any(rule == _CHECK for rule, _ in known):
        tables = {wildcards["table"] for rule, wildcards in known if rule in _TABLES}
        _add_unmade(found, anew(), sorted(tables))
    folder = plan.config.features.weights_dir
    hashes = RememberedHashes(Path(plan.results, "weights.json"))
    states = [(one, who, state_of(folder, one, hashes)) for one, who in found.items()]
    hashes.write()
    if bad := [each for each in states if not each[2].usable]:
        raise _refusal(folder, bad, " ".join(map(_short, files)) or "lab.yaml")


def _add_job(found: Found, plan: Plan, rule: str, wildcards: Mapping[str, str]) -> None:
    if rule == "extract":
        corpus = plan.places.corpus_editions[wildcards["corpus_edition"]]
        feature = wildcards["feature"]
        _add(found, of_feature(plan, corpus, feature), f"{spec(feature).name} of {corpus}")
        return
    for job in plan.jobs:
        if job.rule == rule and job.step.weights:
            _add(found, job.ask(job.step.weights, wildcards), _words(job, wildcards))


def _add_unmade(found: Found, plan: Plan, tables: list[str]) -> None:
    """Add what jobs want whose files are not there; of a corpus that is not discovered yet, of all its features."""
    for table in tables:
        for corpus, feature in _features(plan, table):
            if not _made(plan, corpus, feature):
                _add(found, of_feature(plan, corpus, feature), f"{spec(feature).name} of {corpus}")
    for job, wildcards in _steps(plan, tables):
        first = next(iter(job.outputs.values()))
        name = (first if isinstance(first, str) else first[0]).format(**wildcards)
        if not Path(plan.results, name.removeprefix("results/")).is_file():
            _add(found, job.ask(job.step.weights, wildcards), _words(job, wildcards))


def _made(plan: Plan, corpus: str, feature: str) -> bool:
    """Whether all files of a feature are there; of a corpus whose shards nobody knows, whether any is."""
    if _discovered(plan, corpus):
        return all(Path(path).is_file() for path in plan.features.feature_files(corpus, feature))
    (folder,) = plan.features.folders([corpus])
    return any(Path(folder, feature).glob("*.h5"))


def _refusal(folder: str, bad: list[tuple[Wanted, list[str], WeightsState]], files: str) -> ConfigError:
    lines = []
    for one, who, state in bad:
        what = ", ".join(state.files) if state.state == "missing" else state.found
        lines.append(f"{one.model} ({state.state}: {what}; wanted by {_some(who)})")
    return ConfigError(
        f"features.weights_dir: {folder}",
        "\n            ".join(["the run does not begin, for it would end without these weights:", *lines]),
        f"the files of {len(bad)} pretrained model{'s' if len(bad) != 1 else ''} below this folder",
        f"affectssm weights fetch {files}, on a machine with network; affectssm weights list {files} says what to copy "
        "by hand (only to try everything: scale: demo)",
    )


def _short(file: str) -> str:
    return str(Path(file).relative_to(Path.cwd())) if Path(file).is_relative_to(Path.cwd()) else file


def _some(who: list[str]) -> str:
    return ", ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")
