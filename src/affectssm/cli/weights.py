"""``affectssm weights``: what pretrained weights a configuration wants, fetched and verified."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from affectssm.cli.options import Command
from affectssm.errors import DataError

ACTIONS = ("list", "fetch", "verify")


def add_weights_commands(command: Command) -> None:
    """Add the subcommand to the command line."""
    add = command("weights", weights, "list, fetch or verify the pretrained weights that tables need")
    add("action", choices=ACTIONS, help="fetch wants a network; verify compares what is there with the locks")
    add("asked", nargs="*", metavar="FILE|TABLE", help="YAML files of a configuration, and names of tables")
    add("--scale", choices=("paper", "demo", "tiny"), help="in place of the configuration's")
    add(
        "--weights-dir", type=Path, help="in place of features.weights_dir, as on a machine that only fetches"
    )
    add("--remote", action="store_true", help="list: ask the hub for sizes")


def weights(given: Namespace) -> None:
    """Do what is asked.

    Raises:
        ConfigError: for what is wrong with the configuration, or weights that a hub does not have.
        DataError: for weights that are not what they should be, or do not arrive.
    """
    from affectssm.plan import asked
    from affectssm.plan.weights import wanted_of
    from affectssm.weights.choice import one_each

    files = [Path(word) for word in given.asked if word.endswith((".yaml", ".yml"))]
    over: dict[str, Any] = {"scale": given.scale} if given.scale else {}
    plan = asked.plan_of(files, over)
    tables = [word.removesuffix(".csv").rpartition("/")[2] for word in given.asked if Path(word) not in files]
    found = wanted_of(plan, tables)
    folder = given.weights_dir or Path(plan.config.features.weights_dir)
    if not found:
        random = plan.config.features.weights == "random"
        print(
            "random weights (features.weights), as of a demo: nothing is wanted; --scale paper asks for the paper's"
            if random
            else "no table that is asked for wants pretrained weights"
        )
        return
    models = one_each(found)
    if given.action == "verify":
        _verify(folder, models)
    elif given.action == "fetch":
        _fetch(folder, models)
    else:
        _list(folder, models, found, given.remote)


def _list(folder: Path, models: list[Any], found: dict[Any, list[str]], remote: bool) -> None:
    from affectssm.weights.words import listed

    who = {
        one: [name for wanted, names in found.items() if wanted.model == one.model for name in names]
        for one in models
    }
    asked = {}
    if remote:
        import logging

        from affectssm.weights.hub import Hub

        logging.getLogger("httpx2").setLevel(logging.WARNING)
        asked = {one.model: Hub().listing(one.repository, one.revision) for one in models}
    for line in listed(folder, who, _endpoint(), asked):
        print(line)


def _endpoint() -> str:
    """Where the hub is, without loading its library."""
    import os

    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _fetch(folder: Path, models: list[Any]) -> None:
    import logging

    from affectssm.weights.fetch import fetch
    from affectssm.weights.hub import Hub

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request
    try:
        fetch(folder, models, Hub(), print)
    except KeyboardInterrupt:
        raise DataError(
            folder,
            "fetching was stopped",
            "all files",
            "run the same command again: it goes on where it stopped",
        ) from None
    print(
        f"all there; copy {folder} whole, with its .lock.json files, and run affectssm weights verify over there"
    )


def _verify(folder: Path, models: list[Any]) -> None:
    from affectssm.weights.words import verified

    lines = list(verified(folder, models))
    for line, _ in lines:
        print(line)
    bad = sum(not good for _, good in lines)
    if bad:
        raise DataError(
            folder, f"{bad} of {len(lines)} files are not verified", "every file there, with the sha256 of its lock",
            "affectssm weights fetch on a machine with network, then copy the folder with its .lock.json files; where "
            "there is no lock, the first load writes it",
        )  # fmt: skip
