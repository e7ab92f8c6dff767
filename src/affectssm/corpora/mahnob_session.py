"""MAHNOB-HCI's session.xml: who, which stimulus, what was felt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from affectssm.media.probe import MediaError, UnsafeFileError
from affectssm.media.text import decoded, number
from affectssm.store.files import read_whole

MAX_BYTES = 1 << 20
FELT = {"valence": "feltVlnc", "arousal": "feltArsl", "dominance": "feltCtrl", "predictability": "feltPred"}


@dataclass(frozen=True)
class SessionXml:
    """A session.

    Attributes:
        session: the owner's id.
        subject: the id of ``<subject>``.
        is_stimulus: whether it is a stimulus trial (``isStim``); a neutral clip is none.
        experiment: ``experimentType`` as written.
        felt: dimension -> rating from 1 to 9, with a decimal point or comma; those that are absent or no such number
            are left out.
        unusable: dimension -> what stands there instead of a rating.
        problems: (fault code, what was found) where the text is not in the encoding that XML says.
    """

    session: str
    subject: str
    is_stimulus: bool
    experiment: str
    felt: Mapping[str, float]
    unusable: Mapping[str, str]
    problems: tuple[tuple[str, str], ...] = ()


def read_session_xml(path: Path | str) -> SessionXml:
    """Read a session.xml; document types and entities are refused before anything is expanded.

    Raises:
        UnsafeFileError: for a document type or entities.
        MediaError: if the file is absent, over a megabyte, no XML, or no session.
    """
    path = Path(path)
    try:
        root, problems = _parsed(read_whole(path, MAX_BYTES))
    except DefusedXmlException as error:
        found = (
            f"XML with a document type or entities ({type(error).__name__}), of which nothing was expanded"
        )
        raise _error(path, found, UnsafeFileError) from error
    except (ParseError, ValueError, LookupError) as error:
        raise _error(path, f"no XML that reads: {error}") from error
    except OSError as error:
        raise _error(path, error.strerror or str(error)) from error
    subject = root.find("subject")
    if root.tag != "session" or subject is None or not subject.get("id"):
        raise _error(path, f"<{root.tag}> without a subject")
    felt, unusable = _felt(root.attrib)
    return SessionXml(
        session=root.get("sessionId", "").strip(),
        subject=subject.get("id", "").strip(),
        is_stimulus=root.get("isStim", "").strip() in ("1", "true", "True"),
        experiment=root.get("experimentType", "").strip(),
        felt=felt,
        unusable=unusable,
        problems=problems,
    )


def _parsed(raw: bytes) -> tuple[Element, tuple[tuple[str, str], ...]]:
    """Parse XML in the encoding it says, or else as the text it is: editors save it in another and leave the line."""
    try:
        return fromstring(raw, forbid_dtd=True), ()
    except (ParseError, ValueError, LookupError):
        text = decoded(raw)
        if not text.problems:
            raise
    return fromstring(text.content, forbid_dtd=True), tuple(text.problems)


def _felt(attributes: Mapping[str, str]) -> tuple[dict[str, float], dict[str, str]]:
    felt, unusable = {}, {}
    for dimension, name in FELT.items():
        text = attributes.get(name)
        if text is None:
            continue
        value = number(text)
        if value is not None and 1 <= value <= 9:
            felt[dimension] = value
        else:
            unusable[dimension] = text
    return felt, unusable


def _error(path: Path, found: str, kind: type[MediaError] = MediaError) -> MediaError:
    return kind(
        path, found, "a session.xml of MAHNOB-HCI: <session ...><subject id=.../>...", "copy the file again"
    )
