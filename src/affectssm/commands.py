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
    from affectssm.settings.config import settings_class
    from affectssm.settings.load import validate

    root, truth = _places(given)
    settings = validate(settings_class(given.corpus), given.settings, "--settings")
    discover_corpus(given.corpus, root, truth, settings, given.out, given.edition)


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
    from affectssm.features.extract import Shard, extract_shard
    from affectssm.settings.features import completed

    root, truth = _places(given)
    extract_shard(
        given.feature,
        Shard(given.manifest, given.shard, root, truth, named=given.edition is not None),
        completed(given.feature, given.settings | given.computing.get(given.feature, {})),
        given.out,
        given.faults,
        given.faces,
    )


def epochs(given: Namespace) -> None:
    from affectssm.settings.load import validate
    from affectssm.settings.trials import EpochSettings
    from affectssm.timeline.epochs import write_epochs

    settings = validate(EpochSettings, given.settings, "--settings")
    write_epochs(given.manifest, given.features, given.shard, settings, given.out, given.index, given.faults)


def windows(given: Namespace) -> None:
    from affectssm.settings.config import Timeline
    from affectssm.settings.load import validate
    from affectssm.store.layout import by_corpus
    from affectssm.timeline.windows import write_windows

    clock_hz = validate(Timeline, given.settings, "--settings").clock_hz
    write_windows(given.task, by_corpus(given.manifests), given.kinds, clock_hz, given.part, given.out)


def _run_settings(given: Namespace) -> dict[str, Any]:
    """The settings of a run, with how it is computed.

    Raises:
        ConfigError: if a part is missing.
    """
    wanted = (
        "experiment",
        "model",
        "variant",
        "source",
        "selection",
        "fold",
        "seed",
        "model_settings",
        "training",
    )
    _need(given.settings, wanted)
    recipe = given.settings["training"] | {"workers": given.computing.get("workers", 0)}
    return given.settings | {"training": recipe}


def _need(settings: dict[str, Any], keys: Sequence[str], option: str = "--settings") -> None:
    missing = [key for key in keys if key not in settings]
    if missing:
        raise ConfigError(
            option, f"without {', '.join(missing)}", f"an object with {', '.join(keys)}",
            "paste the line that Snakemake prints for this job (snakemake -n -p)",
        )  # fmt: skip


def train(given: Namespace) -> None:
    settings = _run_settings(given)
    if settings["variant"] == "adapt_mpiigi":
        from affectssm.training.adapt import adapt as train
    else:
        from affectssm.training.fit import fit as train

    train(settings, given.windows, given.features, given.out)


def predict(given: Namespace) -> None:
    from affectssm.training.predict import predict

    predict(_run_settings(given), given.run, given.windows, given.features, given.out)


def evaluate(given: Namespace) -> None:
    from affectssm.evaluation.evaluate import evaluate

    _need(given.settings, ("experiment", "split", "cells", "seeds", "scorer"))
    evaluate(given.settings, given.predictions, given.features, given.manifests, given.missing, given.out)


def complete(given: Namespace) -> None:
    from affectssm.evaluation.foreseen import check_complete

    _need(given.settings, ("allow_incomplete",))
    check_complete(given.settings, given.manifests, given.out)


def submission(given: Namespace) -> None:
    from affectssm.evaluation.submission import write_submission

    write_submission(given.out.name, given.predictions, given.missing, given.out)


_TRIAL_RUN = (
    "experiment", "model", "variant", "dimension", "seed", "modalities", "rate_hz", "protocol", "model_settings",
    "training",
)  # fmt: skip
_ADAPTATION = ("methods", "adaptation", "missing", "choice", "modalities")
_TRIAL_SCORES = ("experiment", "corpus", "dimension", "seeds", "protocol")
_TABLE = (
    "table", "edition", "scale", "experiments", "described", "titles", "demo", "seeds", "allow_incomplete",
)  # fmt: skip


def train_trials(given: Namespace) -> None:
    from affectssm.training.trials import fit_trials

    _need(given.settings, _TRIAL_RUN)
    fit_trials(given.settings, given.epochs, given.part, given.out)


def masks(given: Namespace) -> None:
    from affectssm.adaptation.mask_files import write_mask_files

    _need(given.adaptation, _ADAPTATION, "--adaptation")
    write_mask_files(
        given.epochs, given.seed, given.adaptation["missing"], given.adaptation["modalities"], given.out
    )


def choose(given: Namespace) -> None:
    from affectssm.adaptation.choose import choose

    _need(given.adaptation, _ADAPTATION, "--adaptation")
    asked = given.adaptation
    choose(asked["methods"], asked["choice"], asked["adaptation"], given.epochs, given.runs, given.out)


def adapt_trials(given: Namespace) -> None:
    from affectssm.adaptation.choose import read_chosen
    from affectssm.adaptation.trials import PartFiles, adapt_part

    _need(given.settings, _TRIAL_RUN)
    _need(given.adaptation, _ADAPTATION, "--adaptation")
    asked, (chosen, development) = given.adaptation, read_chosen(given.chosen)
    adapt_part(
        given.settings | {"methods": asked["methods"]},
        asked["adaptation"],
        asked["missing"],
        chosen,
        PartFiles(given.epochs, given.run, given.masks, given.out, given.streams),
        development,
    )


def evaluate_trials(given: Namespace) -> None:
    from affectssm.evaluation.trials import evaluate_trials

    _need(given.settings, _TRIAL_SCORES)
    evaluate_trials(given.settings, given.epochs, given.predictions, given.out)


def evaluate_adaptation(given: Namespace) -> None:
    from affectssm.evaluation.trials import evaluate_adaptation

    _need(given.settings, _TRIAL_SCORES)
    evaluate_adaptation(given.settings, given.epochs, given.adapted, given.streams, given.chosen, given.out)


def table(given: Namespace) -> None:
    from affectssm.tables.build import build_table

    _need(given.settings, _TABLE)
    build_table(given.table, given.settings, given.metrics, given.corpora, given.fault_features, given.out)


def memory(given: Namespace) -> None:
    from affectssm.training.memory import measure

    _need(
        given.settings, ("models", "lengths", "device", "scale", "batch", "sizes", "groups", "feature_dims")
    )
    measure(given.settings, given.out)


def place(given: Namespace) -> None:
    import shutil

    from affectssm.store.atomic import staged

    for path in given.files:
        with staged(given.out / path.name) as temporary:
            shutil.copyfile(path, temporary)


def export(given: Namespace) -> None:
    from affectssm.timeline.export import export

    export(given.windows, given.features, given.source, given.format, given.out)


def config(given: Namespace) -> None:
    from affectssm.settings import docs, load

    if given.write:
        for path in docs.write_generated():
            print(f"wrote {path}")
    elif given.check:
        docs.check_generated()
    else:
        from affectssm.corpora.roots import look_at_roots

        settings = load.load_config(given.files)
        print(load.as_yaml(settings), end="")
        look_at_roots(settings)
