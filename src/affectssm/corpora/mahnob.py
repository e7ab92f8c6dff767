"""MAHNOB-HCI: 30 subjects watch 20 excerpts of films; the emotion experiment, a folder a trial.

A recording is a session of the emotion experiment with a stimulus, named by its folder; neutral clips, which nobody
rated, and the tagging experiments in the same tree are counted and left out. The gaze, audio and video files beside
the signals are not read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from affectssm.corpora.channels import SCALE, STATUS_MASK
from affectssm.corpora.complete import SIGNALS, Look, Whole, copies_of
from affectssm.corpora.listing import Entry, Listing, check_root, walk
from affectssm.corpora.mahnob_files import Session, session_of, signals_name, sort_sessions
from affectssm.corpora.mahnob_session import SessionXml, read_session_xml
from affectssm.corpora.manifest import Manifest
from affectssm.corpora.recorded import checked_file, checked_kinds
from affectssm.corpora.trial_manifest import Trial, first_of, manifest_of
from affectssm.errors import ConfigError, DataError
from affectssm.media.edf import SignalFile
from affectssm.media.text import number, quoted
from affectssm.settings.corpora import TrialCorpusSettings
from affectssm.store.boundary import boundary
from affectssm.store.faults import Action, FaultLog, Notes
from affectssm.store.ids import is_id
from affectssm.vocabulary.corpora import CORPORA

RATE = 256.0
BASELINE_S = 30.0
SHORTEST_S = 4.0
SESSIONS_A_SUBJECT = 130  # folder ids a subject owns


def discover(root: Path, ground_truth: Path | None, settings: TrialCorpusSettings) -> Manifest:
    """Find the trials of MAHNOB-HCI below `root`.

    Raises:
        ConfigError: for withheld labels, which MAHNOB-HCI has none of.
        DataError: a root that does not exist or holds no trial that can be used.
    """
    if ground_truth is not None:
        raise ConfigError("corpora.mahnob", "a folder of withheld labels", "none", "leave --ground-truth out")
    check_root(root, "MAHNOB-HCI")
    log = FaultLog("mahnob")
    listing = walk(root, CORPORA["mahnob"].files, strays=True)
    sessions = sort_sessions(listing, log)
    finder = _Finder(root, log)
    found = [finder.trial(session) for session in sessions]
    trials = [trial for trial in found if trial is not None]
    finder.note_counts({trial.participant for trial in trials})
    return manifest_of(
        "mahnob", listing, trials, settings, log, "**/Sessions/<N>/session.xml and Part_*_emotion.bdf"
    )


def whole(settings: TrialCorpusSettings) -> Whole:
    """Return what MAHNOB-HCI is made of."""
    return Whole("MAHNOB-HCI", {SIGNALS: "sessions with signals"}, _look)


def _look(listing: Listing) -> Look:
    sessions: dict[str, list[Entry]] = defaultdict(list)
    for entry in listing.files:
        number = session_of(entry)
        if number and signals_name(entry):
            sessions[number].append(entry)
    return Look(+Counter({SIGNALS: len(sessions)}), copies_of(listing.root, sessions.values(), levels=2))


class _Finder:
    """Makes trials of sessions; what is wrong goes to the log."""

    def __init__(self, root: Path, log: FaultLog) -> None:
        self.root, self.log = root, log
        self.neutral: Counter[str] = Counter()
        self.tagging: list[str] = []
        self.subjects: set[str] = set()

    def trial(self, session: Session) -> Trial | None:
        """Return a session's trial, or None where it is not one of ours or cannot be used."""
        try:
            with boundary(f"session {session.folder}"):
                return self._trial(session)
        except DataError as error:
            self.log.about(session.folder).caught(error)
            return None

    def _trial(self, session: Session) -> Trial | None:
        if session.tagging and not session.emotion:
            self.tagging.append(session.folder)
            return None
        notes = self.log.about(session.folder)
        if not session.xml:
            expected = "one in every session folder"
            notes.add("missing_annotation", "", "no session.xml", expected, "quarantined")
            return None
        xml = read_session_xml(self.root / session.xml[0].rel)
        if not session.emotion and "tagging" in xml.experiment.lower():
            self.tagging.append(session.folder)
            return None
        subject = f"P{xml.subject}"
        if not is_id(subject):
            notes.add("unsafe_id", "", ascii(xml.subject), "the subject's number", "quarantined")
            return None
        self.subjects.add(subject)
        notes = self.log.about(session.folder, subject)
        for code, found in xml.problems:
            notes.add(code, "", found, "text in the encoding that its XML says", "decided")
        if self._is_neutral(session, xml):
            self.neutral[subject] += 1
            return None
        if not session.emotion:
            notes.add("missing_stream", "", "no .bdf", "Part_<s>_S_Trial<k>_emotion.bdf", "quarantined")
            return None
        entry = first_of(session.emotion, self.log.about(participant=subject))
        _compare_names(session, xml, entry, notes)
        return self._cut(session, entry, notes) if _rated(xml, notes) else None

    def note_counts(self, usable: set[str]) -> None:
        """Report neutral clips a subject, tagging sessions, and subjects of whom nothing is left."""
        for subject, count in sorted(self.neutral.items()):
            notes = self.log.about(participant=subject)
            notes.add("neutral_trials", "", f"{count} neutral clips", "stimuli that were rated", "ignored")
        if self.tagging:
            found = f"{len(self.tagging)} sessions, the first {self.tagging[0]}"
            expected = "sessions of the emotion experiment"
            self.log.about().add("tagging_sessions", "", found, expected, "ignored")
        for subject in sorted(self.subjects - usable):
            notes = self.log.about(participant=subject)
            notes.add("subject_missing", "", "no trial that can be used", "20 trials", "quarantined")

    @staticmethod
    def _is_neutral(session: Session, xml: SessionXml) -> bool:
        """By the name of the signals; without them, by the session, which says what it was."""
        if session.emotion:
            return all(match and match["kind"].upper() == "N" for match in map(signals_name, session.emotion))
        return not xml.is_stimulus

    def _cut(self, session: Session, entry: Entry, notes: Notes) -> Trial | None:
        try:
            with boundary(self.root / entry.rel):
                file = checked_file(self.root / entry.rel, "mahnob", RATE, notes)
                dims, rate = checked_kinds(file, "mahnob", notes)
                span = _span(file, notes)
        except DataError as error:
            notes.caught(error)
            return None
        if span is None or not dims:
            return None
        return Trial(
            recording=session.folder,
            participant=notes.participant,
            signals=entry,
            ratings=session.xml[0],
            dims=dims,
            rate=rate,
            start_s=0.0,
            baseline_s=span[0],
            stimulus_s=span[1] - span[0],
        )


