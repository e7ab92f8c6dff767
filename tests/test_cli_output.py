"""What the command line prints where nobody reads to the end, and where somebody does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from affectssm import cli, commands
from affectssm.families.configuration import default, load_config


def closed_pipe(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with an output that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        return subprocess.run(
            [sys.executable, "-m", "affectssm.cli", *arguments], stdout=write, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    finally:
        os.close(write)


@pytest.mark.parametrize("arguments", [("config",), ("--help",), ("extract", "--help")], ids=" ".join)
def test_a_reader_that_has_gone_is_no_error_of_ours(arguments):
    run = closed_pipe(*arguments)
    assert run.stderr == "" and run.returncode in (0, cli.BROKEN_PIPE)


def test_a_pipe_that_breaks_inside_a_stage_is_not_hushed_up(monkeypatch):
    def broken(given):
        raise BrokenPipeError("a worker died")

    monkeypatch.setattr(commands, "config", broken)
    with Path(os.devnull).open("w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(BrokenPipeError, match="a worker died"):
            cli.main(["config"])


def test_config_prints_the_whole_configuration_as_yaml_that_reads_back(tmp_path, capsys):
    path = tmp_path / "lab.yaml"
    path.write_text("scale: tiny\ndialogue: {seeds: [4, 5]}\n")
    assert cli.main(["config", str(path)]) == 0
    text = capsys.readouterr().out
    assert load_config(yaml.safe_load(text)) == load_config(path)
    assert list(yaml.safe_load(text)) == list(default().model_fields)
    assert "\n  seeds: [4, 5]\n" in text and max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("library", ["yaml", "snakemake.utils"])
def test_a_library_that_is_not_installed_is_named_with_its_remedy(monkeypatch, capsys, library):
    def unread(given):
        raise ModuleNotFoundError(f"No module named '{library}'", name=library)

    monkeypatch.setattr(commands, "config", unread)
    assert cli.main(["config"]) == 1
    said = capsys.readouterr().err
    assert f"no library {library.partition('.')[0]}" in said and "affectssm[workflow]" in said


def test_a_module_of_our_own_that_is_not_there_is_not_hushed_up(monkeypatch):
    def broken(given):
        raise ModuleNotFoundError("No module named 'affectssm.nowhere'", name="affectssm.nowhere")

    monkeypatch.setattr(commands, "config", broken)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["config"])


def test_names_may_stand_behind_options(capsys):
    assert cli.main(["estimate", "--cores", "4", "noxi_ccc"]) == 0
    before = capsys.readouterr().out
    assert cli.main(["estimate", "noxi_ccc", "--cores", "4"]) == 0
    assert capsys.readouterr().out == before
    with pytest.raises(SystemExit):
        cli.main(["device", "somewhere"])
    assert "unrecognized arguments: somewhere" in capsys.readouterr().err


def test_a_word_that_no_command_knows_is_answered_by_the_usage_of_its_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["pack", "run", "model.zip", "--out", "there"])
    said = capsys.readouterr().err
    assert said.startswith("usage: affectssm pack ") and "unrecognized arguments: --out there" in said
