"""Tiers of annotation programs: what the files of ELAN, ANVIL and NOVA have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from affectssm.errors import DataError, listed
from affectssm.media.probe import UnsafeFileError
from affectssm.settings.folder import LabelSettings
from affectssm.store.files import read_whole

MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Marks:
    """What a file of labels says, in its order.

    Attributes:
        values: a list of texts a mark, one of each label.
        starts: seconds from the start of the recording, None where a text is none; empty where mark i is frame i.
        stops: seconds, where marks are intervals; empty where each holds until the next.
        problems: (fault code, what was found).
        quotes: the marks as they are, to be quoted.
        rate: marks a second where mark i is frame i and the file says so, else 0.
        frames: the frame of each mark, from 0 and rising, where the file numbers them and leaves some out.
    """

    values: list[list[str]]
    starts: list[float | None] = field(default_factory=list)
    stops: list[float | None] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)
    rate: float = 0.0
    frames: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Span:
    """An annotation of a tier: seconds, None where its time is not known, and its text."""

    start: float | None
    stop: float | None
    text: str


def read_xml(path: Path, tag: str) -> Element:
    """Return the root element of an XML file; document types and entities are refused before anything is expanded.

    Args:
        path: the file.
        tag: that its root should have.

    Raises:
        UnsafeFileError: for a document type or entities.
        DataError: if it cannot be read, or is other XML.
    """
    expected, remedy = f"XML of <{tag}>", "save it again with the program that wrote it"
    try:
        root = fromstring(read_whole(path, MAX_BYTES), forbid_dtd=True)
    except DefusedXmlException as error:
        found = (
            f"XML with a document type or entities ({type(error).__name__}), of which nothing was expanded"
        )
        raise UnsafeFileError(path, found, expected, remedy) from error
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(path, f"no XML that reads: {error}", expected, remedy) from error
    except OSError as error:
        raise DataError(path, error.strerror or str(error), expected, remedy) from error
    if root.tag != tag:
        raise DataError(path, f"XML of <{root.tag}>", expected, remedy)
    return root


def marks_of(path: Path, tiers: Mapping[str, Sequence[Span]], settings: LabelSettings) -> Marks:
    """Return the marks of those tiers that the settings name, one a label.

    Raises:
        DataError: for a tier that there is not, or when there are several and none is named.
    """
    chosen = [tiers[name] for name in _chosen(path, tiers, settings)]
    if len(chosen) == 1:
        spans = list(chosen[0])
    else:
        return _joined(chosen)
    return Marks(
        [[span.text] for span in spans],
        [span.start for span in spans],
        [span.stop for span in spans],
        quotes=[_quote(span) for span in spans],
    )


def _chosen(path: Path, tiers: Mapping[str, Sequence[Span]], settings: LabelSettings) -> list[str]:
    wanted = [settings.tier] if settings.tier else list(settings.names)
    by_small = {name.strip().lower(): name for name in tiers}
    there = listed(list(tiers), 12) or "none"
    if not wanted:
        if len(tiers) == 1:
            return list(tiers)
        raise DataError(
            path, f"{len(tiers)} tiers: {there}", "the tier that holds the values, named in corpora.folder.labels",
            f"set corpora.folder.labels.tier to one of {there}",
        )  # fmt: skip
    for name in wanted:
        if name.strip().lower() not in by_small:
            near = get_close_matches(name, list(tiers), n=1)
            raise DataError(
                path, f"no tier {name!r}; there are {there}",
                "a tier of the name in corpora.folder.labels.tier (or names)",
                f"did you mean {near[0]}?" if near else "mend the name there",
            )  # fmt: skip
    return [by_small[name.strip().lower()] for name in wanted]


def _joined(tiers: Sequence[Sequence[Span]]) -> Marks:
    """Return the marks of several tiers: from each time at which one of them changes to the next."""
    whole = [
        [(s.start, s.stop, s.text) for s in tier if s.start is not None and s.stop is not None]
        for tier in tiers
    ]
    times = sorted({time for tier in whole for start, stop, _ in tier for time in (start, stop)})
    at = {time: place for place, time in enumerate(times)}
    held = np.full((len(times), len(tiers)), -1)
    for column, tier in enumerate(whole):
        for number, (start, stop, _) in enumerate(tier):
            held[at[start] : at[stop], column] = number
    kept = np.flatnonzero((held >= 0).any(axis=1)).tolist()
    values = {
        place: [whole[column][one][2] if one >= 0 else "" for column, one in enumerate(held[place])]
        for place in kept
    }
    return Marks(
        [values[place] for place in kept],
        [times[place] for place in kept],
        [times[place + 1] for place in kept],
        quotes=[f"{times[place]:g} s: {values[place]}" for place in kept],
    )


def _quote(span: Span) -> str:
    return f"{span.start}-{span.stop} s: {span.text}"
