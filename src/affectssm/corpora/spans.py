"""From when to when participants and their streams are there; what is not there is said, in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from affectssm.corpora.manifest import LABEL_HZ, StreamRow, is_test_split, label_frames
from affectssm.corpora.people import Measured, Person
from affectssm.store.faults import FaultLog
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
        _note_starts(person, log)
        _note_ends(person, seconds, log)
        for partner in present:
            if partner is not person:
                _note_partner(person, seconds, partner, log)


def _note_starts(person: Person, log: FaultLog) -> None:
    for kind, held in person.measured.items():
        if _matters(held.start_s):
            action = "silence" if kind == "audio" else "invalid rows"
            log.add(
                "late_start",
                recording=person.recording,
                participant=person.participant,
                stream=kind,
                found=f"begins at {held.start_s:.2f} s",
                expected=f"begins at 0.00 s; {action} before",
                action="masked",
            )


def _note_ends(person: Person, seconds: float, log: FaultLog) -> None:
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
            log.add(
                "stream_lengths_differ",
                recording=person.recording,
                participant=person.participant,
                stream=kind,
                found=f"until {held.duration_s:.2f} s, {abs(apart):.2f} s {'more' if apart > 0 else 'less'}",
                expected=f"until {seconds:.2f} s, as long as the recording is taken to be",
                action="truncated" if apart > 0 else "masked",
            )


def _note_partner(person: Person, seconds: float, partner: Person, log: FaultLog) -> None:
    for source, kinds in SHIPPED.items():
        if not set(kinds) & set(person.measured):
            continue
        span = _span(partner.measured, kinds)
        if span is None:
            continue
        begin, end = span
        alone = min(begin, seconds) + max(0.0, seconds - max(begin, end))
        if _matters(alone):
            log.add(
                "partner_short",
                recording=person.recording,
                participant=person.participant,
                stream=source,
                found=f"{partner.participant} from {begin:.2f} to {end:.2f} s: {alone:.2f} s of windows without",
                expected=f"from 0.00 to {seconds:.2f} s",
                action="masked",
            )


def _span(measured: Mapping[str, Measured], kinds: Iterable[str]) -> tuple[float, float] | None:
    """When the first of some streams begins and the last of them ends, None where there is none."""
    held = [measured[kind] for kind in kinds if kind in measured]
    if not held:
        return None
    return min(each.start_s for each in held), max(each.duration_s for each in held)


def _matters(seconds: float) -> bool:
    return round(seconds * LABEL_HZ) > TOLERANCE
