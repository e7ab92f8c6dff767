"""DEAP's participant_ratings.csv, which joins the order of presentation, the videos and the ratings."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectssm.corpora.signals import SCALE
from affectssm.media.probe import MediaError
from affectssm.store.faults import FaultLog
from affectssm.store.files import read_whole

MAX_BYTES = 16 << 20  # the owner's table has 100 kB

DIMENSIONS = ("valence", "arousal", "dominance", "liking", "familiarity")
EXPECTED = "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"


@dataclass(frozen=True)
class RatedTrial:
    """A line: subject, place in the order of presentation, video, start in the owner's unit, ratings there are."""

    participant: int
    trial: int
    video: int
    start: float | None
    ratings: Mapping[str, float]


@dataclass(frozen=True)
class RatingsTable:
    """The lines by participant, in the order of presentation, and the numbers of the lines that do not read."""

    by_participant: Mapping[int, list[RatedTrial]]
    bad_lines: tuple[int, ...]

    def of(self, participant: int) -> list[RatedTrial]:
        """Return a participant's lines."""
        return self.by_participant.get(participant, [])


def read_ratings(path: Path) -> RatingsTable:
    """Read the table. A trial that occurs twice, for a participant, is one that does not read.

    Raises:
        MediaError: if it cannot be read or has other columns.
    """
    try:
        text = read_whole(path, MAX_BYTES).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise MediaError(path, error.strerror or str(error), EXPECTED, "copy the file again") from error
    lines = text.splitlines()
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=delimiter)
    names = {name.strip().lower(): name for name in reader.fieldnames or [] if name}
    if not {"participant_id", "trial", "experiment_id", "valence", "arousal"} <= set(names):
        raise MediaError(
            path,
            f"the columns {', '.join(names) or 'none'}",
            EXPECTED,
            "give metadata_csv of the owner's download",
        )
    grouped: dict[int, list[RatedTrial]] = defaultdict(list)
    bad = []
    for number, line in enumerate(reader, 2):
        trial = _trial({key: line.get(name) or "" for key, name in names.items()})
        known = grouped[trial.participant] if trial else []
        if trial is None or any(trial.trial == old.trial or trial.video == old.video for old in known):
            bad.append(number)
        else:
            known.append(trial)
    ordered = {
        key: sorted(trials, key=lambda trial: trial.trial)
        for key, trials in sorted(grouped.items())
        if trials
    }
    return RatingsTable(ordered, tuple(bad))


def note_ratings(table: RatingsTable, log: FaultLog) -> None:
    """Report what is missing in the table."""
    if table.bad_lines:
        log.add(
            "ratings_unparsable",
            stream="ratings",
            found=f"lines {', '.join(map(str, table.bad_lines[:20]))}",
            expected=f"numbers under {EXPECTED}, a trial and a video once a participant",
            action="ignored",
        )
    for participant, trials in table.by_participant.items():
        for name in DIMENSIONS:
            without = [trial.video for trial in trials if name not in trial.ratings]
            if without:
                videos = (
                    "" if len(without) == len(trials) else f": videos {', '.join(map(str, sorted(without)))}"
                )
                log.add(
                    "rating_missing",
                    participant=f"s{participant:02d}",
                    stream="ratings",
                    found=f"no {name} in {len(without)} of {len(trials)} trials{videos}",
                    expected=f"a rating from {SCALE[0]:g} to {SCALE[1]:g}",
                    action="masked",
                )


def _trial(line: Mapping[str, str]) -> RatedTrial | None:
    try:
        participant, trial, video = (int(line[name]) for name in ("participant_id", "trial", "experiment_id"))
    except ValueError:
        return None
    if min(participant, trial, video) < 1 or max(participant, trial, video) > 999:
        return None
    start = _number(line.get("start_time", ""))
    found = {name: _number(line.get(name, "")) for name in DIMENSIONS}
    ratings = {
        name: value for name, value in found.items() if value is not None and SCALE[0] <= value <= SCALE[1]
    }
    return RatedTrial(participant, trial, video, start, ratings)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
