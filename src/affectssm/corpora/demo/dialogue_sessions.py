"""Which recordings the demo corpora hold, and which specimens of faults lie where.

Identifiers, seats, file names and faults are those of the distributed corpora. Specimens that cost data lie
in short recordings of their own in NoXi's training part, so that the other recordings and all test parts stay
whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from affectssm.errors import ConfigError

EDITIONS = ("demo", "demo-tiny", "demo-withheld", "demo-tiny-withheld")
DYAD = ("expert", "novice")
SHORT_S = 5.0
TINY_S = 3.2
NOT_A_SESSION = "annotator-notes"
# names of the supplied streams in MultiMediate'24 and since '25
NAMES_24 = {
    "egemapsv2": "audio.egemapsv2",
    "w2vbert2": "audio.w2vbert2_embeddings",
    "clip": "video.clip",
    "openface2": "video.openface2",
    "openpose": "video.openpose",
}
NAMES_25 = NAMES_24 | {name: name for name in ("clip", "openface2", "openpose")}

# kind of specimen -> (fault code of store/faults.py, or none for what is only unusual; the stream concerned)
KINDS: dict[str, tuple[str, str]] = {
    "label_tokens": ("label_not_a_number", "annotation"),
    "label_range": ("label_out_of_range", "annotation"),
    "label_longer": ("label_rows_differ", "annotation"),
    "label_shorter": ("label_rows_differ", "annotation"),
    "label_latin1": ("latin1_text", "annotation"),
    "label_word": ("label_not_a_number", "annotation"),  # the word that makes the file latin-1
    "label_missing": ("missing_annotation", "annotation"),
    "transcript_latin1": ("latin1_text", "transcript"),
    "w2vbert2_rate": ("stream_rate_decided", "w2vbert2"),
    "two_chunks": ("", "egemapsv2"),
    "loose_key": ("", "egemapsv2"),
    "header_not_xml": ("stream_header_repaired", "egemapsv2"),
    "short_body": ("stream_short_body", "egemapsv2"),
    "xlm_roberta_2hz": ("stream_low_rate", "xlm_roberta_embeddings"),
    "dino_2304": ("stream_dim_unexpected", "dino"),
    "no_face": ("no_face", "video"),
    "silent": ("silent_audio", "audio"),
    "mp4_without_index": ("unreadable_media", "video"),
    "mp4_cut": ("truncated_media", "video"),
    "features_only": ("no_raw_media", "video"),
    "alone": ("no_partner", ""),
    "empty_seat": ("empty_seat", ""),
    "visual_only": ("visual_without_audio", "clip"),
    "scene_stream": ("unknown_role", "clip"),
    "parallel_tree": ("parallel_tree", "annotation"),
    "not_a_session": ("not_a_session", ""),
}


@dataclass(frozen=True)
class Session:
    """One recording.

    Attributes:
        folder: ``noxi`` or ``mpiigi``, the root it lies below.
        split: the split's folder.
        seats: participants with sound and label.
        specimens: (participant, kind) pairs; no participant where the whole recording is meant.
        raw_media: whether it comes with raw audio and video.
    """

    folder: str
    split: str
    name: str
    seconds: float
    seats: tuple[str, ...] = DYAD
    language: str = "German"
    specimens: tuple[tuple[str, str], ...] = ()
    raw_media: bool = True

    @property
    def corpus(self) -> str:
        """The corpus it counts for."""
        return "noxi_add" if self.split == "test-additional" else self.folder

    @property
    def key(self) -> str:
        """Names the recording among all recordings of all corpora."""
        return f"{self.folder}/{self.name}"

    @property
    def is_test(self) -> bool:
        """Whether the owner withholds its labels."""
        return self.split.startswith("test")

    @property
    def stream_names(self) -> dict[str, str]:
        """File names of the supplied streams, per feature."""
        return NAMES_25 if self.is_test or self.folder == "mpiigi" else NAMES_24

    @property
    def w2vbert2_rate(self) -> float:
        """The rate its w2vbert2 headers give; the rows are at 25 Hz everywhere."""
        return 25.0 if (self.folder, self.split) == ("mpiigi", "test") else 40.0

    def has(self, participant: str, kind: str) -> bool:
        """Whether it holds this specimen."""
        return (participant, kind) in self.specimens


@dataclass(frozen=True)
class Specimen:
    """A row of ``truth/specimens.csv``."""

    corpus: str
    split: str
    recording: str
    participant: str
    stream: str
    kind: str
    code: str


def _seats(*numbers: int) -> tuple[str, ...]:
    return tuple(f"subjectPos{number}" for number in numbers)


def _train(name: str, seconds: float, language: str, *specimens: tuple[str, str]) -> Session:
    return Session("noxi", "train", name, seconds, language=language, specimens=specimens)


_TOKENS = ("expert", "label_tokens")
_LATIN1 = ("expert", "transcript_latin1")
_RANGE = ("novice", "label_range")
_WHOLE = (
    _train("001", 36, "French", _TOKENS, _LATIN1),
    _train("013", 33, "French", _RANGE, ("expert", "label_shorter")),
    _train("026", 30, "English", ("expert", "label_longer")),
    _train("042", 28, "English", ("novice", "xlm_roberta_2hz")),
    _train("066", 26, "German", ("novice", "label_latin1"), ("novice", "label_word")),
    _train(
        "070", 26, "German",
        ("expert", "two_chunks"), ("expert", "loose_key"), ("novice", "header_not_xml"),
    ),
    Session("noxi", "val", "005", 26, language="French"),
    Session("noxi", "val", "078", 24),
    Session("noxi", "test-base", "010", 26, language="French"),
    Session("noxi", "test-base", "035", 24, language="English"),
    Session("noxi", "test-base", "080", 22),
    Session("noxi", "test-additional", "090", 22, language="Italian"),
    Session("noxi", "test-additional", "095", 20, language="Spanish"),
    Session(
        "mpiigi", "val", "026", 20, _seats(2, 3, 4),
        specimens=(("subjectPos1", "empty_seat"), ("subjectPos2", "dino_2304")),
    ),
    Session("mpiigi", "val", "027", 10, _seats(2, 3, 4), specimens=(("subjectPos1", "empty_seat"),)),
    Session("mpiigi", "test", "001", 10, _seats(1, 2, 3), specimens=(("subjectPos4", "visual_only"),)),
    Session("mpiigi", "test", "002", 20, _seats(1, 2, 3, 4), specimens=(("s", "scene_stream"),)),
)  # fmt: skip
_BAD = (
    _train("050", SHORT_S, "English", ("expert", "short_body"), ("novice", "label_missing")),
    _train("052", SHORT_S, "English", ("expert", "no_face"), ("novice", "silent")),
    _train("055", SHORT_S, "English", ("expert", "mp4_without_index"), ("novice", "mp4_cut")),
    replace(_train("056", SHORT_S, "English", ("", "alone")), seats=("novice",)),
    _train("067", SHORT_S, "German", ("expert", "features_only"), ("novice", "features_only")),
)
_THREE, _NOBODY = _seats(2, 3, 4), (("subjectPos1", "empty_seat"),)
_TINY = (  # raw media of NoXi alone: how every feature is extracted is seen there, and it is what takes the time
    _train("001", TINY_S, "French", _TOKENS, _LATIN1, _RANGE),
    _train(
        "013", TINY_S, "French"
    ),  # a second one, so that one can be held out where the validation part is reported
    Session("noxi", "val", "005", TINY_S, language="French"),
    Session("noxi", "test-base", "010", TINY_S, language="French"),
    Session("noxi", "test-additional", "090", TINY_S, language="Italian", raw_media=False),
    Session("mpiigi", "val", "026", TINY_S, _THREE, specimens=_NOBODY, raw_media=False),
    Session("mpiigi", "val", "027", TINY_S, _THREE, specimens=_NOBODY, raw_media=False),
    Session(
        "mpiigi", "test", "001", TINY_S, _seats(1, 2, 3),
        specimens=(("subjectPos4", "visual_only"),), raw_media=False,
    ),
)  # fmt: skip


def sessions(edition: str) -> tuple[Session, ...]:
    """Return the recordings of an edition.

    Raises:
        ConfigError: if there is no such edition.
    """
    if edition not in EDITIONS:
        raise ConfigError(
            "edition of the demo corpora",
            repr(edition),
            f"one of {', '.join(EDITIONS)}",
            "name one of these, or give the folder of a real corpus",
        )
    return _TINY if "tiny" in edition else _WHOLE + _BAD


def _with_media(edition: str) -> set[str]:
    return {session.corpus for session in sessions(edition) if session.raw_media}


def withheld(edition: str) -> bool:
    """Whether the edition comes without its test labels."""
    return edition.endswith("-withheld")


def specimens(edition: str) -> Iterator[Specimen]:
    """Yield every specimen of an edition, those that lie in every recording of a kind included."""
    for corpus in sorted({session.corpus for session in sessions(edition)} - _with_media(edition)):
        code, stream = KINDS["features_only"]
        yield Specimen(corpus, "", "", "", stream, "features_only", code)
    for session in sessions(edition):
        in_trees = session.raw_media or not session.is_test  # media or labels
        everywhere = [("", "parallel_tree")] if session.folder == "mpiigi" and in_trees else []
        if session.w2vbert2_rate != 25:
            everywhere += [(seat, "w2vbert2_rate") for seat in session.seats]
        for participant, kind in (*session.specimens, *everywhere):
            code, stream = KINDS[kind]
            yield Specimen(session.corpus, session.split, session.name, participant, stream, kind, code)
    code, stream = KINDS["not_a_session"]
    yield Specimen("noxi", "train", NOT_A_SESSION, "", stream, "not_a_session", code)
