"""A hash of the code that makes a file, so that editing a module reruns exactly what it makes.

The hash covers the syntax trees (comments, blank lines and docstrings do not count) of the named modules and of every
affectssm module they import, directly or not, that lies in a stage's room (:data:`ROOMS`) or in the folder ``stages``
of a family. What lies elsewhere is left out; its effect is covered otherwise, and of what is loaded by name
(``module:Name``) the name counts too:

* ``vocabulary`` says what there is and ``settings`` how it is set; ``families`` and ``plan`` say what is asked. What a
  stage needs of them it is told as its settings, which are compared themselves. So a line that declares something new
  makes nothing run again, and a value that decides what a file holds must not lie there;
* ``store`` decides how files are kept: its format version stands for it, and is part of every hash;
* of a family from outside (another package) all that is imported counts but modules called ``family`` and ``settings``;
* the command line, errors and other modules beside the rooms hand on what they are given.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

STORED = 2  # the version of how files are kept; a higher one makes everything again
FORMAT = 1  # of what is remembered
SETTLED_NS = 2_000_000_000  # a file may change once more within a tick of its time stamp
PACKAGE = "affectssm"
ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "corpora", "media", "features", "timeline", "ssm", "models", "training", "adaptation", "evaluation", "tables",
)  # fmt: skip

STAGES = "stages"  # the folder of a family with code that makes files
DESCRIPTIONS = ["family"], ["settings"]  # modules of a package from outside that make none


def code_hash(*modules: str, root: Path = ROOT) -> str:
    """Return 16 hex digits for the code reachable from ``modules``.

    Args:
        modules: dotted names within affectssm or a package from outside, or ``module:Name`` of what is loaded by name.
        root: the package's folder.

    Raises:
        ModuleNotFoundError: if a named module has no file.
    """
    return _source(root).hash(modules)


def reachable(*modules: str, root: Path = ROOT) -> set[str]:
    """Return the names of ``modules`` and of all modules of the rooms that they import, directly or not."""
    return _source(root).reachable(modules)


@cache
def _source(root: Path) -> Source:
    return Source(root)


class Source:
    """The package's source below a folder; what was read of a file counts for as long as the object lives.

    What was read before is remembered beside Python's own compiled files and by the same rule: a file whose time and
    size are the same is the same. To parse the whole package takes a second, which every job and every look at the
    plan would pay.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._memory = root / "__pycache__" / f"code-{FORMAT}.{sys.implementation.cache_tag}.json"
        self._known = _remembered(self._memory)
        self._files: dict[str, Path | None] = {}
        self._trees: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._hashes: dict[frozenset[str], str] = {}
        self._new = False

    def hash(self, modules: Iterable[str]) -> str:
        """Return 16 hex digits for the code reachable from some modules, and for the names that are loaded of them."""
        asked = frozenset(modules)
        if asked not in self._hashes:
            self._hashes[asked] = self._hash(asked)
        return self._hashes[asked]

    def _hash(self, modules: frozenset[str]) -> str:
        digest = hashlib.sha256(f"{STORED}\n".encode())
        for name in sorted(self.reachable(modules)):
            digest.update(f"{name}:{self._read(name)[0]}\n".encode())
        for target in sorted(one for one in modules if ":" in one):
            digest.update(f"{target}\n".encode())
        self._remember()
        return digest.hexdigest()[:16]

    def reachable(self, modules: Iterable[str]) -> set[str]:
        """Return the names of some modules and of all that they import within the rooms."""
        seen: set[str] = set()
        waiting = [module.partition(":")[0] for module in modules]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            if self._file(name) is None:
                raise ModuleNotFoundError(f"no file for the module {name}")
            seen.add(name)
            waiting.extend(
                other for other in self._read(name)[1] if _counts(other) and self._file(other) is not None
            )
        return seen

    def _file(self, name: str) -> Path | None:
        if name not in self._files:
            self._files[name] = self._found(name)
        return self._files[name]

    def _found(self, name: str) -> Path | None:
        package, *parts = name.split(".")
        root = self._root if package == PACKAGE else _outside(package)
        if root is None or not parts:
            return None
        base = root.joinpath(*parts)
        candidates = base.with_suffix(".py"), base / "__init__.py"
        return next((path for path in candidates if path.is_file()), None)

    def _read(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Return the hash of a module's syntax tree and the names it imports."""
        if name not in self._trees:
            self._trees[name] = self._read_file(name)
        return self._trees[name]

    def _read_file(self, name: str) -> tuple[str, tuple[str, ...]]:
        file = self._file(name)
        assert file is not None, name
        stat = file.stat()
        state = [stat.st_mtime_ns, stat.st_size]
        known = self._known.get(name)
        if known and known[:2] == state:
            return known[2], tuple(known[3])
        tree = ast.parse(file.read_bytes())
        packages = {PACKAGE, name.split(".")[0]}
        named = tuple(sorted({found for found in _named(tree) if found.split(".")[0] in packages}))
        found = _without_docstrings(tree)
        if name.startswith(f"{PACKAGE}.") and time.time_ns() - stat.st_mtime_ns > SETTLED_NS:
            self._known[name] = [*state, found, named]
            self._new = True
        return found, named

    def _remember(self) -> None:
        """Write what is new, where that is allowed."""
        if not self._new:
            return
        self._new = False
        staged = self._memory.with_name(f"{self._memory.name}.{os.getpid()}")
        with suppress(OSError):
            self._memory.parent.mkdir(exist_ok=True)
            staged.write_text(json.dumps(self._known), encoding="utf-8")
            staged.replace(self._memory)


def _remembered(memory: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(memory.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _counts(name: str) -> bool:
    """Whether a module that is imported belongs to a stage's code: it lies in a room, or in a package from outside."""
    package, *parts = name.split(".")
    if package != PACKAGE:
        return parts[-1:] not in DESCRIPTIONS
    return bool(parts) and (parts[0] in ROOMS or (parts[0] == "families" and STAGES in parts))


@cache
def _outside(package: str) -> Path | None:
    """The folder of a package that is merely installed or on the path."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) if places else None


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
