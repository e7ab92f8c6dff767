"""Which subjects and trials the demo corpora of bio-signals hold, and which specimens of faults lie where.

Names, shapes, rates and faults are those of the distributed corpora; there are fewer subjects and trials, and the
excerpts of MAHNOB-HCI are shorter. The first edition has ten subjects a corpus, of whom three choose the constants of
adaptation (the segments of fewer are too short a stream to tell a rate that does harm later): seven are left, one more
than an interval needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from affectssm.errors import ConfigError

EDITIONS = ("physio", "physio-tiny", "physio-original")
# what lies in a specimen of DEAP -> fault code (store/faults.py)
DEAP_KINDS = {
    "familiarity": "rating_missing",
    "valence_missing": "rating_missing",
    "ratings_differ": "ratings_differ",
    "trials_missing": "trials_missing",
    "pickle_runs": "unsafe_file",
    "pickle_cut": "unreadable_file",
    "other_shape": "signal_shape",
    "label_empty": "status_label",
    "label_minus_one": "status_label",
    "high_bits": "status_high_bits",
    "bdf_cut": "truncated_media",
    "one_second": "signal_too_short",
    "no_zygomaticus": "channel_missing",
    "face_videos": "face_video_missing",
    "ds_store": "stray_file",
    "bad_line": "ratings_unparsable",
    "nothing_left": "subject_missing",
    "gsr_unit": "unit_decided",
}
MAHNOB_KINDS = {
    "no_bdf": "missing_stream",
    "one_pulse": "status_edges",
    "three_pulses": "status_edges",
    "xml_bomb": "unsafe_file",
    "no_xml": "missing_annotation",
    "no_ratings": "rating_missing",
    "valence_missing": "rating_missing",
    "bdf_cut": "truncated_media",
    "no_gsr": "channel_missing",
    "early": "baseline_unexpected",
    "idle_gsr": "signal_idle",
    "other_id": "session_id_odd",
    "neutral": "neutral_trials",
    "tagging": "tagging_sessions",
    "only_bad": "subject_missing",
    "ds_store": "stray_file",
}


@dataclass(frozen=True)
class DeapSubject:
    """A subject of DEAP: how many trials were rated, what is wrong with its files, and in how many visits it came."""

    number: int
    trials: int
    specimens: tuple[str, ...] = ()
    visits: int = 1

    def later(self, video: int) -> bool:
        """Whether a trial is of a second visit, to which the videos of the second half belong."""
        return self.visits > 1 and 2 * video > self.trials + 1

    @property
    def name(self) -> str:
        """The owner's name."""
        return f"s{self.number:02d}"

    def has(self, kind: str) -> bool:
        """Whether it is a specimen of this."""
        return kind in self.specimens

    @property
    def unreadable(self) -> bool:
        """Whether there is nothing to learn from: such files are small."""
        return bool(
            {"pickle_runs", "pickle_cut", "other_shape", "bdf_cut", "one_second"} & set(self.specimens)
        )


@dataclass(frozen=True)
class MahnobTrial:
    """A session of the emotion experiment: subject, number of the trial, what is wrong with it."""

    subject: int
    trial: int
    specimens: tuple[str, ...] = ()

    @property
    def folder(self) -> int:
        """The owner's number for the session."""
        return 130 * (self.subject - 1) + 2 * self.trial

    def has(self, kind: str) -> bool:
        """Whether it is a specimen of this."""
        return kind in self.specimens

    @property
    def planted(self) -> bool:
        """Whether it holds a whole trial with what was planted; the others are small."""
        return not set(self.specimens) - {"valence_missing", "other_id"}


@dataclass(frozen=True)
class Layout:
    """An edition: the variant of DEAP, its subjects, MAHNOB-HCI's trials and the seconds of their stimuli."""

    variant: str
    deap: tuple[DeapSubject, ...]
    mahnob: tuple[MahnobTrial, ...]
    stimulus_s: float


def _good(subject: int, trials: int, **specimens: str) -> tuple[MahnobTrial, ...]:
    odd = {int(place.removeprefix("t")): kind for place, kind in specimens.items()}
    return tuple(
        MahnobTrial(subject, trial, (odd[trial],) if trial in odd else ()) for trial in range(1, trials + 1)
    )