def _compare_names(session: Session, xml: SessionXml, entry: Entry, notes: Notes) -> None:
    """The session's own subject counts; a folder, an id and a file name that disagree are reported."""
    match = signals_name(entry)
    apart = []
    if match and match["subject"] != xml.subject:
        apart.append(f"signals of subject {match['subject']}")
    if match and xml.subject.isdecimal():
        expected = SESSIONS_A_SUBJECT * (int(xml.subject) - 1) + 2 * int(match["trial"])
        if expected != int(session.folder):
            apart.append(f"trial {match['trial']}, whose folder would be {expected}")
    if xml.session and xml.session != session.folder:
        apart.append(f"sessionId {xml.session}")
    if apart:
        own = f"folder {session.folder}, subject {xml.subject}, as its session.xml says"
        notes.add("session_id_odd", "", "; ".join(apart), own, "decided")


def _rated(xml: SessionXml, notes: Notes) -> bool:
    """Whether there is a rating to learn from."""
    scale = f"ratings from {SCALE[0]:g} to {SCALE[1]:g}"
    missing = [name for name in ("valence", "arousal") if name not in xml.felt]
    for name, text in xml.unusable.items():
        code = "ratings_unparsable" if number(text) is None else "rating_missing"
        if text.strip() and (code == "ratings_unparsable" or name not in missing):
            notes.add(code, "", f"{name} {quoted(text)}", scale, "masked")
    if missing:
        texts = [
            f"{name} {quoted(xml.unusable[name])}" if name in xml.unusable else f"no {name}"
            for name in missing
        ]
        action: Action = "quarantined" if len(missing) == 2 else "masked"
        notes.add("rating_missing", "", ", ".join(texts), scale, action)
    return len(missing) < 2


def _span(file: SignalFile, notes: Notes) -> tuple[float, float] | None:
    """When the stimulus begins and ends, in seconds: the two pulses of the status channel."""
    edges = [event.sample / file.status.rate for event in file.events(STATUS_MASK["mahnob"])]
    if len(edges) != 2:
        times = ", ".join(f"{edge:.2f}" for edge in edges[:6])
        found = f"{len(edges)} pulses" + (f" (at {times} s)" if edges else "")
        expected = "two: the stimulus begins, the stimulus ends"
        notes.add("status_edges", "", found, expected, "quarantined")
        return None
    if abs(edges[0] - BASELINE_S) > 1:
        notes.add("baseline_unexpected", "", f"at {edges[0]:.2f} s", f"at {BASELINE_S:g} s", "decided")
    if edges[1] - edges[0] < SHORTEST_S:
        found = f"a stimulus of {edges[1] - edges[0]:.2f} s"
        notes.add("signal_too_short", "", found, f"at least {SHORTEST_S:g} s", "quarantined")
        return None
    return edges[0], edges[1]
