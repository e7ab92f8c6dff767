"""The subcommands that rules call of all families: corpora, features, tables. Those of steps: step_commands.py."""

from __future__ import annotations

from pathlib import Path

from affectssm import commands
from affectssm.cli.options import Add, Command, folder, json_file, json_object
from affectssm.vocabulary.corpora import CORPORA, DEMOS


def add_job_commands(command: Command) -> None:
    """Add the subcommands."""
    _add_data_commands(command)
    _add_table_commands(command)


def _add_data_commands(command: Command) -> None:
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
    add("--settings", type=json_object, default={}, help="corpora.<corpus> of the configuration, as JSON")
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
    add("--settings", type=json_object, default={}, help="the feature's settings; the demo's where not given")
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


def _add_table_commands(command: Command) -> None:
    add = command(
        "complete", commands.complete, "say what the tables will miss, before anything is extracted"
    )
    add("family")
    _manifests(add)
    add("--settings", type=json_object, required=True)
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
    add("--settings", type=json_object, required=True)
    _out(add)

    add = command("place", commands.place, "put the files of an edition's table where users look for them")
    add("files", type=Path, nargs="+")
    _out(add)


def _family(add: Add) -> None:
    text = "a family from outside whose corpora, features or tables this is about"
    add("--family", dest="families", action="append", default=[], metavar="MODULE", help=text)


def _places(add: Add) -> None:
    add("--root", type=folder, help="folder of the corpus")
    add("--ground-truth", type=folder, help="folder with the withheld test labels")
    add("--edition", type=Path, help="results/editions/{corpus}-{name}, which says both, in place of them")


def _manifests(add: Add) -> None:
    _files(add, "--manifests", "manifest.parquet of each corpus")


def _features(add: Add) -> None:
    _files(add, "--features", "results/features/{corpus}-{edition} of each corpus")


def _computing(add: Add, content: str) -> None:
    add("--computing", type=json_file, default={}, help=f"JSON file: {content}, how it is computed")


def _files(add: Add, name: str, what: str) -> None:
    add(name, type=Path, nargs="+", required=True, help=what)


def _out(add: Add) -> None:
    add("--out", type=Path, required=True)
