"""The subcommand ``features``: media files to a table of features, without a corpus."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from affectssm.cli.options import Command

SHOWN = 12  # faults that are printed


def add_features_command(command: Command) -> None:
    """Add it to the parser."""
    add = command("features", features, "extract features of media files into one table, without a corpus")
    add("words", nargs="+", metavar="FILE|FEATURE", help="media files, and names of features")
    add("--out", type=Path, required=True, help=".parquet, .csv or .h5")
    add(
        "--hz",
        type=float,
        help="all features on one clock of so many frames a second; else each at its own rate",
    )
    add("--people", choices=("one", "largest", "all"), default="one", help="who of those in a video")
    add(
        "--audio",
        type=Path,
        nargs="+",
        default=[],
        help="sound files in place of the videos' own, in their order",
    )
    add(
        "--transcript",
        type=Path,
        nargs="+",
        default=[],
        help="text files of what is said, in the media's order",
    )
    add("--language", choices=("english", "chinese"), default="english", help="of the transcripts")
    add("--channels", metavar="CORPUS", help="whose channels a BDF or EDF file has")
    add(
        "--config", type=Path, nargs="+", default=[], help="YAML files; the paper's scale where none is given"
    )
    add(
        "--weights",
        choices=("pretrained", "random"),
        help="in place of the configuration's; random is for trials",
    )
    add("--work", type=Path, help="folder to keep what is computed; else it is removed at the end")


def features(given: Namespace) -> None:
    """Do it, and say what was written."""
    from affectssm.serving.features import Asked, features_section, write_features
    from affectssm.serving.given import GIVEN
    from affectssm.serving.words import told_apart

    media, names = told_apart(given.words)
    section = features_section(given.config, given.weights)
    asked = Asked(
        media,
        names,
        given.people,
        given.audio,
        given.transcript,
        given.language,
        given.channels or GIVEN,
        given.hz,
    )
    done = write_features(asked, section, given.out, given.work)
    columns = ", ".join(f"{name} ({dim} columns)" for name, dim in done.dims.items())
    print(f"{given.out}: {done.rows:,} rows of {columns}")
    if section.weights == "random":
        print("weights: random, so the values of encoders say nothing of what is seen or heard")
    for name in done.absent:
        print(f"{name}: absent, the media have nothing that it is made of")
    for fault in done.faults[:SHOWN]:
        who = "/".join(filter(None, (fault.recording, fault.participant, fault.stream)))
        print(f"{who}: {fault.code}, {fault.found}; expected {fault.expected} ({fault.action})")
    more = len(done.faults) - SHOWN
    beside = given.out.with_suffix(".faults.csv")
    print(f"faults: {len(done.faults)}, in {beside}" + (f"; {more} more than shown" if more > 0 else ""))
