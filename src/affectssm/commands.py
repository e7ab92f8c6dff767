"""What the subcommands do with their arguments: each imports its stage, and nothing else, when it is called."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError


def demo(given: Namespace) -> None:
    from affectssm.vocabulary.corpora import DEMOS
    from affectssm.vocabulary.targets import load_from

    load_from(DEMOS, given.edition, "edition")(given.edition, given.out)


def discover(given: Namespace) -> None:
    from affectssm.corpora.discover import discover_corpus
    from affectssm.settings.corpora import settings_class
    from affectssm.settings.load import validate

    root, truth = _places(given)
    settings = validate(settings_class(given.corpus), given.settings, "--settings")
    discover_corpus(given.corpus, root, truth, settings, given.out, given.edition, given.threads)


def _places(given: Namespace) -> tuple[Path, Path | None]:
    """The root and the ground-truth folder, as given or as a named edition says.

    Raises:
        ConfigError: if neither a root nor an edition is given.
        DataError: if the edition does not say it.
    """
    from affectssm.store.layout import places

    if given.edition is not None:
        return places(given.edition)
    if given.root is None:
        raise ConfigError(
            "--root", "neither --root nor --edition", "one of them", "name the folder of the corpus"
        )
    return given.root, given.ground_truth


def extract(given: Namespace) -> None:
    from affectssm.extraction import extract_on_device
    from affectssm.features.extract import Shard
    from affectssm.settings.features import completed
    from affectssm.vocabulary.features import spec

    found = spec(given.feature)
    if found.by_fold:
        raise ConfigError(
            f"feature {given.feature}", "every fold has one of its own", "a feature that all folds share",
            "ask snakemake for a table whose rows read it",
        )  # fmt: skip
    root, truth = _places(given)
    shard = Shard(given.manifest, given.shard, root, truth, named=given.edition is not None)
    settings = completed(given.feature, given.settings | given.computing.get(given.feature, {}))
    extract_on_device(given.feature, shard, settings, given.out, given.faults, given.faces)


def on_device(_: Namespace) -> None:
    from affectssm.device import begin

    begin("this job")


def _need(settings: dict[str, Any], keys: Sequence[str], option: str = "--settings") -> None:
    missing = [key for key in keys if key not in settings]
    if missing:
        raise ConfigError(
            option, f"without {', '.join(missing)}", f"an object with {', '.join(keys)}",
            "paste the line that Snakemake prints for this job (snakemake -n -p)",
        )  # fmt: skip


def complete(given: Namespace) -> None:
    from affectssm.evaluation.foreseen import check_complete
    from affectssm.families.registry import find

    _need(given.settings, ("allow_incomplete",))
    check_complete(find(given.family).foresees, given.settings, given.manifests, given.out)


_TABLE = (
    "table", "edition", "scale", "experiments", "described", "titles", "demo", "seeds", "allow_incomplete",
)  # fmt: skip


def table(given: Namespace) -> None:
    from affectssm.tables.build import build_table

    _need(given.settings, _TABLE)
    build_table(given.table, given.settings, given.metrics, given.corpora, given.fault_features, given.out)


def place(given: Namespace) -> None:
    import shutil

    from affectssm.store.atomic import staged

    for path in given.files:
        with staged(given.out / path.name) as temporary:
            shutil.copyfile(path, temporary)


def export(given: Namespace) -> None:
    from affectssm.timeline.export import export
    from affectssm.vocabulary.features import spec

    for name in given.names:
        spec(name)  # refuses one that is none
    export(given.windows, given.features, given.names, given.format, given.out)


def config(given: Namespace) -> None:
    from affectssm.families.configuration import default, load_config
    from affectssm.settings import docs, load

    if given.write:
        for path in docs.write_generated(default()):
            print(f"wrote {path}")
    elif given.check:
        docs.check_generated(default())
    else:
        from affectssm.corpora.roots import look_at_roots

        settings = load_config(given.files)
        print(load.as_yaml(settings), end="")
        look_at_roots(settings)


def estimate(given: Namespace) -> None:
    import shutil

    from affectssm.plan import asked
    from affectssm.plan.estimate import Estimate, Limits
    from affectssm.plan.estimate_page import page

    files, tables = asked.parted(given.asked)
    cluster = {name: getattr(given, name) for name in ("gpus", "hours", "memory_gb")}
    over = {"cluster": {name: value for name, value in cluster.items() if value is not None}}
    plan = asked.plan_of(files, over | ({"scale": given.scale} if given.scale else {}))
    tables = tables or plan.tables.there
    told = (
        asked.by_corpus(getattr(given, name), f"--{name}")
        for name in ("recordings", "minutes", "people", "video")
    )
    notes = asked.describe(plan, tables, *told)
    allowed = plan.config.cluster
    limits = Limits(allowed.hours, allowed.memory_gb, given.cores, shutil.disk_usage(".").free / 1e9)
    print(page(Estimate(plan, tables), limits), end="")
    for note in notes:
        print(f"note: {note}")


def status(given: Namespace) -> None:
    from affectssm.runs.report import report
    from affectssm.runs.state import look

    print(report(look(_results(given))))


def cancel(given: Namespace) -> None:
    from affectssm.runs.cancel import cancel_jobs

    cancel_jobs(_results(given))


def _results(given: Namespace) -> Path:
    """The results folder that is named.

    Raises:
        ConfigError: if it is none.
    """
    if not given.results.is_dir():
        raise ConfigError(
            f"--results {given.results}", "no such folder", "the folder that everything is computed into",
            "call it where you call snakemake, or name the folder",
        )  # fmt: skip
    return given.results
