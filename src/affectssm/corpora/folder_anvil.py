"""ANVIL: annotations (``.anvil``) of tracks, whose elements have attributes. http://www.anvil-software.org"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from xml.etree.ElementTree import Element

from affectssm.corpora.folder_tiers import Marks, Span, marks_of, read_xml
from affectssm.media.text import number
from affectssm.settings.folder import LabelSettings

Times = dict[str, tuple[float | None, float | None]]
"""Index of an element -> when it begins and ends."""


def read_anvil(path: Path, settings: LabelSettings) -> Marks:
    """Read an annotation of ANVIL: ``track/attribute`` is a tier, and ``track`` where it has one attribute.

    Elements of a track that refers to another one have its times.

    Raises:
        DataError: if it cannot be read, or does not have the tier.
    """
    root = read_xml(path, "annotation")
    tiers: dict[str, list[Span]] = {}
    known: dict[str, Times] = {}
    for track in root.iter("track"):
        name = track.get("name", "")
        known[name] = _times(track, known.get(track.get("ref", ""), {}))
        own: dict[str, list[Span]] = defaultdict(list)
        for place, element in enumerate(track.iter("el")):
            times = known[name].get(element.get("index", str(place)), (None, None))
            for attribute in element.iter("attribute"):
                own[attribute.get("name", "")].append(Span(*times, (attribute.text or "").strip()))
        for label, spans in own.items():
            full = f"{name}/{label}"
            asked = settings.tier.lower() == full.lower()
            tiers[full if len(own) > 1 or asked else name] = spans
    return marks_of(path, tiers, settings)


def _times(track: Element, referred: Times) -> Times:
    """Return when the elements of a track are: their own times, or those of the elements that they refer to."""
    found: Times = {}
    kind = track.get("type", "primary").lower()
    for place, element in enumerate(track.iter("el")):
        index = element.get("index", str(place))
        start, end = element.get("start", ""), element.get("end", "")
        if kind == "singleton":
            found[index] = referred.get(element.get("ref", ""), (None, None))
        elif kind == "span":
            found[index] = referred.get(start, (None, None))[0], referred.get(end, (None, None))[1]
        elif kind.startswith("primary") and (element.get("time") is None):
            found[index] = number(start), number(end)
        else:
            found[index] = None, None  # points, and parts of elements that have no times
    return found
