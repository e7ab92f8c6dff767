"""What one participant's files hold: rows, rates, dimensions and durations, decided by evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from affectssm.corpora.annotations import LABEL_ACTIONS, Reader, count_frames, read_engagement
from affectssm.corpora.manifest import LABEL_HZ, is_test_split
from affectssm.corpora.measure_media import MediaMeasurer, probing
from affectssm.corpora.people import Measured, Person, Source
from affectssm.corpora.readings import Reading
from affectssm.corpora.spans import TOLERANCE
from affectssm.media.ssi import SsiHeader, body_path, body_rows, read_header
from affectssm.vocabulary.kinds import STREAM_KINDS

if TYPE_CHECKING:
    from affectssm.store.faults import Action, FaultLog

# MultiMediate'23 shipped OpenFace 2 with 673 and OpenPose with 350 columns
DIMS = {
    "egemapsv2": (88,),
    "w2vbert2": (1024,),
    "clip": (512,),
    "openface2": (714, 673),
    "openpose": (139, 350),
}
# streams that are shipped and not used: dimensions they are known with (MPIIGI's dino has 2304)
EXTRAS = {
    "gemaps": (58,),
    "soundnet": (256,),
    "xlm_roberta_embeddings": (768,),
    "openface3": (21,),
    "kinect2.skeleton": (350,),
    "kinect2.au": (17,),
    "dino": (768,),
    "swin": (768,),
    "videomae": (1408,),
    "imagebind": (1024,),
}
LOW_RATE = 0.5  # share of 25 Hz below which a stream is one of another rate, not one that lacks its tail
TAIL_S, TAIL_SHARE = 0.2, 0.05  # what a stream's end may be off by and still fit a duration
EXPECTED_LABEL = "a number in [0, 1] on every line, in UTF-8"


class Measurer(MediaMeasurer):
    """Measures one participant; every fault goes to the log with the participant's name on it.

    Args:
        person: the participant.
        labels: how the corpus writes its labels down.
        log: where the faults go.
    """

    def __init__(self, person: Person, labels: Reader, log: FaultLog) -> None:
        super().__init__(person, log)
        self.labels = labels

    def measure(self) -> None:
        """Fill the participant's `measured`, without the sources that cannot be used."""
        label = self._label()
        media = self.media()
        headers = self._headers()
        seconds = self._evidence(label, media, headers)
        measured = dict(media)
        for kind, header in headers.items():
            stream = self._stream(kind, header, seconds(kind)) if kind in STREAM_KINDS else None
            if stream is not None:
                measured[kind] = stream
        self._note_extras(headers, seconds(""))
        if label is not None and not is_test_split(self.person.split):
            self._compare_lengths(label, measured, headers)
        self.person.measured = measured if label is None else {"annotation": label, **measured}

    def _label(self) -> Measured | None:
        source = self.person.sources.get("annotation")
        if source is None:
            return None
        reading = _labelling(self.person, source, self.labels)
        found = self._read("annotation", "unreadable_file", reading, "quarantined")
        if found is None:
            return None
        rows, problems, usable = found
        for code, problem in problems:
            self.notes.add(code, "annotation", problem, EXPECTED_LABEL, LABEL_ACTIONS[code])
        if is_test_split(self.person.split) and not usable:
            self.notes.add("label_empty", "annotation", "no line", EXPECTED_LABEL, "quarantined")
        return Measured(source, LABEL_HZ, rows, 1, rows / LABEL_HZ) if usable else None

    def _headers(self) -> dict[str, SsiHeader]:
        """Headers of all streams that can be read, the unused ones included."""
        headers: dict[str, SsiHeader] = {}
        for kind, source in self.person.sources.items():
            if kind not in STREAM_KINDS and not kind.startswith("extra/"):
                continue
            header: SsiHeader | None = self._read(
                kind, "stream_bad_header", Reading(read_header, source.path), self._lost(kind)
            )
            if header is None:
                continue
            if source.body is None:
                missing = body_path(source.path).name
                self.notes.add("stream_missing_body", kind, "a header alone", missing, self._lost(kind))
                continue
            headers[kind] = header
            if header.repaired and kind in STREAM_KINDS:
                self.notes.add("stream_header_repaired", kind, "no XML", "an XML header", "decided")
            if kind in STREAM_KINDS and header.dim not in DIMS[kind]:
                known = " or ".join(map(str, DIMS[kind]))
                self.notes.add("stream_dim_unexpected", kind, f"{header.dim} columns", known, "quarantined")
                del headers[kind]
        return headers

    def _lost(self, kind: str) -> Action:
        return "quarantined" if kind in STREAM_KINDS else "ignored"

    def _evidence(
        self, label: Measured | None, media: dict[str, Measured], headers: dict[str, SsiHeader]
    ) -> Callable[[str], list[float]]:
        """A function kind -> how many seconds the recording lasts by anything but that stream, best witness first.

        A label of a training or validation part, then the media, then the other streams at 25 Hz. A test label
        is no witness: with and without it the manifest must be the same.
        """
        known = [label] if label is not None and not is_test_split(self.person.split) else []
        known += [media[kind] for kind in ("video", "audio") if kind in media]
        lasting = [held.duration_s for held in known if held.duration_s > 0]

        def seconds(kind: str) -> list[float]:
            others = [
                self._promised(other, header) / LABEL_HZ
                for other, header in headers.items()
                if other != kind and other in STREAM_KINDS and header.rate == LABEL_HZ
            ]
            return [*lasting, median(others)] if others else lasting

        return seconds

    def _promised(self, kind: str, header: SsiHeader) -> int:
        body = self.person.sources[kind].body
        return header.rows or (body.size // header.row_bytes if body else 0)

    def _stream(self, kind: str, header: SsiHeader, evidence: list[float]) -> Measured | None:
        source = self.person.sources[kind]
        counted = self._read(kind, "unreadable_file", _counting(source), "quarantined")
        if counted is None:
            return None
        rows, promised = counted
        held = source.body.size // header.row_bytes if source.body else 0
        if not rows:
            self.notes.add("stream_empty", kind, "no row", f"{promised} rows", "quarantined")
            return None
        if rows < promised:
            self.notes.add("stream_short_body", kind, f"{rows} whole rows", f"{promised} rows", "truncated")
        elif promised and held > promised:
            self.notes.add("stream_long_body", kind, f"{held} rows", f"{promised} rows", "truncated")
        rate, decisive = decide_rate(header.rate, promised or rows, evidence)
        if rate != header.rate:
            found = f"{promised or rows} rows at {header.rate:g} Hz by the header"
            self.notes.add("stream_rate_decided", kind, found, f"{decisive:.2f} s, so {rate:g} Hz", "decided")
        return Measured(source, rate, rows, header.dim, rows / rate)

    def _note_extras(self, headers: dict[str, SsiHeader], evidence: list[float]) -> None:
        """Report what is odd about streams that are shipped and not used."""
        seconds = evidence[0] if evidence else 0.0
        for kind, header in headers.items():
            known = EXTRAS.get(kind.removeprefix("extra/"))
            if known and header.dim not in known:
                self.notes.add(
                    "stream_dim_unexpected", kind, f"{header.dim} columns", str(known[0]), "ignored"
                )
            rows = self._promised(kind, header)
            if known and seconds and 0 < rows / seconds < LOW_RATE * LABEL_HZ:
                found = f"{rows} rows in {seconds:.2f} s, {rows / seconds:.3g} Hz"
                self.notes.add("stream_low_rate", kind, found, f"{LABEL_HZ:g} Hz", "ignored")

    def _compare_lengths(
        self, label: Measured, measured: dict[str, Measured], headers: dict[str, SsiHeader]
    ) -> None:
        """Report that streams or media end elsewhere than the label does; the common part is what counts."""
        apart: dict[int, list[str]] = defaultdict(list)  # label rows that would fit -> kinds
        for kind, stream in measured.items():
            promised = self._promised(kind, headers[kind]) if kind in headers else 0
            rows = round((promised / stream.rate if promised else stream.duration_s) * LABEL_HZ)
            if abs(rows - label.frames) > (0 if promised else TOLERANCE):
                apart[rows].append(kind)
        if apart:
            fitting = "; ".join(
                f"{rows} rows ({', '.join(sorted(kinds))})" for rows, kinds in sorted(apart.items())
            )
            self.notes.add("label_rows_differ", "annotation", f"{label.frames} rows", fitting, "truncated")


def readings(person: Person, labels: Reader) -> Iterator[Reading]:
    """Yield what is read of a participant's files when it is measured."""
    for kind, source in person.sources.items():
        if kind in ("video", "audio"):
            yield probing(source.path)
        elif kind == "annotation":
            yield _labelling(person, source, labels)
        elif source.body is not None:
            yield Reading(read_header, source.path)
            if kind in STREAM_KINDS:
                yield _counting(source)


def _labelling(person: Person, source: Source, labels: Reader) -> Reading:
    # a test label is only counted: its values are the evaluation's business
    look = _count_label if is_test_split(person.split) else _look_at_label
    return Reading(look, source.path, (labels,))


def _counting(source: Source) -> Reading:
    return Reading(body_rows, source.path, files=(source.path, body_path(source.path)))


def _look_at_label(path: Path, read: Reader) -> tuple[int, list[tuple[str, str]], bool]:
    """Rows of a label, what is odd about it, and whether any of it is valid."""
    engagement = read_engagement(path, read)
    return len(engagement.value), engagement.problems, bool(engagement.valid.any())


def _count_label(path: Path, read: Reader) -> tuple[int, list[tuple[str, str]], bool]:
    rows = count_frames(path, read)
    return rows, [], rows > 0


def decide_rate(header_rate: float, rows: int, evidence: list[float]) -> tuple[float, float]:
    """The rate among the header's, 25 Hz and the header's read as a step in ms that fits a duration.

    The challenge's w2vbert2 headers say 40 where rows come every 40 ms. The first duration in `evidence` (seconds)
    that one of the rates meets decides; where none does, as beside a label that breaks off, the header stands.

    Returns:
        Rate in Hz, and the duration that decided (0 where none did).
    """
    for seconds in evidence:
        candidates = (header_rate, LABEL_HZ, 1000.0 / header_rate)  # the first of equals wins
        error, rate = min(
            ((abs(rows / rate - seconds), rate) for rate in candidates), key=lambda pair: pair[0]
        )
        if error <= TAIL_S + TAIL_SHARE * seconds:
            return rate, seconds
    return header_rate, 0.0
