"""Which clips the sentiment demo holds, and which specimens of faults lie where; shapes and names are the owners'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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
# what is odd about a clip of the pickles
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
    """An edition: its clips, by corpus; how many of a split are raw, and how long those are in seconds."""

    clips: dict[str, tuple[Clip, ...]] = field(default_factory=dict)
    raw_s: float = 0.0


Counts = dict[str, dict[str, tuple[int, int]]]
# corpus -> split -> (videos, clips of each); raw: the first clips of that many videos of a split
_WHOLE: Counts = {
    "mosei": {"train": (40, 5), "val": (15, 4), "test": (25, 4)},
    "sims": {"train": (40, 5), "val": (15, 4), "test": (25, 4)},
    "simsv2": {"train": (28, 5), "val": (10, 4), "test": (20, 4), UNLABELLED: (4, 3)},
}
_TINY: Counts = {
    corpus: {"train": (6, 4), "val": (5, 2), "test": (7, 2)}
    | ({UNLABELLED: (2, 2)} if corpus == "simsv2" else {})
    for corpus in FORMS
}
_EDITIONS: dict[str, tuple[Counts, tuple[int, ...], float]] = {
    "sentiment": (_WHOLE, (3, 2, 2), 2.0),
    "sentiment-tiny": (_TINY, (1, 1, 1), 1.0),
}


def layout(edition: str) -> Layout:
    """Return the clips of an edition.

    Raises:
        ConfigError: if there is no such edition.
    """
    if edition not in _EDITIONS:
        raise ConfigError(
            "edition of the sentiment demo",
            repr(edition),
            f"one of {', '.join(_EDITIONS)}",
            "name one of these, or give the folder of a real corpus",
        )
    counts, raw, seconds = _EDITIONS[edition]
    shown = dict(zip(OWNERS_SPLIT, raw, strict=True))
    clips = {corpus: tuple(_clips(corpus, splits, shown)) for corpus, splits in counts.items()}
    return Layout(clips, seconds)


def _clips(corpus: str, splits: dict[str, tuple[int, int]], shown: dict[str, int]) -> Iterator[Clip]:
    number = 0
    for split, (videos, each) in splits.items():
        for at in range(videos):
            for clip in range(each):
                raw = not clip and at < shown.get(split, 0)
                odd = _odd(corpus, split, at, clip)
                yield Clip(corpus, video_id(corpus, number), _clip_id(corpus, number, clip), split, raw, odd)
            number += 1


def _odd(corpus: str, split: str, video: int, clip: int) -> tuple[str, ...]:
    """Return what is odd about a clip of the pickles: all of it in the training part."""
    if split != "train":
        return ()
    found = {(0, 1): tuple(f"not_finite_{which}" for which in NOT_FINITE[corpus])}
    if corpus == "mosei":
        found[1, 1] = ("no_vision",)
    return found.get((video, clip), ())


def video_id(corpus: str, number: int) -> str:
    """Return the id of a source video: eleven letters as YouTube's, every third with an odd beginning, or a number."""
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
