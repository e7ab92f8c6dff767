"""The pickles of the sentiment demo, as MMSA and the authors of CH-SIMS v2 distribute features: protocol 4."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.demo import sentiment_arrays as arrays
from affectssm.corpora.demo.sentiment_clips import FORMS, NOT_FINITE, OWNERS_SPLIT, UNLABELLED, Clip, Form
from affectssm.corpora.demo.sentiment_words import LENGTH, planted, text_bert, transcript, words_of
from affectssm.corpora.demo.sentiment_world import Truth

ANNOTATIONS = ("Negative", "Neutral", "Positive")
FILES = {"mosei": "unaligned_50.pkl", "sims": "unaligned_39.pkl", "simsv2": "unaligned.pkl"}
ALIGNED = "aligned_50.pkl"
NOT_FINITE_ROWS = slice(20, 23)


def label(form: Form, value: float) -> float:
    """Return the nearest value that a label can have."""
    most, steps = form.labels
    return round(float(np.clip(np.rint(form.scale * value * steps) / steps, -most, most)), 4) + 0.0


def labels_of(form: Form, truth: Truth) -> list[float]:
    """Return the label, and with CH-SIMS those of text, audio and vision alone."""
    return [
        label(form, value) for value in (truth.sentiment, *(truth.shares[:3] if form.by_modality else ()))
    ]


def write_pickles(corpus: str, clips: Sequence[Clip], folder: Path) -> None:
    """Write the files of a corpus's features."""
    form = FORMS[corpus]
    folder.mkdir(parents=True)
    unaligned: dict[str, dict[str, Any]] = {}
    aligned: dict[str, dict[str, Any]] = {}
    for split, owners in OWNERS_SPLIT.items():
        held = [
            clip
            for clip in clips
            if split == clip.split or (split == "val" and "in_two_parts" in clip.specimens)
        ]
        unaligned[owners], aligned[owners] = tables(form, held)
    _dump(folder / FILES[corpus], unaligned)
    if corpus == "mosei":
        _dump(folder / ALIGNED, aligned)


def write_unlabelled(corpus: str, clips: Sequence[Clip], path: Path) -> None:
    """Write the clips without a label: no ``regression_labels``, and one table."""
    found, _ = tables(FORMS[corpus], [clip for clip in clips if clip.split == UNLABELLED])
    for name in [name for name in found if "labels" in name or name == "annotations"]:
        del found[name]
    path.parent.mkdir(parents=True)
    _dump(path, {"train": found})


def tables(form: Form, clips: Sequence[Clip]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the unaligned and the aligned table of some clips."""
    shared = _shared(form, clips)
    length = form.tokens[1]
    sizes = {"audio": form.audio, "vision": form.vision}
    unaligned = {name: np.zeros((len(clips), *size)) for name, size in sizes.items()}
    aligned = {name: np.zeros((len(clips), length, columns)) for name, (_, columns) in sizes.items()}
    lengths: dict[str, list[int]] = {name: [] for name in sizes}
    for at, clip in enumerate(clips):
        truth = planted(clip)
        for name in sizes:
            rows = frames(clip, name, truth)
            unaligned[name][at, : len(rows)] = rows
            lengths[name].append(len(rows))
            if form.corpus == "mosei" and len(rows):
                aligned[name][at, : len(truth.words)] = arrays.by_token(rows, len(truth.words))
    return (
        shared | unaligned | {f"{name}_lengths": found for name, found in lengths.items()},
        shared | aligned,
    )


def frames(clip: Clip, modality: str, truth: Truth) -> np.ndarray:
    """Return (frames, columns) of a clip with what is odd about it."""
    rows = arrays.frames(clip, modality, truth)
    if f"no_{modality}" in clip.specimens:
        return rows[:0]
    if f"not_finite_{modality}" in clip.specimens:
        for column, value in enumerate(NOT_FINITE[clip.corpus][modality]):
            rows[NOT_FINITE_ROWS, column] = value
    return rows


def _shared(form: Form, clips: Sequence[Clip]) -> dict[str, Any]:
    """Return what the aligned and the unaligned table have in common."""
    truths = [planted(clip) for clip in clips]
    words = [words_of(clip, truth) for clip, truth in zip(clips, truths, strict=True)]
    text = np.zeros((len(clips), form.tokens[1], 768), form.text_kind)
    for at, (clip, said) in enumerate(zip(clips, words, strict=True)):
        rows = arrays.text(clip, said)
        text[at, : len(rows)] = rows
    labels = np.array([labels_of(form, truth) for truth in truths]).reshape(len(clips), -1)
    signs = np.sign(labels[:, 0]).astype(int)
    names = ("regression_labels", "regression_labels_T", "regression_labels_A", "regression_labels_V")
    return {
        "raw_text": np.array([transcript(clip, said) for clip, said in zip(clips, words, strict=True)]),
        "id": np.array([f"{clip.video}$_${clip.clip}" for clip in clips]),
        "text": text,
        "text_bert": np.array([text_bert(said, form.chinese) for said in words]).reshape(-1, 3, LENGTH),
        "annotations": np.array([ANNOTATIONS[sign + 1] for sign in signs]),
        "classification_labels": (signs + 1).astype(float),
        **dict(zip(names, labels.T.copy(), strict=False)),
    }


def _dump(path: Path, table: dict[str, Any]) -> None:
    with path.open("wb") as file:
        pickle.dump(table, file, protocol=4)
