"""The configuration of some families: what all have in common, and the corpora and the section of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from affectssm.families import OWN
from affectssm.families.base import Family
from affectssm.families.registry import find_all, installed
from affectssm.settings.base import Strict
from affectssm.settings.config import Config
from affectssm.settings.corpora import Corpora, settings_class
from affectssm.settings.load import overlay, read_all, validate
from affectssm.vocabulary.corpora import CORPORA


def load_config(source: Mapping[str, Any] | str | Path | Sequence[str | Path] = ()) -> Config:
    """Return the configuration given as a mapping or as YAML files, later files over earlier ones.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, a value that is not allowed, or a family that cannot
            be had.
    """
    given, origin = read_all(source)
    families = families_of(given)
    return validate(configuration(tuple(families)), _without_others(given, families), origin)


def _without_others(given: Mapping[str, Any], families: Sequence[type[Family]]) -> dict[str, Any]:
    """Return what is given without what config.yaml says of families of this package that are left out."""
    others = [family for family in find_all(OWN) if family not in families]
    kept = {key: value for key, value in given.items() if key not in {one.name for one in others}}
    if isinstance(corpora := given.get("corpora"), Mapping):
        left_out = {name for one in others for name in one.corpora}
        kept["corpora"] = {name: value for name, value in corpora.items() if name not in left_out}
    return kept


def families_of(given: Mapping[str, Any]) -> list[type[Family]]:
    """Return the families that a configuration names, and those of installed packages.

    Raises:
        ConfigError: for one that cannot be had.
    """
    named = given.get("families")
    if not isinstance(named, list | tuple) or not all(isinstance(word, str) for word in named):
        named = list(OWN)  # the default; what else was given is refused with the rest
    return find_all(dict.fromkeys([*named, *installed()]))


@cache
def configuration(families: tuple[type[Family], ...]) -> type[Config]:
    """Return the model of a configuration with some families: each one's corpora, its section, scales and check."""
    corpora = {name: _section(settings_class(name), _title(name)) for one in families for name in one.corpora}
    composed = create_model("Corpora", __base__=Corpora, __doc__=Corpora.__doc__, **corpora)  # type: ignore[call-overload]
    sections = {one.name: _section(one.settings, one.__doc__ or one.name) for one in families if one.settings}
    sections["corpora"] = _section(composed, "where the corpora lie")
    found = create_model("Config", __base__=Config, __doc__=Config.__doc__, **sections)  # type: ignore[call-overload]
    found.presets = reduce(overlay, (family.presets for family in families), Config.presets)
    found.checks = tuple(family.check for family in families)
    return found


def default() -> type[Config]:
    """Return the model of the configuration with the families of this package alone."""
    return configuration(tuple(find_all(OWN)))


def _title(corpus: str) -> str:
    folder = CORPORA[corpus].folder
    return CORPORA[corpus].title + (f" (in the root of {CORPORA[folder].title})" if folder else "")


def _section(settings: type[Strict], description: str) -> tuple[type[Strict], Any]:
    return settings, Field(description=description.splitlines()[0].rstrip("."))
