"""What subcommands are made of, and how their words become values."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Handler = Callable[[argparse.Namespace], None]
Add = Callable[..., Any]
"""``add_argument`` of a subcommand."""
Command = Callable[[str, Handler, str], Add]
"""Adds a subcommand of a name, with what it does and its summary."""


def folder(text: str) -> Path:
    """Return the folder that a word names."""
    if not text.strip():  # Path("") is the folder one happens to be in
        raise argparse.ArgumentTypeError("the name of a folder is wanted, not an empty text")
    return Path(text)


def json_object(text: str) -> dict[str, Any]:
    """Return a JSON object."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"a JSON object is wanted, not {text}")
    return found


def json_file(path: str) -> dict[str, Any]:
    """Return the JSON object of a file."""
    try:
        return json_object(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from error
