"""Computational sequences of the sentiment demo: CMU-MOSEI's HDF5 files of whole videos, as its SDK reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from affectssm.corpora.demo import sentiment_arrays as arrays
from affectssm.corpora.demo.sentiment_clips import FORMS, Clip
from affectssm.corpora.demo.sentiment_pickles import label
from affectssm.corpora.demo.sentiment_words import planted, words_of
from affectssm.corpora.demo.sentiment_world import Truth

# file -> its root group, which is called otherwise
ROOTS = {
    "CMU_MOSEI_TimestampedWordVectors": "glove_vectors",
    "CMU_MOSEI_COVAREP": "COVAREP",
    "CMU_MOSEI_VisualFacet42": "FACET 4.2",
    "CMU_MOSEI_Labels": "All Labels",
}
RATES = {"audio": 100.0, "vision": 30.0}
BEGIN_S, CLIP_S, GAP_S = 1.5, 4.0, 0.5
Rows = tuple[np.ndarray, np.ndarray]


def write_csd(clips: Mapping[str, list[Clip]], folder: Path) -> None:
    """Write the four files.

    Args:
        clips: video -> its clips, in the order of their times; what is odd about the first one counts for the video.
        folder: of the corpus.
    """
    found: dict[str, dict[str, Rows]] = {name: {} for name in ROOTS}
    for video, parts in clips.items():
        truths = [planted(clip) for clip in parts]
        words, audio, vision, labels = ROOTS
        found[words][video] = _words(parts, truths)
        found[audio][video] = _frames(parts, truths, "audio")
        if "no_vision" not in parts[0].specimens:
            found[vision][video] = _frames(parts, truths, "vision")
        if "no_labels" not in parts[0].specimens:
            found[labels][video] = _labels(parts, truths)
    for name, videos in found.items():
        _write(folder / f"{name}.csd", ROOTS[name], videos)


def begin_of(place: int) -> float:
    """Return when a clip begins in its video."""
    return BEGIN_S + place * (CLIP_S + GAP_S)


def _words(parts: list[Clip], truths: list[Truth]) -> Rows:
    """Return (words, 300) vectors and (words, 2) seconds: the words of each clip one after another."""
    rows, times = [], []
    for place, (clip, truth) in enumerate(zip(parts, truths, strict=True)):
        tokens = len(truth.words)
        rows.append(arrays.text(clip, words_of(clip, truth), arrays.GLOVE)[1:-1])
        edges = begin_of(place) + np.arange(1, tokens) * CLIP_S / tokens
        times.append(np.column_stack([edges[:-1], edges[1:]]))
    return np.concatenate(rows), np.concatenate(times)


def _frames(parts: list[Clip], truths: list[Truth], modality: str) -> Rows:
    """Return rows at the rate of a modality over all of the video, silence between the clips."""
    rate = RATES[modality]
    columns = getattr(FORMS["mosei"], modality)[1]
    rows = np.zeros((round((begin_of(len(parts)) + BEGIN_S) * rate), columns), np.float32)
    for place, (clip, truth) in enumerate(zip(parts, truths, strict=True)):
        first = round(begin_of(place) * rate)
        made = arrays.frames(clip, modality, truth, round(CLIP_S * rate))
        rows[first : first + len(made)] = made
    starts = np.arange(len(rows)) / rate
    return rows, np.column_stack([starts, starts + 1 / rate])


def _labels(parts: list[Clip], truths: list[Truth]) -> Rows:
    """Return (clips, 7): the sentiment and six emotions, of which none is planted; and (clips, 2) seconds."""
    begins = np.array([begin_of(place) for place in range(len(parts))])
    values = np.zeros((len(parts), 7), np.float32)
    values[:, 0] = [label(FORMS["mosei"], truth.sentiment) for truth in truths]
    return values, np.column_stack([begins, begins + CLIP_S])


def _write(path: Path, root: str, videos: Mapping[str, Rows]) -> None:
    with h5py.File(path, "w") as file:
        top = file.create_group(root)
        for video, (rows, times) in videos.items():
            top.create_dataset(f"data/{video}/features", data=rows.astype(np.float32))
            top.create_dataset(f"data/{video}/intervals", data=times)
        for key, value in {"root name": root, "computational sequence version": "1.0.0"}.items():
            top.create_dataset(f"metadata/{key}", data=[json.dumps(value)], dtype=h5py.string_dtype())
