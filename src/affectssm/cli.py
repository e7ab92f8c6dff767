"""The command line: one subcommand a stage of the workflow, each with file paths only.

Every rule of the workflow is one line that calls one of these, so a line pasted from a log runs by itself.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from affectssm import __doc__ as summary_of_the_package
from affectssm.errors import AffectError, ConfigError

Handler = Callable[[argparse.Namespace], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; return 0, or 1 after saying what is wrong with the user's data or configuration."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        arguments.handler(arguments)
    except AffectError as error:
        print(f"affectssm {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="affectssm", description=summary_of_the_package)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, handler: Handler, summary: str) -> Callable[..., Any]:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(handler=handler)
        return sub.add_argument

    add = command("demo", _demo, "write small corpora in the owners' formats, with planted truth")
    add("edition", help="demo, demo-tiny, demo-withheld or demo-tiny-withheld")
    add("--out", type=Path, required=True)

    add = command(
        "discover", _discover, "write the manifest, the fault table and the shard index of a corpus"
    )
    add("corpus", help="noxi, noxi_add or mpiigi")
    add("--root", type=Path, required=True)
    add("--ground-truth", type=Path, help="folder with the withheld test labels")
    add("--settings", type=_json, default={}, help="corpora.<corpus> of the configuration, as JSON")
    add("--out", type=Path, required=True)

    add = command(
        "extract", _extract, "extract a feature of a shard; a killed job goes on with the next recording"
    )
    add("feature")
    add("--manifest", type=Path, required=True)
    add("--root", type=Path, required=True)
    add("--ground-truth", type=Path)
    add("--shard", required=True)
    add("--faces", type=Path, help="the shard's face track, for features of the face")
    add(
        "--settings",
        type=_json,
        default={},
        help="the feature's settings, as JSON; the demo's where not given",
    )
    add(
        "--computing",
        type=_json_file,
        default={},
        help="JSON file: {feature: {batch, weights_dir}}, how it is computed",
    )
    add("--out", type=Path, required=True)
    add("--faults", type=Path, required=True)

    add = command("windows", _windows, "write the window indexes of a task")
    add("task")
    add("--part", choices=("training", "prediction"), required=True)
    add("--manifests", type=Path, nargs="+", required=True)
    add("--source", choices=("extracted", "multimediate"), required=True)
    add("--settings", type=_json, default={}, help="timeline of the configuration, as JSON")
    add("--out", type=Path, required=True)

    add = command("train", _train, "train one run; a killed run goes on from its last epoch")
    _run_arguments(add)
    add("--fold", default="all")
    add("--out", type=Path, required=True)

    add = command("predict", _predict, "predict every window that is not trained on")
    _run_arguments(add)
    add("--run", type=Path, required=True)
    add("--out", type=Path, required=True)

    add = command("evaluate", _evaluate, "score the predictions of an experiment; opens the test labels")
    add("--predictions", type=Path, nargs="+", required=True)
    add("--manifests", type=Path, nargs="+", required=True)
    add("--missing", type=Path, required=True, help="participants that could not be predicted")
    add(
        "--features",
        type=Path,
        nargs="+",
        required=True,
        help="results/features/{corpus}-{edition} of each corpus",
    )
    add("--settings", type=_json, required=True)
    add("--out", type=Path, required=True)

    add = command("submission", _submission, "write predictions in the challenge's submission format")
    add("--predictions", type=Path, nargs="+", required=True)
    add("--missing", type=Path, required=True, help="participants that could not be predicted")
    add("--out", type=Path, required=True)

    add = command("table", _table, "build a table with its Markdown, provenance, faults and figure")
    add("table")
    add("--metrics", type=Path, nargs="+", required=True)
    add(
        "--corpora",
        type=Path,
        nargs="+",
        required=True,
        help="results/corpora/{corpus}-{edition} of each corpus",
    )
    add("--fault-features", nargs="*", default=[], help="features whose fault rows belong to the table")
    add("--settings", type=_json, required=True)
    add("--out", type=Path, required=True)

    add = command("place", _place, "put the files of an edition's table where users look for them")
    add("files", type=Path, nargs="+")
    add("--out", type=Path, required=True)

    add = command(
        "export", _export, "write a task's windows, features and labels as Parquet or HDF5 for other tools"
    )
    add("--windows", type=Path, required=True, help="a window index (results/windows/{task}/{part}.parquet)")
    add(
        "--features",
        type=Path,
        nargs="+",
        required=True,
        help="results/features/{corpus}-{edition} of each corpus",
    )
    add("--source", choices=("extracted", "multimediate"), required=True)
    add("--format", choices=("parquet", "hdf5"), required=True)
    add("--out", type=Path, required=True)

    add = command("config", _config, "check a configuration, or write the files generated from the model")
    add("files", type=Path, nargs="*", help="YAML files, later ones over earlier ones")
    add("--write", action="store_true", help="write config.yaml, the JSON schema and the option reference")
    add(
        "--check", action="store_true", help="show how those files differ from the model, and fail if they do"
    )
    return parser


def _run_arguments(add: Callable[..., Any]) -> None:
    add("--windows", type=Path, required=True, help="results/windows/{task}")
    add(
        "--features",
        type=Path,
        nargs="+",
        required=True,
        help="results/features/{corpus}-{edition} of each corpus",
    )
    add("--settings", type=_json, required=True)
    add("--computing", type=_json_file, default={}, help="JSON file: {workers}, how it is computed")


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"a JSON object is wanted, not {text}")
    return found


def _json_file(path: str) -> dict[str, Any]:
    try:
        return _json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from error


def _demo(given: argparse.Namespace) -> None:
    from affectssm.corpora.demo.write import write_demo

    write_demo(given.edition, given.out)


def _discover(given: argparse.Namespace) -> None:
    from affectssm.config import CorpusSettings
    from affectssm.corpora.discover import discover_corpus
    from affectssm.settings_io import validate

    settings = validate(CorpusSettings, given.settings, "--settings")
    discover_corpus(given.corpus, given.root, given.ground_truth, settings, given.out)


def _extract(given: argparse.Namespace) -> None:
    from affectssm.features import registry
    from affectssm.features.extract import extract_shard

    extract_shard(
        feature=given.feature,
        manifest=given.manifest,
        root=given.root,
        ground_truth=given.ground_truth,
        shard=given.shard,
        settings=registry.completed(given.feature, given.settings | given.computing.get(given.feature, {})),
        faces=given.faces,
        out=given.out,
        faults_out=given.faults,
    )


def _windows(given: argparse.Namespace) -> None:
    from affectssm.config import Timeline
    from affectssm.settings_io import validate
    from affectssm.store.layout import by_corpus
    from affectssm.timeline.windows import write_windows

    clock_hz = validate(Timeline, given.settings, "--settings").clock_hz
    write_windows(given.task, by_corpus(given.manifests), given.source, clock_hz, given.part, given.out)


def _run_settings(given: argparse.Namespace) -> dict[str, Any]:
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


def _need(settings: dict[str, Any], keys: Sequence[str]) -> None:
    missing = [key for key in keys if key not in settings]
    if missing:
        raise ConfigError(
            "--settings", f"without {', '.join(missing)}", f"an object with {', '.join(keys)}",
            "paste the line that Snakemake prints for this job (snakemake -n -p)",
        )  # fmt: skip


def _train(given: argparse.Namespace) -> None:
    settings = _run_settings(given)
    if settings["variant"] == "adapt_mpiigi":
        from affectssm.training.adapt import adapt as train
    else:
        from affectssm.training.fit import fit as train

    train(settings, given.windows, given.features, given.out)


def _predict(given: argparse.Namespace) -> None:
    from affectssm.training.predict import predict

    predict(_run_settings(given), given.run, given.windows, given.features, given.out)


def _evaluate(given: argparse.Namespace) -> None:
    from affectssm.evaluation.evaluate import evaluate

    _need(given.settings, ("experiment", "split", "cells", "seeds", "bootstrap", "bootstrap_seed", "scorer"))
    evaluate(given.settings, given.predictions, given.features, given.manifests, given.missing, given.out)


def _submission(given: argparse.Namespace) -> None:
    from affectssm.evaluation.submission import write_submission

    write_submission(given.out.name, given.predictions, given.missing, given.out)


def _table(given: argparse.Namespace) -> None:
    from affectssm.tables.build import build_table

    _need(given.settings, ("table", "scale", "experiments", "demo", "seeds", "allow_incomplete"))
    build_table(given.table, given.settings, given.metrics, given.corpora, given.fault_features, given.out)


def _place(given: argparse.Namespace) -> None:
    import shutil

    from affectssm.store.atomic import staged

    for path in given.files:
        with staged(given.out / path.name) as temporary:
            shutil.copyfile(path, temporary)


def _export(given: argparse.Namespace) -> None:
    from affectssm.timeline.export import export

    export(given.windows, given.features, given.source, given.format, given.out)


def _config(given: argparse.Namespace) -> None:
    from affectssm import settings_docs, settings_io

    if given.write:
        for path in settings_docs.write_generated():
            print(f"wrote {path}")
    elif given.check:
        settings_docs.check_generated()
    else:
        print(settings_io.slice_json(settings_io.load_config(given.files)))


if __name__ == "__main__":
    raise SystemExit(main())
