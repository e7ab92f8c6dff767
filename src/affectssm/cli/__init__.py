"""The command line: one subcommand a stage of the workflow, each with file paths only.

Every rule of the workflow is one line that calls one of these, so a line pasted from a log runs by itself. What a
subcommand does is said in commands.py.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import logging
import os
import select
import sys
from collections.abc import Sequence

from affectssm import __doc__ as summary_of_the_package
from affectssm.cli.check import add_check_command
from affectssm.cli.features import add_features_command
from affectssm.cli.jobs import add_job_commands
from affectssm.cli.looking import add_looking_commands
from affectssm.cli.options import Add, Handler, json_file, json_object
from affectssm.cli.serving import add_serving_commands
from affectssm.cli.weights import add_weights_commands
from affectssm.errors import AffectError, ConfigError
from affectssm.step_commands import add_step_commands

# More than Python's 700: to import the large libraries makes some hundred thousand objects that all stay.
OBJECTS_BETWEEN_COLLECTIONS = 10_000

BROKEN_PIPE = 128 + 13  # as a shell reports who died of SIGPIPE

EPILOG = (
    "Those from `demo` on are jobs of the workflow, whose lines its log has. `affectssm predict MODEL.zip VIDEO` "
    "answers for new media with a packed model: see affectssm predict --help."
)


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
            arguments = _parsed(words)
            _know(getattr(arguments, "families", ()))
            arguments.handler(arguments)
        except ModuleNotFoundError as error:
            raise _not_installed(error) from error
    except AffectError as error:
        print(f"affectssm {words[0]}: {error}", file=sys.stderr)
        return 1
    return 0


def _parsed(words: list[str]) -> argparse.Namespace:
    """Return the arguments; names of files and tables may stand behind options, where argparse looks for none."""
    parser = _parser(words)
    arguments, behind = parser.parse_known_args(words)
    if not behind:
        return arguments
    if not hasattr(arguments, "asked") or any(word.startswith("-") for word in behind):
        own = getattr(arguments, "parser", parser)  # whose usage helps, that of the subcommand
        own.error(f"unrecognized arguments: {' '.join(behind)}")
    arguments.asked = [*arguments.asked, *behind]
    return arguments


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
    parser = argparse.ArgumentParser(prog="affectssm", description=summary_of_the_package, epilog=EPILOG)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, handler: Handler, summary: str) -> Add:
        sub = subparsers.add_parser(name, help=summary, description=summary)
        sub.set_defaults(handler=handler, parser=sub)
        return sub.add_argument

    # what people call, then what rules call
    add_check_command(command)
    add_looking_commands(command)
    add_weights_commands(command)
    add_serving_commands(command, argv)
    add_features_command(command)
    add_job_commands(command)
    if not argv or argv[0] not in subparsers.choices:
        add_step_commands(subparsers, argv, json_object, json_file)
    return parser
