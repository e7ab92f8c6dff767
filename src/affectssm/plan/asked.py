"""What an estimate is asked: a configuration, tables, and corpora that have a manifest or are described in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError, listed
from affectssm.plan import extents
from affectssm.plan.plan import Plan
from affectssm.settings.load import overlay, read_all
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.needs import Described

ALL = ""
"""Stands for every corpus, where a number is given for none by name."""
_VIDEO = re.compile(r"(\d+)x(\d+)(?:@(\d+(?:\.\d+)?))?")


def plan_of(files: Sequence[Path], given: Mapping[str, Any], results: str = "results") -> Plan:
    """Return the plan of a configuration, as a cluster has it.

    Args:
        files: YAML files, later ones over earlier ones.
        given: what goes over them.
        results: the folder everything is computed into.

    Raises:
        ConfigError: for what is wrong with the configuration.
    """
    return Plan(overlay(read_all(list(files))[0], given), results, elsewhere=True)


def parted(words: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Return the YAML files and the tables among words; a table also by the name of its file."""
    given = list(words)
    files = [word for word in given if word.endswith((".yaml", ".yml"))]
    tables = [word.removesuffix(".csv").rpartition("/")[2] for word in given if word not in files]
    return [Path(word) for word in files], tables


def as_snakemake(files: Iterable[Path]) -> list[Path]:
    """Return the files of a configuration as Snakemake reads them: ``config.yaml`` of this folder comes first."""
    given, first = list(files), Path("config.yaml")
    return given if first in given or not first.is_file() else [first, *given]


def by_corpus(texts: Iterable[str], option: str) -> dict[str, str]:
    """Return corpus -> value of ``corpus=150``, and :data:`ALL` -> value of ``150``."""
    found = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if equals and not name:
            raise ConfigError(
                option,
                repr(text),
                "a value, or CORPUS=VALUE",
                f"say {option} 150, or the name of a corpus before the =",
            )
        found[name if equals else ALL] = value
    return found


def number(text: str, option: str) -> float:
    """Return a number above 0.

    Raises:
        ConfigError: for anything else.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ConfigError(
            option, repr(text), "a number above 0", f"say {option} 150, or {option} CORPUS=150 of one corpus"
        )
    return value


def describe(
    plan: Plan,
    tables: Sequence[str],
    recordings: Mapping[str, str],
    minutes: Mapping[str, str],
    people: Mapping[str, str],
    video: Mapping[str, str],
) -> list[str]:
    """Give the corpora behind some tables their extents; return what to say of those that nobody described.

    A corpus that is described counts as described, others as their manifest says, and else as their owners do.

    Args:
        plan: of the configuration.
        tables: the tables.
        recordings, minutes, people, video: corpus -> what was said of it; :data:`ALL` of those not named.

    Raises:
        ConfigError: for a corpus that there is not, or a value that is none.
    """
    given = {"--recordings": recordings, "--minutes": minutes, "--people": people, "--video": video}
    for option, values in given.items():
        if unknown := sorted(set(values) - {ALL, *plan.places.all}):
            known = listed(plan.places.all, 12)
            raise ConfigError(option, unknown[0], f"one of {known}", "name a corpus that is held")
    notes = []
    behind = {name for table in tables for name in _behind(plan, table)}
    for corpus in plan.places.all:
        size = _of(video, corpus)
        pixels, hz = _picture(size) if size else (None, None)
        folder = Path(plan.results, "corpora", plan.places.name(corpus))
        if _of(recordings, corpus) is None and (folder / "manifest.parquet").is_file():
            plan.places.extents[corpus] = extents.of_manifest(folder, pixels)
            continue
        holds, is_known = _known(plan, corpus)
        told = _told(holds, corpus, given)
        if corpus in behind and told.recordings is None:
            notes.append(
                f"{corpus}: nobody has said how much there is; it is left out (--recordings {corpus}=N)"
            )
        elif corpus in behind and not is_known and _of(recordings, corpus) is None:
            notes.append(f"{corpus}: counted as its owner's; a demo that is made here holds far less")
        extent = extents.described(
            replace(told, hz=hz) if hz else told, plan.places.settings_of(corpus).shards, pixels
        )
        plan.places.extents[corpus] = extent
        kinds = {spec.kind: "described" for spec in FEATURES.values()}
        plan.places.imagined[corpus] = {"shards": dict.fromkeys(extent.counts, kinds), "splits": {}}
    return notes


def _known(plan: Plan, corpus: str) -> tuple[Described, bool]:
    """What its family takes a corpus to hold, and whether that is of this edition and not of the owner's for a demo."""
    described = plan.owners[corpus].described
    if not plan.places.is_demo(corpus):
        return described.get(corpus, Described()), True
    of_demo = described.get(plan.places.name(corpus).removesuffix("-withheld"))
    return (described.get(corpus, Described()), False) if of_demo is None else (of_demo, True)


def _told(known: Described, corpus: str, given: Mapping[str, Mapping[str, str]]) -> Described:
    """What is known of a corpus, and over it what somebody says."""
    found = known
    if (text := _of(given["--recordings"], corpus)) is not None:
        found = replace(
            found, recordings=round(number(text, "--recordings")), source=f"described; {found.source}"
        )
    if (text := _of(given["--minutes"], corpus)) is not None:
        found = replace(found, minutes=number(text, "--minutes"))
    if (text := _of(given["--people"], corpus)) is not None:
        found = replace(found, people=round(number(text, "--people")))
    return found


def _behind(plan: Plan, table: str) -> tuple[str, ...]:
    return plan.tables.owners[table].corpora_behind(table) if table in plan.tables.owners else ()


def _of(given: Mapping[str, str], corpus: str) -> str | None:
    return given.get(corpus, given.get(ALL))


def _picture(text: str) -> tuple[int, float | None]:
    """Pixels and pictures a second of ``1920x1080@25``."""
    found = _VIDEO.fullmatch(text)
    if not found:
        raise ConfigError("--video", repr(text), "WIDTHxHEIGHT@HZ", "say --video 1920x1080@25")
    return int(found[1]) * int(found[2]), float(found[3]) if found[3] else None
