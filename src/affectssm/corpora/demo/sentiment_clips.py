"""Which clips the sentiment demo holds, and which specimens of faults lie where; shapes and names are the owners'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from affectssm.corpora.demo.seeds import generator
from affectssm.errors import ConfigError

UNLABELLED = "unlabelled"
OWNERS_SPLIT = {"train": "train", "val": "valid", "test": "test"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True)
class Form:
    """How a corpus comes.

    Attributes:
        corpus: its name, the folder of the demo.
        labels: half the range of a label, and how many values there are to a unit.
        scale: of the planted sentiment, which has about unit size.
        tokens: the least and the most tokens of a clip, CLS and SEP among them; the last is the length of ``text``.
        audio, vision: (length, columns); sequences are at least a fifth as long.
        text_kind: the type of ``text``; as the sizes of the distributed files tell, the other arrays are float64.
        by_modality: whether it has labels of text, audio and vision alone.
        chinese: whether it is spoken in Chinese.
    """

    corpus: str
    labels: tuple[int, int]
    scale: float
    tokens: tuple[int, int]
    audio: tuple[int, int]
    vision: tuple[int, int]
    text_kind: type[np.floating] = np.float32
    by_modality: bool = True
    chinese: bool = True


FORMS = {
    "mosei": Form("mosei", (3, 3), 1.2, (26, 50), (500, 74), (500, 35), by_modality=False, chinese=False),
    "sims": Form("sims", (1, 5), 0.45, (24, 39), (400, 33), (55, 709)),
    "simsv2": Form("simsv2", (1, 5), 0.45, (26, 50), (925, 25), (232, 177), np.float64),
}
# what is odd about a clip -> its fault code; empty where it is only unusual
KINDS = {
    "not_finite_audio": "stream_not_finite",
    "not_finite_vision": "stream_not_finite",
    "no_vision": "stream_empty",
    "in_two_parts": "duplicate_clip",
    "same_columns": "",
    "twice": "duplicate_clip",
    "accent": "latin1_text",
    "gb18030": "gb18030_text",
    "full_width": "",
    "no_words": "empty_transcript",
    "out_of_range": "label_out_of_range",
    "broken": "unreadable_media",
    "no_face": "no_face",
    "short": "clip_short",
    "no_sound": "no_audio_stream",
    "no_file": "clip_without_file",
    "unlisted": "files_without_clip",
    "no_labels": "fold_unlabelled",
    "no_fold": "label_without_fold",
}
NOT_FINITE: dict[str, dict[str, tuple[float, ...]]] = {
    "mosei": {"audio": (-np.inf, np.nan)},
    "sims": {"audio": (-np.inf,)},
    "simsv2": {"audio": (-np.inf,), "vision": (-np.inf,)},
}


@dataclass(frozen=True)
class Clip:
    """A clip: ``raw`` says whether its video is there, ``specimens`` what is odd about it."""

    corpus: str
    video: str
    clip: str
    split: str
    raw: bool = False
    specimens: tuple[str, ...] = ()

    @property
    def recording(self) -> str:
        """The name that all forms of the corpus share."""
        return f"{self.video}[{self.clip}]"


@dataclass(frozen=True)
class Layout:
    """An edition.

    Attributes:
        clips: corpus -> its clips in pickles.
        extra: corpus -> clips that are raw alone.
        timed: the clips of computational sequences, all of CMU-MOSEI.
        raw_s: seconds of a raw clip.
    """

    clips: dict[str, tuple[Clip, ...]]
    extra: dict[str, tuple[Clip, ...]]
    timed: tuple[Clip, ...]
    raw_s: float

    def specimens(self) -> list[tuple[str, str, str, str]]:
        """Return corpus, recording, kind and fault code of every specimen, in order."""
        parts = (*self.clips.values(), *self.extra.values(), self.timed)
        found = [
            (clip.corpus, clip.recording, kind, KINDS[kind])
            for clips in parts
            for clip in clips
            for kind in clip.specimens
        ]
        return sorted({*found, ("mosei", "", "same_columns", "")})


# corpus -> split -> (videos, clips of each); raw: the first clips of the first videos of a split
Counts = dict[str, dict[str, tuple[int, int]]]
_WHOLE: Counts = {
    "mosei": {"train": (80, 5), "val": (15, 4), "test": (25, 4)},
    "sims": {"train": (24, 5), "val": (10, 4), "test": (20, 4)},
    "simsv2": {"train": (24, 5), "val": (10, 4), "test": (20, 4), UNLABELLED: (4, 3)},
}
_TINY: Counts = {
    corpus: {"train": (6, 4), "val": (5, 2), "test": (7, 2)}
    | ({UNLABELLED: (2, 2)} if corpus == "simsv2" else {})
    for corpus in FORMS
}
_RAW = {"sentiment": (3, 2, 2, 1), "sentiment-tiny": (1, 1, 1, 1)}
# what is odd about clips of the training part: (video, clip) -> kinds
_ODD = {
    "mosei": {(0, 0): ("twice", "accent"), (0, 1): ("not_finite_audio",), (1, 1): ("no_vision",)},
    "sims": {(0, 0): ("full_width", "gb18030"), (0, 1): ("not_finite_audio",)},
    "simsv2": {(0, 1): ("not_finite_audio", "not_finite_vision"), (1, 1): ("in_two_parts",)},
}
_EXTRA = {
    "mosei": ("no_words", "out_of_range", "broken"),
    "sims": ("no_face", "short"),
    "simsv2": ("no_sound", "no_file", "unlisted"),
}
_OF_TINY = {"no_words", "out_of_range", "no_file"}
# videos of computational sequences: real ids of CMU-MOSEI's standard folds, but for the last one -> split and kinds
_TIMED = {
    "-iRBcNs9oI8": ("train", ()),
    "-ZgjBOA1Yhw": ("train", ()),
    "HuIKyKkEL0Q": ("train", ("no_vision",)),
    "--qXJuDtHPw": ("val", ()),
    "-UacrmKiTn4": ("val", ()),
    "_0efYOjQYRc": ("test", ()),
    "-6rXp3zJ3kc": ("test", ()),
    "7l3BNtSE0xc": ("test", ("no_labels",)),
    "_not_a_fold": ("", ("no_fold",)),
}


def layout(edition: str) -> Layout:
    """Return the clips of an edition.

    Raises:
        ConfigError: if there is no such edition.
    """
    if edition not in _RAW:
        raise ConfigError(
            "edition of the sentiment demo",
            repr(edition),
            f"one of {', '.join(_RAW)}",
            "name one of these, or give the folder of a real corpus",
        )
    tiny = edition != "sentiment"
    shown = dict(zip((*OWNERS_SPLIT, UNLABELLED), _RAW[edition], strict=True))
    clips = {
        corpus: tuple(_clips(corpus, splits, shown)) for corpus, splits in (_TINY if tiny else _WHOLE).items()
    }
    extra = {
        corpus: tuple(
            Clip(corpus, video_id(corpus, 900 + at), _clip_id(corpus, 900 + at, 0), "train", True, (kind,))
            for at, kind in enumerate(kinds)
            if not tiny or kind in _OF_TINY
        )
        for corpus, kinds in _EXTRA.items()
    }
    timed = tuple(
        Clip("mosei", video, str(at), split, specimens=kinds)
        for video, (split, kinds) in _TIMED.items()
        for at in range(1 if tiny else 2)
    )
    return Layout(clips, extra, timed, 1.0 if tiny else 2.0)


def _clips(corpus: str, splits: dict[str, tuple[int, int]], shown: dict[str, int]) -> Iterator[Clip]:
    number = 0
    for split, (videos, each) in splits.items():
        for at in range(videos):
            for clip in range(each):
                raw = not clip and at < shown[split]
                odd = _ODD[corpus].get((at, clip), ()) if split == "train" else ()
                yield Clip(corpus, video_id(corpus, number), _clip_id(corpus, number, clip), split, raw, odd)
            number += 1


def video_id(corpus: str, number: int) -> str:
    """Return the id of a source video: eleven letters as YouTube's, most with an odd beginning, or a number."""
    if corpus == "mosei":
        letters = generator("sentiment", corpus, str(number), "id").choice(list(_LETTERS), 10)
        return "A-_"[number % 3] + "".join(letters)
    if corpus == "sims" or number % 2:
        return f"video_{number + 1:04d}"
    return f"aqgy3_{number + 1:04d}"


def _clip_id(corpus: str, number: int, clip: int) -> str:
    """Return the id of a clip: a bare number, or one of four or five digits."""
    if corpus == "mosei":
        return str(clip * 2)
    return f"{clip:05d}" if corpus == "simsv2" and not number % 2 else f"{clip + 1:04d}"
