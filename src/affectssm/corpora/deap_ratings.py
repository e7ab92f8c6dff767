"""DEAP's participant_ratings.csv, which joins the order of presentation, the videos and the ratings.

It is read as the owner made it and as spreadsheets save it again: fields that end at commas, semicolons or tabs,
decimals with a point or a comma, UTF-8 with or without a mark, UTF-16. What does not read is quoted, never taken for
missing.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from affectssm.corpora.channels import SCALE
from affectssm.media.probe import MediaError
from affectssm.media.text import number, quoted, read_text
from affectssm.store.faults import FaultLog, Notes

MAX_BYTES = 16 << 20  # the owner's table has 100 kB
DIMENSIONS = ("valence", "arousal", "dominance", "liking", "familiarity")
_NEEDED = frozenset({"participant_id", "trial", "experiment_id", "valence", "arousal"})
# before the header: blank lines, a spreadsheet's mark
_PREAMBLE = re.compile(r"\s*(?:sep=.)?\s*", re.IGNORECASE)
_DELIMITERS = (",", ";", "\t")
EXPECTED = "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"


@dataclass(frozen=True)
class RatedTrial:
    """A line of the table.

    Attributes:
        participant, trial, video: subject, place in the order of presentation, video.
        start: when it began, in the owner's unit, where that is said.
        ratings: dimension -> rating, from 1 to 9.
        unusable: dimension -> the text that stands in its place and is no such number.
    """

    participant: int
    trial: int
    video: int
    start: float | None
    ratings: Mapping[str, float]
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RatingsTable:
    """The table.

    Attributes:
        by_participant: the lines by participant, in the order of presentation.
        bad_lines: number and text of the lines that do not read.
        problems: (fault code, what was found) where the text is not in UTF-8.
    """

    by_participant: Mapping[int, list[RatedTrial]]
    bad_lines: tuple[tuple[int, str], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()

    def of(self, participant: int) -> list[RatedTrial]:
        """Return a participant's lines."""
        return self.by_participant.get(participant, [])


def read_ratings(path: Path) -> RatingsTable:
    """Read the table. A trial that occurs twice, for a participant, is one that does not read.

    Raises:
        MediaError: if it cannot be read or has other columns.
    """
    text = read_text(path, MediaError, limit=MAX_BYTES)
    lines = text.lines
    head = next((at for at, line in enumerate(lines) if not _PREAMBLE.fullmatch(line)), 0)
    delimiter, names = _columns(lines[head] if lines else "")
    if not set(names) >= _NEEDED:
        quote = f"; the first line is {quoted(lines[head])}" if lines else ""
        found = f"the columns {', '.join(filter(None, names)) or 'none'}{quote}"
        raise MediaError(path, found, EXPECTED, "give metadata_csv of the owner's download")
    grouped: dict[int, list[RatedTrial]] = defaultdict(list)
    bad = []
    for at, line in enumerate(lines[head + 1 :], head + 2):
        fields = _fields(line, delimiter)
        if fields is not None and not any(fields):
            continue
        trial = _trial(names, fields) if fields is not None else None
        known = grouped[trial.participant] if trial else []
        if trial is None or any(trial.trial == old.trial or trial.video == old.video for old in known):
            bad.append((at, line))
        else:
            known.append(trial)
    ordered = {
        key: sorted(trials, key=lambda trial: trial.trial)
        for key, trials in sorted(grouped.items())
        if trials
    }
    if bad and not ordered:
        found = f"no line that reads; line {bad[0][0]} is {quoted(bad[0][1])}"
        raise MediaError(
            path, found, f"numbers under {EXPECTED}", "give metadata_csv of the owner's download"
        )
    return RatingsTable(ordered, tuple(bad), tuple(text.problems))


def note_ratings(table: RatingsTable, log: FaultLog) -> None:
    """Report what is missing in the table."""
    notes = log.about()
    for code, found in table.problems:
        notes.add(code, "ratings", found, "text in UTF-8", "decided")
    if table.bad_lines:
        at, line = table.bad_lines[0]
        numbers = ", ".join(str(at) for at, _ in table.bad_lines[:20])
        expected = f"numbers under {EXPECTED}, a trial and a video once a participant"
        found = f"lines {numbers}; line {at} is {quoted(line)}"
        notes.add("ratings_unparsable", "ratings", found, expected, "ignored")
    for participant, trials in table.by_participant.items():
        _note_participant(trials, log.about(participant=f"s{participant:02d}"))


def _note_participant(trials: list[RatedTrial], notes: Notes) -> None:
    """Report, by dimension, ratings that are not there and texts that are none."""
    for name in DIMENSIONS:
        without = [
            trial.video for trial in trials if name not in trial.ratings and name not in trial.unusable
        ]
        rows = []
        if without:
            videos = "" if len(without) == len(trials) else f": videos {', '.join(map(str, sorted(without)))}"
            rows.append(("rating_missing", f"no {name} in {len(without)} of {len(trials)} trials{videos}"))
        texts = [(trial.video, trial.unusable[name]) for trial in trials if name in trial.unusable]
        for code, is_number in (("rating_missing", True), ("ratings_unparsable", False)):
            alike = [(video, text) for video, text in texts if (number(text) is not None) == is_number]
            if alike:
                example = f"of video {alike[0][0]}: {quoted(alike[0][1])}"
                rows.append((code, f"{name} of {len(alike)} of {len(trials)} trials; {example}"))
        for code, found in rows:
            notes.add(code, "ratings", found, f"a rating from {SCALE[0]:g} to {SCALE[1]:g}", "masked")


def _columns(header: str) -> tuple[str, list[str]]:
    """Return the delimiter that gives a header line the most of our columns, and the names of all of them."""
    found = {mark: [name.lower() for name in _fields(header, mark) or []] for mark in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda mark: len(_NEEDED & set(found[mark])))
    return best, found[best]


def _fields(line: str, delimiter: str) -> list[str] | None:
    """Return a line's fields; None where a quote is not closed. Each line is read by itself, so none hides others."""
    try:
        return [text.strip() for text in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error:
        return None


def _trial(names: list[str], fields: list[str]) -> RatedTrial | None:
    """Return a line's trial; None where its numbers do not read or there is more text than columns."""
    if any(fields[len(names) :]):
        return None
    line = dict(reversed(list(zip(names, fields, strict=False))))  # of two columns of a name the first counts
    places = [number(line.get(name, "")) or 0.0 for name in ("participant_id", "trial", "experiment_id")]
    if any(place != int(place) or not 1 <= place <= 999 for place in places):
        return None
    participant, trial, video = map(int, places)
    ratings, unusable = {}, {}
    for name in DIMENSIONS:
        text = line.get(name, "")
        value = number(text)
        if value is not None and SCALE[0] <= value <= SCALE[1]:
            ratings[name] = value
        elif text:
            unusable[name] = text
    return RatedTrial(participant, trial, video, number(line.get("start_time", "")), ratings, unusable)
