"""DEAP's original recordings: a BDF a subject, whose trials are found by the status channel and the ratings' table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from affectssm.corpora.alignment import align
from affectssm.corpora.channels import STATUS_MASK, is_conductance
from affectssm.corpora.deap_ratings import RatedTrial, RatingsTable
from affectssm.corpora.listing import Entry
from affectssm.corpora.recorded import checked_file, checked_kinds
from affectssm.corpora.trial_manifest import Trial
from affectssm.errors import DataError
from affectssm.media.edf import SignalFile
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog

RATE = 512.0
BASELINE_S, STIMULUS_S = 3.0, 60.0
STIMULUS_CODE = 4


def trials_of(
    root: Path, entry: Entry, number: int, ratings: Entry, table: RatingsTable, log: FaultLog
) -> list[Trial]:
    """Return the trials of one subject's recording, cut as the preprocessed edition's; faults go to the log."""
    subject = f"s{number:02d}"
    file = checked_file(root / entry.rel, "deap", subject, "", RATE, log)
    if file is None:
        return []
    try:
        with boundary(root / entry.rel):
            file.need_seconds(BASELINE_S + STIMULUS_S, "a trial")
            dims, rate = checked_kinds(file, "deap", subject, "", log)
            _note_status(file, subject, log)
            events = file.events(STATUS_MASK["deap"])
            onsets = [event.sample for event in events if event.code == STIMULUS_CODE]
    except DataError as error:
        short = error.found.startswith("too short")
        log.add(
            "signal_too_short" if short else error.code or "unreadable_file",
            participant=subject, found=error.found, expected=error.expected, action="quarantined",
        )  # fmt: skip
        return []
    if not dims:
        return []
    rated = _matched([onset / file.status.rate for onset in onsets], subject, table.of(number), log)
    trials = []
    for onset, trial in zip(onsets, rated, strict=False):
        start = onset / file.status.rate - BASELINE_S
        if start < 0 or start + BASELINE_S + STIMULUS_S > file.duration_s:
            log.add(
                "signal_too_short",
                recording=f"{subject}_v{trial.video:02d}",
                participant=subject,
                found=f"a video that begins at {start + BASELINE_S:.2f} s of {file.duration_s:g} s",
                expected=f"{BASELINE_S:g} s before and {STIMULUS_S:g} s after it",
                action="quarantined",
            )
            continue
        trials.append(
            Trial(
                recording=f"{subject}_v{trial.video:02d}",
                participant=subject,
                signals=entry,
                ratings=ratings,
                dims=dims,
                rate=rate,
                start_s=start,
                baseline_s=BASELINE_S,
                stimulus_s=STIMULUS_S,
            )
        )
    return trials


def _matched(onsets_s: list[float], subject: str, rated: list[RatedTrial], log: FaultLog) -> list[RatedTrial]:
    """The rated trial behind each onset: by order where all are there, by the starts where some are missing."""
    if rated and len(onsets_s) == len(rated):
        return rated
    starts = [trial.start for trial in rated if trial.start is not None]
    places = align(onsets_s, starts) if len(starts) == len(rated) else None
    if places is None:
        log.add(
            "trials_unmatched",
            participant=subject,
            found=f"{len(onsets_s)} onsets (code {STIMULUS_CODE}) for {len(rated)} rated trials",
            expected="one onset a rated trial, or starts that say which are missing",
            action="quarantined",
        )
        return []
    kept = [rated[place] for place in places]
    missing = ", ".join(str(trial.trial) for trial in rated if trial not in kept)
    log.add(
        "trials_missing",
        participant=subject,
        found=f"{len(onsets_s)} onsets; by the starts, trials {missing} were not recorded",
        expected=f"{len(rated)} onsets, one a rated trial",
        action="decided",
    )
    return kept


def _note_status(file: SignalFile, subject: str, log: FaultLog) -> None:
    """Report how the status channel is labelled, its high bits, and the unit of the GSR."""
    label = file.status.label
    if label != "Status":
        log.add(
            "status_label", participant=subject, stream="status", found=repr(label), expected="'Status'",
            action="decided",
        )  # fmt: skip
    high = Counter(word & ~STATUS_MASK["deap"] for word in file.status_words() if word > STATUS_MASK["deap"])
    if high:
        log.add(
            "status_high_bits", participant=subject, stream="status",
            found=f"words with {', '.join(f'0x{bits:06x}' for bits in sorted(high)[:4])}",
            expected=f"codes within 0x{STATUS_MASK['deap']:02x}", action="masked",
        )  # fmt: skip
    unit = next((channel.unit for channel in file.header.channels if channel.label == "GSR1"), "")
    if unit:
        conductance = is_conductance("deap", subject)
        log.add(
            "unit_decided", participant=subject, stream="gsr",
            found=f"the header says {unit!r}",
            expected="nS, conductance, turned into Ohm (1e9 / nS): recorded in Twente" if conductance
            else "Ohm: recorded in Geneva", action="decided",
        )  # fmt: skip