_BAD_MAHNOB = (
    MahnobTrial(1, 17, ("no_bdf",)),
    MahnobTrial(1, 18, ("one_pulse",)),
    MahnobTrial(1, 19, ("three_pulses",)),
    MahnobTrial(2, 17, ("xml_bomb",)),
    MahnobTrial(2, 18, ("no_xml",)),
    MahnobTrial(2, 19, ("no_ratings",)),
    MahnobTrial(3, 17, ("bdf_cut",)),
    MahnobTrial(12, 1, ("no_bdf", "only_bad")),
)
_ODD_MAHNOB = (MahnobTrial(3, 18, ("no_gsr", "early")), MahnobTrial(3, 19, ("idle_gsr",)))
_LAYOUTS = {
    "physio": Layout(
        "preprocessed",
        (
            DeapSubject(1, 4, ("ratings_differ",), 2),
            DeapSubject(2, 4, ("familiarity",), 2),
            DeapSubject(3, 5, ("valence_missing", "trials_missing"), 2),
            DeapSubject(5, 4, ("pickle_runs",)),
            DeapSubject(6, 4, ("pickle_cut",)),
            DeapSubject(7, 4, ("other_shape",)),
            *(DeapSubject(number, 4, visits=2) for number in (4, 8, 9, 10, 11, 12, 13)),
        ),
        (
            *_good(1, 4),
            *_good(2, 4, t4="valence_missing"),
            *_good(3, 4, t4="other_id"),
            *(trial for subject in range(4, 11) for trial in _good(subject, 4)),
            *_BAD_MAHNOB,
            *_ODD_MAHNOB,
        ),
        48.0,
    ),
    "physio-tiny": Layout(
        "preprocessed",
        (DeapSubject(1, 4), DeapSubject(2, 4, ("familiarity",)), DeapSubject(5, 4, ("pickle_runs",))),
        (*_good(1, 4), *_good(2, 4), MahnobTrial(1, 17, ("no_bdf",)), MahnobTrial(1, 18, ("one_pulse",))),
        8.0,
    ),
    "physio-original": Layout(
        "original",
        (
            DeapSubject(1, 6, ("high_bits",)),
            DeapSubject(2, 6, ("familiarity", "bdf_cut")),
            DeapSubject(27, 6, ("one_second",)),
            DeapSubject(28, 8, ("label_empty", "trials_missing", "high_bits")),
            DeapSubject(30, 6, ("label_minus_one", "no_zygomaticus", "high_bits")),
        ),
        (),
        0.0,
    ),
}


def layout(edition: str) -> Layout:
    """Return the layout of an edition.

    Raises:
        ConfigError: if there is no such edition.
    """
    if edition not in EDITIONS:
        raise ConfigError(
            "edition of the demo corpora of bio-signals", repr(edition), f"one of {', '.join(EDITIONS)}",
            "name one of these, or give the folder of a real corpus",
        )  # fmt: skip
    return _LAYOUTS[edition]


def specimens(found: Layout) -> list[tuple[str, str, str, str, str]]:
    """Return (corpus, participant, recording, kind, fault code) of every specimen."""
    rows = [("deap", "", "", kind, DEAP_KINDS[kind]) for kind in ("ds_store", "bad_line")]
    for subject in found.deap:
        kinds = list(subject.specimens)
        kinds += ["face_videos"] if subject.number > 1 else []
        kinds += (
            ["nothing_left"] if subject.unreadable else ["gsr_unit"] if found.variant == "original" else []
        )
        rows += [("deap", subject.name, "", kind, DEAP_KINDS[kind]) for kind in kinds]
    if found.mahnob:
        rows += [("mahnob", "", "", kind, MAHNOB_KINDS[kind]) for kind in ("ds_store", "tagging")]
        rows += [("mahnob", f"P{number}", "", "neutral", MAHNOB_KINDS["neutral"]) for number in (1, 2)]
    for trial in found.mahnob:
        for kind in trial.specimens:
            recording = "" if kind == "only_bad" else str(trial.folder)
            rows.append(("mahnob", f"P{trial.subject}", recording, kind, MAHNOB_KINDS[kind]))
    return sorted(rows)
