"""The words of the sentiment demo: few, each with a polarity, an id and a vector of its own."""

from __future__ import annotations

from functools import cache

import numpy as np

from affectssm.corpora.demo.seeds import generator
from affectssm.corpora.demo.sentiment_clips import FORMS, Clip
from affectssm.corpora.demo.sentiment_world import Truth, truth_of

ENGLISH = {
    1: "good great love best happy nice beautiful enjoy",
    -1: "bad awful hate worst sad boring ugly waste",
    0: "the a it is this was movie story and they so about what people",
}
CHINESE = {1: "好美爱甜笑赞棒喜", -1: "坏丑恨苦哭烂差怒", 0: "我你他的了是在有这那说去也就"}
CLS, SEP = 101, 102  # as in BERT's vocabularies; the other ids are the demo's own
_FIRST_ID = 2000
_ODD_TEXT = {
    "accent": " caf\u00e9",
    "full_width": "\uff0c\uff08\uff12\uff10\uff11\uff18\uff09\uff01\uff1f\u3002",
}
LENGTH = 50  # of text_bert, in all corpora


def vocabulary(chinese: bool) -> dict[int, list[str]]:
    """Return polarity -> words."""
    if chinese:
        return {sign: list(words) for sign, words in CHINESE.items()}
    return {sign: words.split() for sign, words in ENGLISH.items()}


def ids_of(chinese: bool) -> dict[str, int]:
    """Return word -> id."""
    words = [word for some in vocabulary(chinese).values() for word in some]
    return {word: _FIRST_ID + place for place, word in enumerate(words)}


def tokens_of(clip: Clip) -> int:
    """Return how many tokens a clip has, CLS and SEP among them."""
    low, high = FORMS[clip.corpus].tokens
    return int(generator("sentiment", clip.corpus, clip.recording, "tokens").integers(low, high + 1))


@cache
def planted(clip: Clip) -> Truth:
    """Return what is planted in a clip."""
    return truth_of(clip.corpus, clip.recording, tokens_of(clip))


def words_of(clip: Clip, truth: Truth) -> list[str]:
    """Return the words of a clip, of the planted polarity."""
    rng = generator("sentiment", clip.corpus, clip.recording, "words")
    words = vocabulary(FORMS[clip.corpus].chinese)
    return [words[int(sign)][int(rng.integers(len(words[int(sign)])))] for sign in truth.words[1:-1]]


def text_bert(words: list[str], chinese: bool) -> np.ndarray:
    """Return (3, 50) int64: ids, mask and segments."""
    found = np.zeros((3, LENGTH), np.int64)
    ids = ids_of(chinese)
    row = [CLS, *(ids[word] for word in words), SEP]
    found[0, : len(row)], found[1, : len(row)] = row, 1
    return found


def transcript(clip: Clip, words: list[str]) -> str:
    """Return the words as they are written down."""
    said = "".join(words) if FORMS[clip.corpus].chinese else " ".join(words)
    return said + "".join(odd for kind, odd in _ODD_TEXT.items() if kind in clip.specimens)
