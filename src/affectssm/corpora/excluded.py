"""What the settings leave out of a corpus: it is in no row, nobody expects it, and the table of faults names it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches

from affectssm.corpora.manifest import Manifest
from affectssm.errors import ConfigError, listed
from affectssm.settings.corpora import Exclusion
from affectssm.store.faults import FaultLog

Unit = tuple[str, str]  # recording and participant


def without(found: Manifest, corpus: str, exclude: Sequence[Exclusion]) -> Manifest:
    """Return a manifest without what is left out, whose faults say what that is in place of what was wrong with it.

    Args:
        found: what the reader found.
        corpus: whose, for messages.
        exclude: what is left out.

    Raises:
        ConfigError: for a name of nothing that was found, naming those that are most like it, or when nothing is left.
    """
    if not exclude:
        return found
    units = _units(found)
    why: dict[Unit, str] = {}
    for place, one in enumerate(exclude):
        where = f"corpora.{corpus}.exclude[{place}]"
        _check(f"{where}.recordings", one.recordings, {recording for recording, _ in units})
        _check(
            f"{where}.participants",
            one.participants,
            {participant for _, participant in units if participant},
        )
        meant = [unit for unit in units if _means(one, unit)]
        if not meant:
            raise ConfigError(
                where, f"{', '.join(one.participants)} of {', '.join(one.recordings)}, of which there is nothing",
                "participants of these recordings", "mend the names",
            )  # fmt: skip
        for unit in meant:
            why.setdefault(unit, one.reason)
    rows = [row for row in found.rows if (row.recording, row.participant) not in why]
    if not rows:
        raise ConfigError(
            f"corpora.{corpus}.exclude",
            "everything is left out",
            "recordings that are used",
            "shorten the list",
        )
    whole = _whole(units, why)
    kept = [
        row
        for row in found.faults.rows
        if row.recording not in whole and (row.recording, row.participant) not in why
    ]
    log = FaultLog(found.faults.corpus, kept)
    for recording, participant, reason in _told(why, whole):
        log.add(
            "excluded", recording=recording, participant=participant, found=f"corpora.{corpus}.exclude: {reason}",
            expected="nothing: it was left out on purpose", action="ignored",
        )  # fmt: skip
    seats = {
        split: {
            recording: left
            for recording, people in held.items()
            if recording not in whole and (left := [one for one in people if (recording, one) not in why])
        }
        for split, held in found.seats.items()
    }
    return replace(found, rows=rows, faults=log, seats=seats)


def _units(found: Manifest) -> list[Unit]:
    """Return whoever was found, with files that can be used or without; ``""`` stands for a recording of nobody."""
    units = {(row.recording, row.participant) for row in found.rows}
    units |= {(fault.recording, fault.participant) for fault in found.faults.rows if fault.recording}
    for held in found.seats.values():
        units |= {(recording, one) for recording, people in held.items() for one in people}
    return sorted(units)


def _means(one: Exclusion, unit: Unit) -> bool:
    recording, participant = unit
    return (not one.recordings or recording in one.recordings) and (
        not one.participants or participant in one.participants
    )


def _check(where: str, names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.5)
            remedy = f"did you mean {', '.join(near)}?" if near else "mend the name"
            raise ConfigError(
                where, f"{name!r}, which there is not", f"one of {listed(sorted(known), 8)}", remedy
            )


def _whole(units: Sequence[Unit], why: Collection[Unit]) -> set[str]:
    """Return recordings of which everybody is left out."""
    left = {
        recording for recording, participant in units if participant and (recording, participant) not in why
    }
    return {recording for recording, _ in why} - left


def _told(why: dict[Unit, str], whole: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield recording, participant ("" for all) and reason, each once."""
    for recording in sorted(whole):
        reasons = dict.fromkeys(reason for (name, _), reason in why.items() if name == recording)
        yield recording, "", "; ".join(reasons)
    for (recording, participant), reason in sorted(why.items()):
        if recording not in whole and participant:
            yield recording, participant, reason
