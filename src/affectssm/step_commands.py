"""The subcommands that run the jobs of families, ``affectssm STEP FAMILY``, as families describe their steps."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError
from affectssm.families import OWN
from affectssm.families.step import Step
from affectssm.vocabulary.targets import load

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
    load(step.run)(**beside | {"settings": validate(load(step.model), given.settings, "--settings")})
