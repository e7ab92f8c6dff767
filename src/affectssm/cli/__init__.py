"""The command line: one subcommand a stage of the workflow, each with file paths only.

Every rule of the workflow is one line that calls one of these, so a line pasted from a log runs by itself. What a
subcommand does is said in commands.py.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import logging
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from affectssm import __doc__ as summary_of_the_package
from affectssm import commands
from affectssm.cli.check import add_check_command
from affectssm.cli.features import add_features_command
from affectssm.cli.serving import add_serving_commands
from affectssm.cli.weights import add_weights_commands
from affectssm.errors import AffectError, ConfigError
from affectssm.step_commands import add_step_commands
from affectssm.vocabulary.corpora import CORPORA, DEMOS

# More than Python's 700: to import the large libraries makes some hundred thousand objects that all stay.
OBJECTS_BETWEEN_COLLECTIONS = 10_000

BROKEN_PIPE = 128 + 13  # as a shell reports who died of SIGPIPE

Handler = Callable[[argparse.Namespace], None]
Add = Callable[..., Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; return 0, or 1 after saying what is wrong with the user's data or configuration."""
    try:
        try:
            return _run_command(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        return BROKEN_PIPE


def _nobody_reads() -> bool:
    """Whether who read our words has read enough, as head does; what is left to say then goes nowhere."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def _run_command(argv: Sequence[str] | None) -> int:
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)  # at its end the interpreter looks through all of them again, for a second
    words = sys.argv[1:] if argv is None else list(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        try:
            arguments = _parser(words).parse_args(words)
            _know(getattr(arguments, "families", ()))
            arguments.handler(arguments)
        except ModuleNotFoundError as error:
            raise _not_installed(error) from error
    except AffectError as error:
        print(f"affectssm {words[0]}: {error}", file=sys.stderr)
        return 1
    return 0


def _know(families: Sequence[str]) -> None:
    """Make known what families from outside bring."""
    if families:
        from affectssm.families.registry import find_all

        find_all(families)


def _not_installed(error: ModuleNotFoundError) -> Exception:
    """What to say of a library that the package's core does without; of a module of our own, the error itself."""
    name = (error.name or "").partition(".")[0]
    if name in ("", "affectssm"):
        return error
    return ConfigError(
        "this installation", f"no library {name}", "those of the workflow",
        "pip install 'affectssm[workflow]' (see the README), or make environment in a clone",
    )  # fmt: skip


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="affectssm", description=summary_of_the_package)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, handler: Handler, summary: str) -> Add:
        sub = subparsers.add_parser(name, help=summary, description=summary)
        sub.set_defaults(handler=handler)
        return sub.add_argument

    _add_data_commands(command)
    _add_table_commands(command)
    add_features_command(command)
    command(
        "device", commands.on_device, "say what a job computes on here, or why not on the GPU it was given"
    )
    add = command(
        "config",
        commands.config,
        "check a configuration and print the whole of it, or write the files generated from the model",
    )
    add("files", type=Path, nargs="*", help="YAML files, later ones over earlier ones")
    add("--write", action="store_true", help="write config.yaml, the JSON schema and the option reference")
    add(
        "--check", action="store_true", help="show how those files differ from the model, and fail if they do"
    )
    _add_estimate(command)
    add_check_command(command)
    _add_run_commands(command)
    add_weights_commands(command)
    add_serving_commands(command, argv)
    if not argv or argv[0] not in subparsers.choices:
        add_step_commands(subparsers, argv, _json, _json_file)
    return parser


def _add_data_commands(command: Callable[[str, Handler, str], Add]) -> None:
    add = command("demo", commands.demo, "write small corpora in the owners' formats, with planted truth")
    add("edition", help=f"one of {', '.join(DEMOS)}, or of a family that is named")
    _family(add)
    _out(add)

    add = command(
        "discover", commands.discover, "write the manifest, the fault table and the shard index of a corpus"
    )
    add("corpus", help=f"one of {', '.join(CORPORA)}, or of a family that is named")
    _family(add)
    _places(add)
    add("--settings", type=_json, default={}, help="corpora.<corpus> of the configuration, as JSON")
    add("--threads", type=int, default=1, help="files that are read at a time")
    _out(add)

    add = command(
        "extract",
        commands.extract,
        "extract a feature of a shard; a killed job goes on with the next recording",
    )
    add("feature")
    _family(add)
    add("--manifest", type=Path, required=True)
    _places(add)
    add("--shard", required=True)
    add("--faces", type=Path, help="the shard's face track, for features of the face")
    add("--settings", type=_json, default={}, help="the feature's settings; the demo's where not given")
    _computing(add, "{feature: {batch, weights_dir}}")
    _out(add)
    add("--faults", type=Path, required=True)

    add = command(
        "export",
        commands.export,
        "write a task's windows, features and labels as Parquet or HDF5 for other tools",
    )
    add("--windows", type=Path, required=True, help="a window index (results/windows/{task}/{part}.parquet)")
    _features(add)
    _family(add)
    add("--names", nargs="+", required=True, metavar="FEATURE", help="the features to write")
    add("--format", choices=("parquet", "hdf5"), required=True)
    _out(add)


