"""Whether what a module from outside holds is a whole description of a family, before a job runs.

What a description names as ``module:Name`` is looked for in the text of the module, which may be slow to import.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from affectssm.errors import ConfigError
from affectssm.families.base import Family
from affectssm.families.step import Step
from affectssm.settings.base import Strict
from affectssm.settings.config import Config


def check(word: str, found: object, attribute: str) -> None:
    """Refuse what is no whole description of a family.

    Args:
        word: how the configuration names it.
        found: what is to be a family.
        attribute: what the module holds it under.

    Raises:
        ConfigError: saying what is missing.
    """
    if not (isinstance(found, type) and issubclass(found, Family)):
        raise ConfigError(
            f"family {word}",
            f"{attribute} = {found!r}",
            "a subclass of affectssm.families.base.Family",
            "see docs/add_a_family.md",
        )
    wanted = ("name", "corpora", "tables", "sections", "steps", "foresees")
    lacking = [name for name in wanted if not hasattr(found, name)] + sorted(found.__abstractmethods__)
    if lacking:
        raise ConfigError(
            f"family {word}", f"a description without {', '.join(lacking)}", "all of them", "see docs/add_a_family.md"
        )  # fmt: skip
    if found.name in Config.model_fields:
        raise ConfigError(
            f"family {word}", f"it is called {found.name}, as a section that all share", "another name",
            "rename it",
        )  # fmt: skip
    names = [step.name for step in found.steps]
    if odd := [one for one in (found.name, *names) if not one.isidentifier() or names.count(one) > 1]:
        raise ConfigError(
            f"family {word}",
            f"the name {odd[0]!r}",
            "letters, digits and _, and each step's once",
            "rename it",
        )
    section: object = found.settings
    if section is not None and not (isinstance(section, type) and issubclass(section, Strict)):
        raise ConfigError(
            f"family {word}", f"settings = {section!r}", "a subclass of affectssm.settings.base.Strict",
            "see docs/add_a_family.md",
        )  # fmt: skip
    _check_steps(word, found)
    for what, target in _targets(found):
        if why := trouble_with(target):
            raise ConfigError(
                f"family {word}, {what}", why, "module:Name of what is there", f"mend {target}, or write it"
            )
    for step in found.steps:
        _check_call(word, step)


def _check_steps(word: str, found: type[Family]) -> None:
    for step in found.steps:
        questions = [step.settings, step.code, step.content, *(one.files for one in step.reads.values())]
        questions += [text for text in step.writes.values() if "/" not in text]
        numbers = [step.threads, *(one for need in step.needs.values() for one in (need.mem_mb, need.cpu_s))]
        questions += [given for given in numbers if isinstance(given, str)]
        unknown = [name for name in questions if name and not inspect.isroutine(getattr(found, name, None))]
        if unknown:
            raise ConfigError(
                f"family {word}, step {step.name}",
                f"it asks for {', '.join(unknown)}, which the family does not have",
                "methods of the family",
                "add them, or mend the step",
            )


def _targets(found: type[Family]) -> Iterator[tuple[str, str]]:
    """What a description names, in words -> ``module:Name``."""
    for step in found.steps:
        yield f"run of step {step.name}", step.run
        yield f"model of step {step.name}", step.model
    yield "foresees", found.foresees
    for name, corpus in found.corpora.items():
        yield f"settings of corpus {name}", corpus.settings
        yield from ((f"reader of corpus {name}", f"{corpus.reader}:{one}") for one in ("discover", "whole"))
        if corpus.labels:
            yield f"labels of corpus {name}", corpus.labels
    yield from ((f"table {name}", target) for name, target in found.tables.items())
    yield from ((f"demo {name}", target) for name, target in found.demos.items())
    yield from ((f"extractor {spec.name}", spec.target) for spec in found.extractors)


def trouble_with(target: str) -> str:
    """Return why ``module:Name`` cannot be had, as far as the module's text says; "" for nothing."""
    module, _, name = target.partition(":")
    try:
        names = _names(module)
    except (ImportError, SyntaxError) as error:
        return f"{type(error).__name__}: {error}"
    if not name:
        return f"{target!r}, which names nothing of a module"
    if name in names or {"*", "__getattr__"} & set(names):
        return ""
    near = get_close_matches(name, names, n=1)
    return f"no {name} in {module}" + (f", but {near[0]}" if near else "")


def _check_call(word: str, step: Step) -> None:
    """Refuse a function that cannot be called as a step calls it.

    Raises:
        ConfigError: naming what it is not called with, or does not take.
    """
    module, _, name = step.run.partition(":")
    function = _names(module)[name]
    if not isinstance(function, ast.FunctionDef):
        return
    own = function.args
    takes = [one.arg for one in (*own.args, *own.kwonlyargs)]
    needed = {*takes[: len(own.args) - len(own.defaults)]}
    needed |= {
        one.arg for one, default in zip(own.kwonlyargs, own.kw_defaults, strict=True) if default is None
    }
    given = {"settings", *step.options, *step.words, *(["out"] if step.out else step.writes)}
    given |= {"computing"} if step.computing else set()
    foreign = [] if own.kwarg else sorted(given - set(takes))
    if foreign or needed - given:
        raise ConfigError(
            f"family {word}, step {step.name}",
            f"{step.run} takes {', '.join(takes)}",
            f"{', '.join(sorted(given))}, which it is called with by name",
            "mend its parameters, or what the step reads and writes",
        )


def _names(module: str) -> dict[str, ast.AST]:
    """What a module's text binds anywhere, by name, what lies outermost last; ``*`` where it imports all of another.

    Raises:
        ModuleNotFoundError: when there is no such module.
        SyntaxError: in its text.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {module}")
    tree = ast.parse(Path(spec.origin).read_bytes(), spec.origin)
    found: dict[str, ast.AST] = {}
    for node in [*ast.walk(tree), *tree.body]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.alias):
            found[node.asname or node.name] = node
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = node
    return found
