"""From when to when participants and their streams are there; what is not there is said, in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from affectssm.corpora.manifest import LABEL_HZ, StreamRow, is_test_split, label_frames
from affectssm.corpora.people import Measured, Person
from affectssm.store.faults import Action, FaultLog
from affectssm.vocabulary.kinds import STREAM_KINDS

SHIPPED = {"extracted": ("audio", "video"), "multimediate": STREAM_KINDS}  # and the features made of it
TOLERANCE = 2  # label rows by which ends may differ: encoders pad, cameras stop when they stop


def note_spans(people: Iterable[Person], rows: Iterable[StreamRow], log: FaultLog) -> None:
    """Report, for the people of one recording, streams that start late or end apart, and partners who are not there.

    Args:
        people: of the recording, measured.
        rows: of the recording.
        log: where the faults go.
    """
    by_person: dict[str, list[StreamRow]] = {}
    for row in rows:
        by_person.setdefault(row.participant, []).append(row)
    lasts = {name: label_frames(own) / LABEL_HZ for name, own in by_person.items()}
    present = [person for person in people if lasts.get(person.participant)]
    for person in present:
        seconds = lasts[person.participant]
        partners = [_alone(person, seconds, partner) for partner in present if partner is not person]
        notes = log.about(person.recording, person.participant)
        for noted in chain(_starts(person), _ends(person, seconds, log), *partners):
            notes.add(*noted)


_Noted = tuple[str, str, str, str, Action]
"""What is said of a stream of a person: code, stream, what was found and expected, action."""


def _starts(person: Person) -> Iterator[_Noted]:
    for kind, held in person.measured.items():
        if _matters(held.start_s):
            before = "silence" if kind == "audio" else "invalid rows"
            found, expected = f"begins at {held.start_s:.2f} s", f"begins at 0.00 s; {before} before"
            yield "late_start", kind, found, expected, "masked"


def _ends(person: Person, seconds: float, log: FaultLog) -> Iterator[_Noted]:
    """Compare the streams with the recording's length; where a label gives it, that was compared before."""
    if "annotation" in person.measured and not is_test_split(person.split):
        return
    told = {
        fault.stream
        for fault in log.rows
        if (fault.code, fault.recording, fault.participant)
        == ("stream_short_body", person.recording, person.participant)
    }
    for kind, held in person.measured.items():
        apart = held.duration_s - seconds
        if kind != "annotation" and kind not in told and _matters(abs(apart)):
            more = apart > 0
            found = f"until {held.duration_s:.2f} s, {abs(apart):.2f} s {'more' if more else 'less'}"
            expected = f"until {seconds:.2f} s, as long as the recording is taken to be"
            yield "stream_lengths_differ", kind, found, expected, "truncated" if more else "masked"


def _alone(person: Person, seconds: float, partner: Person) -> Iterator[_Noted]:
    """How long a person is there without a partner's streams, by source."""
    for source, kinds in SHIPPED.items():
        span = _span(partner.measured, kinds)
        if span is None or not set(kinds) & set(person.measured):
            continue
        begin, end = span
        alone = min(begin, seconds) + max(0.0, seconds - max(begin, end))
        if _matters(alone):
            found = f"{partner.participant} from {begin:.2f} to {end:.2f} s: {alone:.2f} s of windows without"
            yield "partner_short", source, found, f"from 0.00 to {seconds:.2f} s", "masked"


def _span(measured: Mapping[str, Measured], kinds: Iterable[str]) -> tuple[float, float] | None:
    """When the first of some streams begins and the last of them ends, None where there is none."""
    held = [measured[kind] for kind in kinds if kind in measured]
    if not held:
        return None
    return min(each.start_s for each in held), max(each.duration_s for each in held)


def _matters(seconds: float) -> bool:
    return round(seconds * LABEL_HZ) > TOLERANCE
