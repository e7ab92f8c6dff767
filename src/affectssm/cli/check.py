"""The subcommand ``check``: its options, and what it does with them."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any

from affectssm.cli.options import Command


def add_check_command(command: Command) -> None:
    """Add it to the parser.

    Args:
        command: adds a subcommand, given its name, its handler and a line about it.
    """
    add = command(
        "check",
        check,
        "say what a configuration's tables will have, lack and take, before anything runs; ends with a light and "
        "status 0 (green: everything can be filled; amber: it runs, with gaps or limits) or 1 (red: it would stop, or "
        "a table would be empty). Corpora are discovered for it; nothing is written outside results/",
    )
    add("asked", nargs="*", metavar="FILE|TABLE", help="YAML files of a configuration, and names of tables")
    add("--cores", type=int, help="that compute at a time; those of this machine where not given")
    add(
        "--gpus",
        type=int,
        choices=(0, 1),
        help="that compute at a time; those of this machine where not given",
    )
    add(
        "--hours", type=float, help="the longest a job may take; cluster.hours where it is set, else no limit"
    )
    add("--memory-gb", type=float, help="that there is; that of this machine where not given")
    add("--strict", action="store_true", help="status 1 for amber, too")


def check(given: Namespace) -> None:
    """Print the page of a check, and end with its status.

    Raises:
        ConfigError: for what is wrong with the configuration, or a table that there is not.
        SystemExit: with status 1 where it is red, or amber with ``--strict``.
    """
    from affectssm.plan import asked
    from affectssm.plan.check import Machine, this_machine
    from affectssm.plan.check import check as look
    from affectssm.plan.check_light import Light, light, reasons
    from affectssm.plan.check_page import page
    from affectssm.plan.machine import local_gpus

    files, tables = asked.parted(given.asked)
    gpus = local_gpus() if given.gpus is None else given.gpus
    over: dict[str, Any] = {"gpus": gpus}
    over |= {
        name: getattr(given, name) for name in ("hours", "memory_gb") if getattr(given, name) is not None
    }
    plan = asked.plan_of(asked.as_snakemake(files), {"cluster": over})
    here = this_machine(gpus)
    machine = Machine(given.cores or here.cores, gpus, given.memory_gb or here.memory_gb)
    allowed = plan.config.cluster.hours
    hours = None if allowed == type(plan.config.cluster).model_fields["hours"].default else allowed
    found = look(plan, tables, machine, hours)
    why = reasons(found)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(page(found, why, colour), end="")
    if light(why) > (Light.GREEN if given.strict else Light.AMBER):
        sys.stdout.flush()
        raise SystemExit(1)
