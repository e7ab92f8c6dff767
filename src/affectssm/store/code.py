"""A hash of the code that makes a file, so that editing a module reruns exactly what it makes.

The hash covers the syntax trees (comments, blank lines and docstrings do not count) of the named modules and of every
affectssm module they import, directly or not. Left out are the store, the configuration, the command line and the
registries: their effect is covered by the format version and by the settings a stage is given.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

FORMAT = 1  # of what is remembered
SETTLED_NS = 2_000_000_000  # a file may change once more within a tick of its time stamp
PACKAGE = "affectssm"
ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = (
    "store", "families", "plan", "config", "presets", "physio_settings", "trial_settings", "settings_base",
    "settings_io", "cli", "errors",
    "torchvision_ops",
)  # fmt: skip


def code_hash(*modules: str) -> str:
    """Return 16 hex digits for the code reachable from ``modules`` (dotted names within affectssm).

    Raises:
        ModuleNotFoundError: if a named module has no file.
    """
    digest = hashlib.sha256()
    for name in sorted(reachable(*modules)):
        digest.update(f"{name}:{_tree_hash(name)}\n".encode())
    _remember()
    return digest.hexdigest()[:16]


def reachable(*modules: str) -> set[str]:
    """Return the names of ``modules`` and of all affectssm modules they import, without those left out."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        if _file(name) is None:
            raise ModuleNotFoundError(f"no file for the module {name}")
        seen.add(name)
        waiting.extend(found for found in _imports(name) if found not in seen and not _left_out(found))
    return seen


def _left_out(name: str) -> bool:
    parts = name.split(".")
    return len(parts) < 2 or parts[1] in LEFT_OUT or parts[-1] == "registry"


@cache
def _file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    base = ROOT.joinpath(*parts[1:])
    for candidate in (
        base.with_suffix(".py") if len(parts) > 1 else base / "__init__.py",
        base / "__init__.py",
    ):
        if candidate.is_file():
            return candidate
    return None


@cache
def _imports(name: str) -> frozenset[str]:
    return frozenset(found for found in _read(name)[1] if _file(found) is not None)


def _tree_hash(name: str) -> str:
    return _read(name)[0]


@cache
def _read(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's syntax tree and the names it imports, from memory where the file is unchanged."""
    file = _file(name)
    assert file is not None, name
    stat = file.stat()
    state = [stat.st_mtime_ns, stat.st_size]
    known = _known().get(name)
    if known and known[:2] == state:
        return known[2], tuple(known[3])
    tree = ast.parse(file.read_bytes())
    named = tuple(sorted({found for found in _named(tree) if found.split(".")[0] == PACKAGE}))
    found = _without_docstrings(tree)
    if time.time_ns() - stat.st_mtime_ns > SETTLED_NS:
        _known()[name] = [*state, found, named]
        _new.append(name)
    return found, named


def _without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and _docstring(node):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return bool(node.body) and ast.get_docstring(node, clean=False) is not None


def _named(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            # ``from affectssm.models import da_mamba`` names a module, not an attribute
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# What was read before, beside Python's own compiled files and by the same rule: a file whose time and size are the
# same is the same. To parse the whole package takes a second, which every job and every look at the plan would pay.

_new: list[str] = []


def _memory() -> Path:
    return ROOT / "__pycache__" / f"code-{FORMAT}.{sys.implementation.cache_tag}.json"


@cache
def _known() -> dict[str, Any]:
    try:
        return dict(json.loads(_memory().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _remember() -> None:
    """Write what is new, where that is allowed."""
    if not _new:
        return
    _new.clear()
    memory = _memory()
    staged = memory.with_name(f"{memory.name}.{os.getpid()}")
    with suppress(OSError):
        memory.parent.mkdir(exist_ok=True)
        staged.write_text(json.dumps(_known()), encoding="utf-8")
        staged.replace(memory)
