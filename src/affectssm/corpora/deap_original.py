"""DEAP's original recordings: a BDF a subject, whose trials are found by the status channel and the ratings' table."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora.alignment import align
from affectssm.corpora.channels import STATUS_MASK, is_conductance
from affectssm.corpora.deap_ratings import RatedTrial
from affectssm.corpora.listing import Entry
from affectssm.corpora.recorded import checked_file, checked_kinds
from affectssm.corpora.trial_manifest import Trial
from affectssm.media.edf import SignalFile
from affectssm.store.faults import Notes

RATE = 512.0
BASELINE_S, STIMULUS_S = 3.0, 60.0
STIMULUS_CODE = 4


def trials_of(root: Path, entry: Entry, ratings: Entry, rated: list[RatedTrial], notes: Notes) -> list[Trial]:
    """Return the trials of one subject's recording, cut as the preprocessed edition's; faults are noted.

    Raises:
        DataError: where the recording cannot be used.
    """
    subject = notes.participant
    file = checked_file(root / entry.rel, "deap", RATE, notes)
    file.need_seconds(BASELINE_S + STIMULUS_S, "a trial")
    dims, rate = checked_kinds(file, "deap", notes)
    _note_status(file, notes)
    events = file.events(STATUS_MASK["deap"])
    onsets = [event.sample for event in events if event.code == STIMULUS_CODE]
    if not dims:
        return []
    trials = []
    matched = _matched([onset / file.status.rate for onset in onsets], rated, notes)
    for onset, trial in zip(onsets, matched, strict=False):
        recording, start = f"{subject}_v{trial.video:02d}", onset / file.status.rate - BASELINE_S
        if start < 0 or start + BASELINE_S + STIMULUS_S > file.duration_s:
            found = f"a video that begins at {start + BASELINE_S:.2f} s of {file.duration_s:g} s"
            expected = f"{BASELINE_S:g} s before and {STIMULUS_S:g} s after it"
            own = notes.log.about(recording, subject)
            own.add("signal_too_short", "", found, expected, "quarantined")
            continue
        trials.append(
            Trial(
                recording=recording,
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


def _matched(onsets_s: list[float], rated: list[RatedTrial], notes: Notes) -> list[RatedTrial]:
    """The rated trial behind each onset: by order where all are there, by the starts where some are missing."""
    if rated and len(onsets_s) == len(rated):
        return rated
    starts = [trial.start for trial in rated if trial.start is not None]
    places = align(onsets_s, starts) if len(starts) == len(rated) else None
    if places is None:
        found = f"{len(onsets_s)} onsets (code {STIMULUS_CODE}) for {len(rated)} rated trials"
        expected = "one onset a rated trial, or starts that say which are missing"
        notes.add("trials_unmatched", "", found, expected, "quarantined")
        return []
    kept = [rated[place] for place in places]
    missing = ", ".join(str(trial.trial) for trial in rated if trial not in kept)
    found = f"{len(onsets_s)} onsets; by the starts, trials {missing} were not recorded"
    notes.add("trials_missing", "", found, f"{len(rated)} onsets, one a rated trial", "decided")
    return kept


def _note_status(file: SignalFile, notes: Notes) -> None:
    """Report how the status channel is labelled, its high bits, and the unit of the GSR."""
    label = file.status.label
    if label != "Status":
        notes.add("status_label", "status", repr(label), "'Status'", "decided")
    mask = STATUS_MASK["deap"]
    high = sorted({word & ~mask for word in file.status_words() if word > mask})
    if high:
        found = f"words with {', '.join(f'0x{bits:06x}' for bits in high[:4])}"
        notes.add("status_high_bits", "status", found, f"codes within 0x{mask:02x}", "masked")
    unit = next((channel.unit for channel in file.header.channels if channel.label == "GSR1"), "")
    if unit:
        taken = "Ohm: recorded in Geneva"
        if is_conductance("deap", notes.participant):
            taken = "nS, conductance, turned into Ohm (1e9 / nS): recorded in Twente"
        notes.add("unit_decided", "gsr", f"the header says {unit!r}", taken, "decided")
