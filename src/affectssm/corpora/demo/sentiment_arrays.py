"""The arrays of the sentiment demo as feature extractors would have made them of its clips: (rows, columns) each.

What is planted lies along one direction, among what is proper to a word or to a source video, slow
processes that mean nothing, and white noise.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from affectssm.corpora.demo.seeds import generator, smooth_noise
from affectssm.corpora.demo.sentiment_clips import FORMS, Clip
from affectssm.corpora.demo.sentiment_words import CLS, SEP, ids_of, vocabulary
from affectssm.corpora.demo.sentiment_world import Truth, at_frames

GLOVE = 300
SIZE, WHITE, OWN, SLOW, OFFSET = 0.5, 0.2, 0.1, 0.1, 0.1
AT_MOST = 64  # columns that carry it and all else; the others stand still
SLOW_SIGMA = 20.0
SAME_COLUMNS = (1, 2)  # of FACET: contempt and disgust, identical in what is distributed


@cache
def load(corpus: str, modality: str, columns: int) -> np.ndarray:
    """Return (columns,) the direction of what is planted, 0 in most columns where there are many."""
    rng = generator("sentiment", corpus, modality, str(columns), "load")
    found = SIZE * rng.choice([-1.0, 1.0], columns) * rng.uniform(0.7, 1.3, columns)
    found[rng.permutation(columns)[AT_MOST:]] = 0
    return np.asarray(found)


def moving(rows: np.ndarray, corpus: str, modality: str) -> np.ndarray:
    """Return rows (T, columns) in which the columns that carry nothing stand still, each at a value of its own."""
    columns = rows.shape[1]
    values = generator("sentiment", corpus, modality, str(columns), "still").standard_normal(columns)
    return np.where(load(corpus, modality, columns) != 0, rows, OFFSET * values)


def text(clip: Clip, words: list[str], columns: int = 768) -> np.ndarray:
    """Return (tokens, columns): a vector of each word, which holds its polarity, and what the words around add."""
    chinese = FORMS[clip.corpus].chinese
    vectors = word_vectors(clip.corpus, columns)
    ids = ids_of(chinese)
    rows = np.stack([vectors[one] for one in (CLS, *(ids[word] for word in words), SEP)])
    noise = generator("sentiment", clip.corpus, clip.recording, "text", str(columns))
    rows = rows + WHITE * noise.standard_normal(rows.shape, dtype=np.float32)
    return moving(rows, clip.corpus, "text")


@cache
def word_vectors(corpus: str, columns: int) -> dict[int, np.ndarray]:
    """Return id -> (columns,)."""
    chinese = FORMS[corpus].chinese
    ids, along = ids_of(chinese), load(corpus, "text", columns)
    signs = {CLS: 0, SEP: 0} | {
        ids[word]: sign for sign, words in vocabulary(chinese).items() for word in words
    }
    own = generator("sentiment", corpus, "words", str(columns))
    return {one: sign * along + OWN * own.standard_normal(columns) for one, sign in sorted(signs.items())}


def frames(clip: Clip, modality: str, truth: Truth, count: int = 0) -> np.ndarray:
    """Return (count, columns) of voice or face; as many as the clip's own sequence has, if no count is given."""
    length, columns = getattr(FORMS[clip.corpus], modality)
    rng = generator("sentiment", clip.corpus, clip.recording, modality)
    count = count or int(rng.integers(length * 3 // 5, length + 1))
    shown = at_frames(truth.voice if modality == "audio" else truth.face, count)
    found = WHITE * rng.standard_normal((count, columns), dtype=np.float32)
    found += _nuisance(clip, modality, columns, smooth_noise(rng, count, 1, SLOW_SIGMA)[:, 0])
    found += (shown[:, None] * load(clip.corpus, modality, columns)).astype(np.float32)
    found = moving(found, clip.corpus, modality)
    if clip.corpus == "mosei" and modality == "vision":
        found[:, SAME_COLUMNS[1]] = found[:, SAME_COLUMNS[0]]
    return found


def by_token(rows: np.ndarray, tokens: int) -> np.ndarray:
    """Return (tokens, columns): the mean of the rows of each token, all tokens as long."""
    starts = np.arange(tokens) * len(rows) // tokens
    counts = np.diff(np.append(starts, len(rows)))
    return np.asarray(np.add.reduceat(rows.astype(float), starts, axis=0) / counts[:, None])


def _nuisance(clip: Clip, modality: str, columns: int, slow: np.ndarray) -> np.ndarray:
    """Return (frames, columns): an offset of the source video, and a slow process along another direction."""
    offset = OFFSET * generator("sentiment", clip.corpus, clip.video, modality).standard_normal(columns)
    along = SLOW * generator("sentiment", clip.corpus, modality, "slow").standard_normal(columns)
    return np.asarray(offset + slow[:, None] * along, np.float32)
