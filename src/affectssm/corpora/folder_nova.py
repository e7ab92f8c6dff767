"""NOVA and SSI: a header ``<name>.annotation`` in XML beside a body ``<name>.annotation~`` of text or of numbers.

The body is the file that counts; the header lies beside it. https://github.com/hcmlab/nova
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.folder_tiers import Marks, Span, marks_of, read_xml
from affectssm.errors import DataError
from affectssm.media.text import number, read_text
from affectssm.settings.folder import LabelSettings
from affectssm.store.files import read_whole

MAX_BYTES = 256 << 20
GARBAGE = "nan"  # what an annotator marked as of no class
_SCORES = np.dtype([("score", "<f4"), ("confidence", "<f4")])
_CLASSES = np.dtype([("start", "<f8"), ("stop", "<f8"), ("id", "<i4"), ("confidence", "<f4")])


def header_of(body: Path) -> Path:
    """Return the header of a body."""
    return body.with_name(body.name.removesuffix("~"))


def read_nova(path: Path, settings: LabelSettings) -> Marks:
    """Read an annotation of NOVA: scores at a rate, classes from a time to another, or free text.

    Raises:
        DataError: if one of its files cannot be read, its scheme is another, or several labels are asked for.
    """
    header = header_of(path)
    if len(settings.names) > 1:
        raise DataError(
            header, "an annotation of NOVA, which holds one label", f"{', '.join(settings.names)}",
            "name one label in corpora.folder.labels.names, or export several as columns of one CSV",
        )  # fmt: skip
    root = read_xml(header, "annotation")
    scheme, info = root.find("scheme"), root.find("info")
    kind = (scheme.get("type", "") if scheme is not None else "").upper()
    if scheme is None or kind not in ("CONTINUOUS", "DISCRETE", "FREE"):
        raise DataError(
            header, f"a scheme {kind or 'without a type'}", "a scheme CONTINUOUS, DISCRETE or FREE",
            "export labels of another kind as CSV",
        )  # fmt: skip
    binary = info is not None and info.get("ftype", "ASCII").upper() == "BINARY"
    body = header.with_name(header.name + "~")
    if kind == "CONTINUOUS":
        return _scores(header, body, scheme.get("sr", ""), binary)
    names = {item.get("id", ""): item.get("name", "") for item in scheme.iter("item")}
    if kind == "FREE" and binary:
        raise DataError(body, "free text in a binary body", "a body of text", "save it in NOVA as ASCII")
    spans, problems = _spans(body, names if kind == "DISCRETE" else None, binary)
    marks = marks_of(header, {scheme.get("name", ""): spans}, _one_tier(settings))
    return Marks(marks.values, marks.starts, marks.stops, problems, marks.quotes)


def _one_tier(settings: LabelSettings) -> LabelSettings:
    """A file of NOVA holds one tier, whatever it is called."""
    return settings.model_copy(update={"tier": "", "names": ()})


def _scores(header: Path, body: Path, rate: str, binary: bool) -> Marks:
    hz = number(rate)
    if hz is None or hz <= 0:
        raise DataError(header, f"sr {rate!r}", "scores a second", "mend the header")
    if binary:
        scores = _numbers(body, _SCORES)["score"]
        texts = ["nan" if np.isnan(score) else repr(float(score)) for score in scores]
        return Marks([[text] for text in texts], quotes=texts, rate=hz)
    text = read_text(body, limit=MAX_BYTES)
    return Marks(
        [[line.split(";")[0].strip()] for line in text.lines],
        problems=text.problems,
        quotes=text.lines,
        rate=hz,
    )


def _spans(
    body: Path, names: dict[str, str] | None, binary: bool
) -> tuple[list[Span], list[tuple[str, str]]]:
    """Return the annotations of a body; ids become the names of classes."""
    if binary:
        found = _numbers(body, _CLASSES)
        spans = [
            Span(float(one["start"]), float(one["stop"]), (names or {}).get(str(one["id"]), GARBAGE))
            for one in found
        ]
        return spans, []
    text = read_text(body, limit=MAX_BYTES)
    spans = []
    for line in filter(str.strip, text.lines):
        start, stop, label = [*(part.strip() for part in line.split(";")), "", "", ""][:3]
        label = label if names is None else names.get(label, GARBAGE)
        spans.append(Span(number(start), number(stop), label))
    return spans, text.problems


def _numbers(body: Path, dtype: np.dtype) -> np.ndarray:
    """Return the whole records of a binary body."""
    try:
        raw = read_whole(body, MAX_BYTES)
    except OSError as error:
        raise DataError(
            body,
            error.strerror or str(error),
            "the body of an annotation of NOVA",
            "copy it beside its header",
        ) from error
    if len(raw) % dtype.itemsize:
        raise DataError(
            body, f"{len(raw)} bytes", f"records of {dtype.itemsize} bytes, as the header's scheme has them",
            "copy both files again",
        )  # fmt: skip
    return np.frombuffer(raw, dtype)
