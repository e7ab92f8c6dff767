"""ELAN: documents (``.eaf``) and what it exports as tab-delimited text.

https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from affectssm.corpora.folder_tiers import Marks, Span, marks_of, read_xml
from affectssm.media.text import number
from affectssm.settings.folder import LabelSettings

_DEEPEST = 32  # references from an annotation to the one that has a time


def read_eaf(path: Path, settings: LabelSettings) -> Marks:
    """Read a document of ELAN; annotations without a time of their own have that of the one they refer to.

    Raises:
        DataError: if it cannot be read, or does not have the tier.
    """
    root = read_xml(path, "ANNOTATION_DOCUMENT")
    slots = {slot.get("TIME_SLOT_ID", ""): _ms(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    aligned = {one.get("ANNOTATION_ID", ""): one for one in root.iter("ALIGNABLE_ANNOTATION")}
    referring = {one.get("ANNOTATION_ID", ""): one for one in root.iter("REF_ANNOTATION")}
    tiers = {}
    for tier in root.iter("TIER"):
        spans = []
        for one in tier.iter():
            if one.tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
                timed = _timed(one, aligned, referring)
                start, stop = (
                    (slots.get(timed.get(f"TIME_SLOT_REF{end}", "")) if timed is not None else None)
                    for end in (1, 2)
                )
                spans.append(Span(start, stop, (one.findtext("ANNOTATION_VALUE") or "").strip()))
        tiers[tier.get("TIER_ID", "")] = spans
    return marks_of(path, tiers, settings)


def _timed(one: Element, aligned: Mapping[str, Element], referring: Mapping[str, Element]) -> Element | None:
    for _ in range(_DEEPEST):
        if one.tag == "ALIGNABLE_ANNOTATION":
            return one
        name = one.get("ANNOTATION_REF", "")
        found = aligned.get(name, referring.get(name))
        if found is None:
            return None
        one = found
    return None


def _ms(text: str | None) -> float | None:
    value = number(text or "")
    return None if value is None else value / 1000


def is_tab_export(head: Sequence[str]) -> bool:
    """Whether a line without names is one of ELAN's: a tier, then at least two times."""
    return (
        len(head) >= 4
        and bool(head[0].strip())
        and _seconds(head[0]) is None
        and sum(_seconds(text) is not None for text in head[1:]) >= 2
    )


def tab_export(path: Path, rows: Sequence[Sequence[str]], settings: LabelSettings) -> Marks:
    """Return the marks of tab-delimited lines ``tier, [participant], begin, end, duration, text``.

    Each time may be there as hh:mm:ss.ms, as ss.msec and as msec.

    Raises:
        DataError: if they do not have the tier.
    """
    tiers: dict[str, list[Span]] = defaultdict(list)
    for row in rows:
        times = [found for text in row[1:-1] if (found := _seconds(text)) is not None]
        begin = times[0] if times else None
        # all forms of the beginning come before those of the end
        later = (time for time in times[1:] if begin is not None and time > begin + 1e-6)
        tiers[row[0].strip()].append(Span(begin, next(later, None), row[-1].strip()))
    return marks_of(path, tiers, settings)


def _seconds(text: str) -> float | None:
    """Return a time: with colons, with a decimal point in seconds, without in milliseconds."""
    text = text.strip()
    if ":" in text:
        parts = [number(part) for part in text.split(":")]
        if len(parts) > 3 or None in parts:
            return None
        return sum((part or 0.0) * 60**place for place, part in enumerate(reversed(parts)))
    value = number(text)
    return value if value is None or "." in text or "," in text else value / 1000
