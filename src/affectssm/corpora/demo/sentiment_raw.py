"""The raw clips of the sentiment demo: short videos of a face that speaks, and the table of labels beside them.

The face is warm or cold and opens its mouth as the planted face says, the voice is as loud as the planted voice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from affectssm.corpora.demo import affwild2_world, face, speech
from affectssm.corpora.demo.media import truncate, write_video
from affectssm.corpora.demo.sentiment_clips import FORMS, OWNERS_SPLIT, UNLABELLED, Clip
from affectssm.corpora.demo.sentiment_pickles import ANNOTATIONS, labels_of
from affectssm.corpora.demo.sentiment_words import planted, transcript, words_of
from affectssm.corpora.demo.sentiment_world import GRID, Truth
from affectssm.corpora.demo.world import GRID_HZ, PAD

TABLES = {"mosei": "label.csv", "sims": "label.csv", "simsv2": "meta.csv"}
ENCODINGS = {"mosei": "latin-1", "sims": "gb18030", "simsv2": "utf-8-sig"}
COLUMNS = {
    "mosei": ("video_id", "clip_id", "text", "label", "annotation", "mode", "label_T", "label_A", "label_V"),
    "sims": ("video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"),
}
SHORT_S = 0.12
OUT_OF_RANGE = 7.5


def write_raw(corpus: str, clips: Sequence[Clip], seconds: float, folder: Path) -> None:
    """Write the videos of some clips and their table below ``folder``."""
    rows = []
    for clip in clips:
        if "no_file" not in clip.specimens:
            write_clip(clip, SHORT_S if "short" in clip.specimens else seconds, folder / "Raw")
        if "unlisted" not in clip.specimens:
            rows += [_row(clip)] * (2 if "twice" in clip.specimens else 1)
    columns = COLUMNS.get(corpus, COLUMNS["sims"])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / TABLES[corpus]).write_bytes(text.getvalue().encode(ENCODINGS[corpus]))


def write_clip(clip: Clip, seconds: float, raw: Path) -> None:
    """Write the video of a clip below the folder ``Raw``."""
    path = raw / clip.video / f"{clip.clip}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    truth = planted(clip)
    heard = None if "no_sound" in clip.specimens else sound(clip, truth, seconds)
    write_video(path, _pictures(clip, truth, round(seconds * face.FPS)), heard)
    if "broken" in clip.specimens:
        truncate(path, 0.5)


def sound(clip: Clip, truth: Truth, seconds: float) -> np.ndarray:
    """Return (samples,) int16 at 16 kHz: speech as loud as the planted voice."""
    at = (np.arange(-PAD, round(seconds * GRID_HZ)) + 0.5) / GRID_HZ / seconds
    latent = np.interp(at, (np.arange(GRID) + 0.5) / GRID, truth.voice)
    return speech.synthesise(clip.corpus, clip.recording, latent)


def _pictures(clip: Clip, truth: Truth, frames: int) -> Iterator[np.ndarray]:
    """Yield (128, 128, 3) uint8 RGB pictures."""
    side = affwild2_world.FRAME
    if "no_face" in clip.specimens:
        for picture in face.render_empty(frames):
            yield cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return
    at = (np.arange(frames) + 0.5) / frames
    shown = np.tanh(np.interp(at, (np.arange(GRID) + 0.5) / GRID, truth.face))
    value = np.column_stack([shown, np.zeros(frames)])
    affect = affwild2_world.Affect(value, value)
    for _, picture in affwild2_world.render(clip.corpus, clip.recording, affect):
        yield picture


def _row(clip: Clip) -> dict[str, str]:
    """Return the line of a clip in the table."""
    form, truth = FORMS[clip.corpus], planted(clip)
    said = "" if "no_words" in clip.specimens else transcript(clip, words_of(clip, truth))
    row = {"video_id": clip.video, "clip_id": clip.clip, "text": said}
    if clip.split == UNLABELLED:
        return row
    values = labels_of(form, truth)
    row["annotation"] = ANNOTATIONS[int(np.sign(values[0])) + 1]
    if "out_of_range" in clip.specimens:
        values[0] = OUT_OF_RANGE
    names = ("label", "label_T", "label_A", "label_V")
    row |= {name: f"{value:g}" for name, value in zip(names, values, strict=False)}
    return row | {"mode": OWNERS_SPLIT[clip.split]}
