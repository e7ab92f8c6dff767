"""The families there are, by the word that the configuration and command lines have for them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import entry_points

from affectssm.errors import ConfigError, listed
from affectssm.families import OWN
from affectssm.families.base import Family
from affectssm.families.description import check
from affectssm.vocabulary.corpora import CORPORA, DEMOS
from affectssm.vocabulary.faults import CODES
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.outside import enlist
from affectssm.vocabulary.tables import PAGES
from affectssm.vocabulary.targets import load

GROUP = "affectssm.families"
"""Entry points of installed packages: word -> ``module:Class``."""
ATTRIBUTE = "FAMILY"
"""What a module that is named as a family holds it under."""


def find(word: str) -> type[Family]:
    """Return a family: one of this package, of an entry point, or ``FAMILY`` of the module of this name.

    Raises:
        ConfigError: for a word that is none of these, a module that does not import, or what is no whole description.
    """
    if word in OWN:
        return load(OWN[word])
    try:
        found = _from_outside(word)
    except Exception as error:  # somebody else's module may raise anything while it is imported
        raise _not_importable(word, error) from error
    check(word, found, ATTRIBUTE)
    found.word = word
    _enlist(found)
    return found


def installed() -> list[str]:
    """Return the words of the families of installed packages."""
    return sorted(point.name for point in entry_points(group=GROUP))


def _enlist(family: type[Family]) -> None:
    """Make known what a family from outside brings.

    Raises:
        ConfigError: when something of a name is there already.
    """
    features = {spec.name: spec for spec in family.extractors}
    enlist(family.word, "corpus", CORPORA, family.corpora)
    enlist(family.word, "demo", DEMOS, family.demos)
    enlist(family.word, "feature", FEATURES, features)
    enlist(family.word, "table", PAGES, family.tables)
    enlist(family.word, "fault", CODES, family.faults)


def _from_outside(word: str) -> type[Family]:
    for point in entry_points(group=GROUP, name=word):
        return point.load()
    return getattr(importlib.import_module(word), ATTRIBUTE)


def _not_importable(word: str, error: Exception) -> ConfigError:
    known = [*OWN, *installed()]
    absent = isinstance(error, ModuleNotFoundError) and (error.name or "") == word.partition(".")[0]
    near = get_close_matches(word, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return ConfigError(
        f"family {word}",
        "no family and no module of this name" if absent else f"{type(error).__name__}: {error}",
        f"one of {listed(known, 12)}, or a module that holds a family as {ATTRIBUTE}",
        f"{meant}mend the name, or put its folder on PYTHONPATH (python -c 'import ...' tells whether it is found)"
        if absent
        else "mend the module; python -c 'import ...' shows the whole error",
    )


def find_all(words: Iterable[str]) -> list[type[Family]]:
    """Return families by their words.

    Raises:
        ConfigError: as :func:`find`, or for two of one name.
    """
    found: dict[str, type[Family]] = {}
    for word in words:
        family = find(word)
        if family.name in found:
            raise ConfigError(
                f"families {found[family.name].word} and {word}",
                f"both are called {family.name}",
                "a name each",
                "rename one",
            )
        found[family.name] = family
    return list(found.values())
