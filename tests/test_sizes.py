"""Functions stay small enough to read in one go: how long each is, and how much it is told."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import affectssm

PACKAGE = Path(affectssm.__file__).parent
LONGEST, MOST = 60, 8
KERNELS = PACKAGE / "ssm"  # scans are told of every tensor and its strides
OPTIONS = PACKAGE / "interface"  # what people say by name, as they would on a command line


def functions(below: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sorted(below.rglob("*.py")):
        if KERNELS in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(below)}:{node.lineno} {node.name}", node


def told(node: ast.FunctionDef | ast.AsyncFunctionDef, by_name: bool = True) -> int:
    """How many arguments a function has, without self, cls and an autograd function's context."""
    own = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    return len(own) - (own[:1] in (["self"], ["cls"], ["ctx"])) + len(node.args.kwonlyargs) * by_name


def test_no_function_is_longer_than_a_page():
    found = {name: node.end_lineno - node.lineno + 1 for name, node in functions(PACKAGE) if node.end_lineno}
    assert len(found) > 2000
    assert {name: lines for name, lines in found.items() if lines > LONGEST} == {}


def test_no_function_is_told_more_than_can_be_kept_in_mind():
    options = str(OPTIONS.relative_to(PACKAGE))
    found = {name: told(node, not name.startswith(options)) for name, node in functions(PACKAGE)}
    assert {name: count for name, count in found.items() if count > MOST} == {}
