"""The subcommands that use what was trained: ``models``, ``pack`` and ``predict`` of a packed model."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from affectssm.cli.options import Add, Command
from affectssm.families import OWN


def add_serving_commands(command: Command, words: Sequence[str]) -> None:
    """Add the subcommands; ``predict`` only where the words are not those of the job of a family."""
    add = command("models", models, "list finished runs with what they were trained on and their scores")
    add(
        "words",
        nargs="*",
        metavar="WORD",
        help="list the runs that have all of these words in what is told of them",
    )
    _results(add)
    add("--json", action="store_true", help="a JSON object a run, a line each")

    add = command("pack", pack, "write a finished run as one file, model.zip, that answers for new media")
    add("run", metavar="RUN", help="folder of a run, or the name of its experiment")
    add("out", type=Path, metavar="FILE", help="the file to write (model.zip)")
    _results(add)
    add("--seed", type=int, help="of the run, where an experiment has several")
    add("--part", help="of the run (main, fold0), where an experiment has several")
    add("--set", default="", metavar="NAME", help="which set of weights, of a run that holds several")
    add("--config", type=Path, nargs="*", default=[], metavar="FILE", help="the configuration the run was trained "
        "with, where the tracks its features rest on are gone")  # fmt: skip
    add("--force", action="store_true", help="replace a file that is there")

    if is_serving(words):
        _add_predict(command)


def is_serving(words: Sequence[str]) -> bool:
    """Whether a command line is a packed model's ``predict`` and not that of a family's job."""
    return list(words[:1]) == ["predict"] and (
        len(words) == 1 or words[1].startswith("-") or words[1].endswith(".zip") or "/" in words[1]
        or Path(words[1]).exists()
    ) and not set(words[1:2]) & set(OWN)  # fmt: skip


def _add_predict(command: Command) -> None:
    add = command("predict", predict, "answer for a video with a packed model: a time series, with its gaps")
    add("model", type=Path, metavar="MODEL", help="a file that `affectssm pack` wrote (model.zip)")
    add("media", type=Path, nargs="+", metavar="FILE", help="a video, and those of the others in the conversation; "
        "where a model looks at nobody else, each is a recording of its own")  # fmt: skip
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="the CSV to write; faults and provenance lie beside it",
    )
    add("--plot", action="store_true", help="draw it, as PNG beside it")
    add("--people", choices=("one", "largest", "all"), default="one", help="who of those in a video: the person a face "
        "track follows, the one whose face is largest, or everybody")  # fmt: skip
    add("--audio", type=Path, nargs="+", default=[], metavar="FILE", help="sound in place of the videos' own, in the "
        "order of the videos")  # fmt: skip
    add("--transcript", type=Path, nargs="+", default=[], metavar="FILE", help="text files of what is said")
    add("--language", choices=("english", "chinese"), default="", help="of the transcripts; without it that of the "
        "corpus that the model learnt from, else english")  # fmt: skip
    add(
        "--adapt",
        default="",
        metavar="METHOD",
        help="adapt to the recording while answering, where the model can",
    )
    add(
        "--work",
        type=Path,
        metavar="FOLDER",
        help="keep what is computed here, and go on with it after a kill",
    )
    add(
        "--weights-dir", type=Path, default=Path("weights"), help="folder with pretrained weights of encoders"
    )
    add(
        "--accept-other-crops",
        action="store_true",
        help="let the tracked face stand in for a corpus's own crops",
    )


def _results(add: Add) -> None:
    add("--results", type=Path, default=Path("results"), help="the folder that everything is computed into")


def models(given: Namespace) -> None:
    from affectssm.errors import ConfigError
    from affectssm.serving.models import lines, listed
    from affectssm.serving.run_facts import as_json

    if not given.results.is_dir():
        raise ConfigError(
            f"--results {given.results}", "no such folder", "the folder that everything is computed into",
            "call it where you call snakemake, or name the folder",
        )  # fmt: skip
    found = listed(given.results, given.words)
    for line in (as_json(one.told()) for one in found) if given.json else lines(found):
        print(line)


def pack(given: Namespace) -> None:
    from affectssm.serving.pack import pack as write
    from affectssm.serving.which import find_run

    run = find_run(given.run, given.results, given.part, given.seed)
    print(write(run, given.out, weights_set=given.set, files=given.config, force=given.force))


def predict(given: Namespace) -> None:
    from affectssm.serving.predict import Options
    from affectssm.serving.written import predict_files

    options = Options(
        given.people,
        tuple(given.audio),
        tuple(given.transcript),
        given.language,
        given.adapt,
        given.weights_dir,
        given.accept_other_crops,
    )
    predict_files(given.model, given.media, given.out, options, plot=given.plot, work=given.work)