def _add_table_commands(command: Callable[[str, Handler, str], Add]) -> None:
    add = command(
        "complete", commands.complete, "say what the tables will miss, before anything is extracted"
    )
    add("family")
    _manifests(add)
    add("--settings", type=_json, required=True)
    _out(add)

    add = command("table", commands.table, "build a table with its Markdown, provenance, faults and figure")
    add("table")
    _family(add)
    _files(add, "--metrics", "metrics of every experiment, or the measurement of a table without experiments")
    add(
        "--corpora",
        type=Path,
        nargs="*",
        default=[],
        help="results/corpora/{corpus}-{edition} of each corpus",
    )
    add("--fault-features", nargs="*", default=[], help="features whose fault rows belong to the table")
    add("--settings", type=_json, required=True)
    _out(add)

    add = command("place", commands.place, "put the files of an edition's table where users look for them")
    add("files", type=Path, nargs="+")
    _out(add)


def _add_estimate(command: Callable[[str, Handler, str], Add]) -> None:
    add = command(
        "estimate",
        commands.estimate,
        "say what tables will take: jobs, hours, room on disk, and the limits that this will break",
    )
    add("asked", nargs="*", metavar="FILE|TABLE", help="YAML files of a configuration, and names of tables")
    add("--scale", choices=("paper", "demo", "tiny"), help="in place of the configuration's")
    what = "[CORPUS=]VALUE"
    add("--recordings", nargs="+", default=[], metavar=what, help="how many, of a corpus not yet discovered")
    add("--minutes", nargs="+", default=[], metavar=what, help="how long each lasts")
    add("--people", nargs="+", default=[], metavar=what, help="of how many people each holds media")
    add("--video", nargs="+", default=[], metavar=what, help="its pictures, as 1920x1080@25")
    add("--gpus", type=int, choices=(0, 1), help="in place of cluster.gpus")
    add("--hours", type=float, help="the longest a job may take, in place of cluster.hours")
    add("--memory-gb", type=float, help="the memory of a node, in place of cluster.memory_gb")
    add("--cores", type=int, help="the CPUs of a node")


def _add_run_commands(command: Callable[[str, Handler, str], Add]) -> None:
    for name, handler, summary in (
        ("status", commands.status, "say what was finished, what runs, and what will be done again"),
        ("cancel", commands.cancel, "end the jobs that a killed controller left at work, and list them"),
    ):
        add = command(name, handler, summary)
        add(
            "--results",
            type=Path,
            default=Path("results"),
            help="the folder that everything is computed into",
        )


def _family(add: Add) -> None:
    text = "a family from outside whose corpora, features or tables this is about"
    add("--family", dest="families", action="append", default=[], metavar="MODULE", help=text)


def _places(add: Add) -> None:
    add("--root", type=_folder, help="folder of the corpus")
    add("--ground-truth", type=_folder, help="folder with the withheld test labels")
    add("--edition", type=Path, help="results/editions/{corpus}-{name}, which says both, in place of them")


def _manifests(add: Add) -> None:
    _files(add, "--manifests", "manifest.parquet of each corpus")


def _features(add: Add) -> None:
    _files(add, "--features", "results/features/{corpus}-{edition} of each corpus")


def _computing(add: Add, content: str) -> None:
    add("--computing", type=_json_file, default={}, help=f"JSON file: {content}, how it is computed")


def _files(add: Add, name: str, what: str) -> None:
    add(name, type=Path, nargs="+", required=True, help=what)


def _out(add: Add) -> None:
    add("--out", type=Path, required=True)


def _folder(text: str) -> Path:
    if not text.strip():  # Path("") is the folder one happens to be in
        raise argparse.ArgumentTypeError("the name of a folder is wanted, not an empty text")
    return Path(text)


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
