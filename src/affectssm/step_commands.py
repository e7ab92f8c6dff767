"""The subcommands that run the jobs of families, ``affectssm STEP FAMILY``, as families describe their steps."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError
from affectssm.families import OWN
from affectssm.families.step import Step
from affectssm.vocabulary.targets import load

_LOG = logging.getLogger(__name__)
Json = Callable[[str], dict[str, Any]]


def add_step_commands(subparsers: Any, named: Sequence[str], as_json: Json, as_json_file: Json) -> None:
    """Add a subcommand for every step of the families of this package, and of those that are named.

    Args:
        subparsers: of the parser of ``affectssm``.
        named: words of the command line; a second one that is no option may name a family from outside.
        as_json, as_json_file: read an option that is JSON, or a file of JSON.
    """
    commands: dict[str, Any] = {}
    for word in [*OWN, *_from_outside(named)]:
        try:
            steps = _steps_of(word)
        except ConfigError:
            if named[0] in commands or _is_there(word):
                raise
            continue  # neither a command nor a family: the first is said
        for name, own in _by_command(steps).items():
            if name not in commands:
                text = own[0].summary
                parser = subparsers.add_parser(name, help=text, description=text)
                commands[name] = parser.add_subparsers(dest="family", required=True, metavar="FAMILY")
            _add(commands[name], word, own, as_json, as_json_file)


def _from_outside(named: Sequence[str]) -> list[str]:
    return [word for word in named[1:2] if word not in OWN and not word.startswith("-")]


def _is_there(word: str) -> bool:
    """Whether there is a package or module that the word names."""
    try:
        return find_spec(word.partition(".")[0]) is not None
    except ValueError:  # no name at all
        return False


def _steps_of(word: str) -> Sequence[Step]:
    """The steps of a family; of one of this package without what only the plan needs."""
    if word in OWN:
        return load(f"{OWN[word].rpartition('.')[0]}.steps:STEPS")
    from affectssm.families.registry import find

    return find(word).steps


def _by_command(steps: Sequence[Step]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.subcommand, []).append(step)
    return found


def _add(commands: Any, word: str, steps: Sequence[Step], as_json: Json, as_json_file: Json) -> None:
    step = steps[0]
    parser = commands.add_parser(word, help=step.summary, description=step.summary)
    parser.set_defaults(handler=partial(_run, step))
    for name, read in step.options.items():
        several = "*" if read.optional else "+"
        parser.add_argument(
            f"--{name}", type=Path, required=True, help=read.help, nargs=None if read.one else several
        )
    for name in step.words:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--settings", type=as_json, required=True, help="what it is told, as JSON")
    if step.computing:
        parser.add_argument(
            "--computing", type=as_json_file, default={}, help="JSON file that says how it is computed"
        )
    for name in ["out"] if step.out else step.writes:
        parser.add_argument(f"--{name}", type=Path, required=True)


def _run(step: Step, given: argparse.Namespace) -> None:
    """Run a step with what the command line gives.

    Raises:
        ConfigError: for settings that are not those of the step.
    """
    from affectssm.settings.load import validate

    beside = {
        name: value for name, value in vars(given).items() if name not in ("command", "family", "handler")
    }
    beside["settings"] = validate(load(step.model), given.settings, "--settings")
    if step.network:
        _run_network(step, f"{step.subcommand} {given.family}", beside)
    else:
        load(step.run)(**beside)


def _run_network(step: Step, what: str, given: dict[str, Any]) -> None:
    """Run a step that computes with a network: its log says on what, its error what to set where memory is lacking.

    Raises:
        ConfigError: when it was given a GPU that it cannot use, or that has too little memory.
    """
    from affectssm import device
    from affectssm.gpu_memory import halving, out_of_memory
    from affectssm.settings.features import completed
    from affectssm.ssm.backends import recorded

    settings, computing = given["settings"], given.get("computing", {})
    scans = getattr(getattr(settings, "training", None), "scan_backend", None)
    device.begin(what, getattr(settings, "device", "auto"), _threads(settings), scans)

    def run(**changed: Any) -> None:
        load(step.run)(**given | changed)

    with recorded() as ran:
        if step.halves:
            own = computing.get(step.halves, {})
            batch = completed(step.halves, settings.encoder | own)["batch"]
            halving(
                what,
                f"features.{step.halves}.batch",
                batch,
                lambda batch: run(computing=computing | {step.halves: own | {"batch": batch}}),
            )
        else:
            with out_of_memory(what, step.lighter):
                run()
    if ran:
        _LOG.info("the scans of %s ran on %s", what, " and ".join(sorted(ran)))


def _threads(settings: Any) -> int | None:
    """CPU threads that a job's settings name, where they do."""
    for part in (settings, getattr(settings, "training", None)):
        if (threads := getattr(part, "threads", None)) is not None:
            return int(threads)
    return getattr(settings, "encoder", {}).get("threads")
