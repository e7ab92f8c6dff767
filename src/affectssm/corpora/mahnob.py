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
from affectssm.store.faults import Action, FaultLog
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
            self._fault(error.code or "unreadable_file", session, "", error.found, error.expected)
            return None

    def _trial(self, session: Session) -> Trial | None:
        if session.tagging and not session.emotion:
            self.tagging.append(session.folder)
            return None
        if not session.xml:
            self._fault("missing_annotation", session, "", "no session.xml", "one in every session folder")
            return None
        xml = read_session_xml(self.root / session.xml[0].rel)
        if not session.emotion and "tagging" in xml.experiment.lower():
            self.tagging.append(session.folder)
            return None
        subject = f"P{xml.subject}"
        if not is_id(subject):
            self._fault("unsafe_id", session, "", ascii(xml.subject), "the subject's number")
            return None
        self.subjects.add(subject)
        for code, found in xml.problems:
            self._fault(code, session, subject, found, "text in the encoding that its XML says", "decided")
        if self._is_neutral(session, xml):
            self.neutral[subject] += 1
            return None
        if not session.emotion:
            self._fault("missing_stream", session, subject, "no .bdf", "Part_<s>_S_Trial<k>_emotion.bdf")
            return None
        entry = first_of(session.emotion, subject, self.log)
        self._compare_names(session, xml, entry, subject)
        return self._cut(session, xml, entry, subject) if self._rated(session, xml, subject) else None

    def note_counts(self, usable: set[str]) -> None:
        """Report neutral clips a subject, tagging sessions, and subjects of whom nothing is left."""
        for subject, count in sorted(self.neutral.items()):
            self.log.add(
                "neutral_trials", participant=subject, found=f"{count} neutral clips",
                expected="stimuli that were rated", action="ignored",
            )  # fmt: skip
        if self.tagging:
            self.log.add(
                "tagging_sessions", found=f"{len(self.tagging)} sessions, the first {self.tagging[0]}",
                expected="sessions of the emotion experiment", action="ignored",
            )  # fmt: skip
        for subject in sorted(self.subjects - usable):
            self.log.add(
                "subject_missing", participant=subject, found="no trial that can be used", expected="20 trials",
                action="quarantined",
            )  # fmt: skip

    def _fault(
        self,
        code: str,
        session: Session,
        subject: str,
        found: str,
        expected: str,
        action: Action = "quarantined",
    ) -> None:
        self.log.add(
            code, recording=session.folder, participant=subject, found=found, expected=expected, action=action
        )

    @staticmethod
    def _is_neutral(session: Session, xml: SessionXml) -> bool:
        """By the name of the signals; without them, by the session, which says what it was."""
        if session.emotion:
            return all(match and match["kind"].upper() == "N" for match in map(signals_name, session.emotion))
        return not xml.is_stimulus

    def _compare_names(self, session: Session, xml: SessionXml, entry: Entry, subject: str) -> None:
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
            expected_text = f"folder {session.folder}, subject {xml.subject}, as its session.xml says"
            self._fault("session_id_odd", session, subject, "; ".join(apart), expected_text, "decided")

    def _rated(self, session: Session, xml: SessionXml, subject: str) -> bool:
        """Whether there is a rating to learn from."""
        scale = f"ratings from {SCALE[0]:g} to {SCALE[1]:g}"
        missing = [name for name in ("valence", "arousal") if name not in xml.felt]
        for name, text in xml.unusable.items():
            code = "ratings_unparsable" if number(text) is None else "rating_missing"
            if text.strip() and (code == "ratings_unparsable" or name not in missing):
                self._fault(code, session, subject, f"{name} {quoted(text)}", scale, "masked")
        if missing:
            texts = [
                f"{name} {quoted(xml.unusable[name])}" if name in xml.unusable else f"no {name}"
                for name in missing
            ]
            action: Action = "quarantined" if len(missing) == 2 else "masked"
            self._fault("rating_missing", session, subject, ", ".join(texts), scale, action)
        return len(missing) < 2

    def _cut(self, session: Session, xml: SessionXml, entry: Entry, subject: str) -> Trial | None:
        file = checked_file(self.root / entry.rel, "mahnob", subject, session.folder, RATE, self.log)
        if file is None:
            return None
        try:
            with boundary(self.root / entry.rel):
                dims, rate = checked_kinds(file, "mahnob", subject, session.folder, self.log)
                span = self._span(session, file, subject)
        except DataError as error:
            self._fault(error.code or "unreadable_file", session, subject, error.found, error.expected)
            return None
        if span is None or not dims:
            return None
        return Trial(
            recording=session.folder,
            participant=subject,
            signals=entry,
            ratings=session.xml[0],
            dims=dims,
            rate=rate,
            start_s=0.0,
            baseline_s=span[0],
            stimulus_s=span[1] - span[0],
        )

    def _span(self, session: Session, file: SignalFile, subject: str) -> tuple[float, float] | None:
        """When the stimulus begins and ends, in seconds: the two pulses of the status channel."""
        edges = [event.sample / file.status.rate for event in file.events(STATUS_MASK["mahnob"])]
        if len(edges) != 2:
            times = ", ".join(f"{edge:.2f}" for edge in edges[:6])
            found = f"{len(edges)} pulses" + (f" (at {times} s)" if edges else "")
            self._fault(
                "status_edges", session, subject, found, "two: the stimulus begins, the stimulus ends"
            )
            return None
        if abs(edges[0] - BASELINE_S) > 1:
            self._fault(
                "baseline_unexpected",
                session,
                subject,
                f"at {edges[0]:.2f} s",
                f"at {BASELINE_S:g} s",
                "decided",
            )
        if edges[1] - edges[0] < SHORTEST_S:
            found = f"a stimulus of {edges[1] - edges[0]:.2f} s"
            self._fault("signal_too_short", session, subject, found, f"at least {SHORTEST_S:g} s")
            return None
        return edges[0], edges[1]
