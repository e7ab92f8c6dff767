"""The configuration of some families: what all have in common, and a section of each one from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from affectssm.families import OWN
from affectssm.families.base import Family
from affectssm.families.registry import find_all, installed
from affectssm.settings.base import Strict
from affectssm.settings.config import Config, Corpora, settings_class
from affectssm.settings.load import overlay, read_all, validate
from affectssm.vocabulary.corpora import CORPORA


def load_config(source: Mapping[str, Any] | str | Path | Sequence[str | Path] = ()) -> Config:
    """Return the configuration given as a mapping or as YAML files, later files over earlier ones.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, a value that is not allowed, or a family that cannot
            be had.
    """
    given, origin = read_all(source)
    return validate(configuration(tuple(families_of(given))), given, origin)


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
    """Return the model of a configuration with some families."""
    outside = [family for family in families if family.settings is not None]
    if not outside:
        return Config
    corpora = {
        name: _section(settings_class(name), CORPORA[name].title) for one in outside for name in one.corpora
    }
    composed = create_model("Corpora", __base__=Corpora, **corpora)  # type: ignore[call-overload]
    sections = {one.name: _section(one.settings, one.__doc__ or one.name) for one in outside if one.settings}
    found = create_model(
        "Config", __base__=Config, corpora=_section(composed, "where the corpora lie"), **sections
    )  # type: ignore[call-overload]
    presets: Mapping[str, Any] = Config.presets
    for family in outside:
        presets = overlay(presets, family.presets)
    found.presets = presets
    return found


def _section(settings: type[Strict], description: str) -> tuple[type[Strict], Any]:
    return settings, Field(description=description.splitlines()[0])
