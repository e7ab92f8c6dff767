"""The subcommands that look: at a configuration, what tables take, a machine, a run; and the one that ends jobs."""

from __future__ import annotations

from pathlib import Path

from affectssm import commands
from affectssm.cli.options import Command


def add_looking_commands(command: Command) -> None:
    """Add the subcommands."""
    _add_estimate(command)
    _add_run_commands(command)
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


def _add_estimate(command: Command) -> None:
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


def _add_run_commands(command: Command) -> None:
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
