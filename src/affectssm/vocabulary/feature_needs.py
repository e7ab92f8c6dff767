"""What the extraction of each feature of this package takes, by its name.

Networks took 1.0 to 1.2 GB on a CPU; what they ask for leaves room for CUDA's libraries.

Paper: full-size encoders on one thread, videos of 640 x 360 at 25 pictures a second; what a picture's size adds is in
:data:`PICTURE_S`. KB follow from columns, rows a second and bytes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.vocabulary.kinds import (
    ALIGNED_KINDS,
    CSD_KINDS,
    SENTIMENT,
    SIGNAL_KINDS,
    UNALIGNED_KINDS,
)
from affectssm.vocabulary.needs import Need, Needs, by_scale, everywhere

_PAGE = "benchmarks/results/extraction.md"
_PICKLES = "benchmarks/results/pickle_conversion.md"
_STREAM_KB = {"egemapsv2": 9, "w2vbert2": 100, "clip": 50, "openface2": 70, "openpose": 14}
_CLIP_KB = {
    "aligned_text": 160, "aligned_audio": 16, "aligned_vision": 8, "aligned_glove": 60,
    "unaligned_text": 160, "unaligned_audio": 150, "unaligned_vision": 70, "tokens": 1,
}  # fmt: skip
_CLIP_S = {"text": 0.0022, "audio": 0.0027, "vision": 0.0016, "glove": 0.0022}

PICTURE_S = 25 * 0.0021
"""CPU seconds a second of video and megapixel that reading pictures takes (a public decoder at 1280 x 720, 25 Hz)."""
MEASURED_PIXELS = 640 * 360
"""Pixels of the pictures that the seconds of this page hold for."""
FULL_PIXELS = 1920 * 1080
"""Pixels that are reckoned with where nobody has said how many there are."""


def picture_seconds(kind: str, pixels: int) -> float:
    """Return the CPU seconds a second of media that pictures of so many pixels take more than those measured.

    Args:
        kind: of what the feature is made of; none but a video has pictures of that size.
        pixels: of a picture.
    """
    return PICTURE_S * (pixels - MEASURED_PIXELS) / 1e6 if kind == "video" else 0.0


def share_of_work(settings: Mapping[str, Any]) -> float:
    """Return the share of a full-size encoder's work that settings leave of it.

    Every k-th picture, fewer of them a second than the 25 measured, the smaller of two encoders, int8 products.
    """
    pictures = settings.get("fps", 25.0) / 25.0 / settings.get("every", 1)
    smaller = 195 / 657 if str(settings.get("model", "")).endswith("mae-base") else 1.0
    return pictures * smaller * (0.6 if settings.get("int8") else 1.0)


def _speech(cpu_s: float, columns: int) -> Needs:
    return by_scale(
        Need(6000, 720, "second", cpu_s, reading_s=0.003, kb=columns * 50 * 2 / 1000, gpu=True, source=_PAGE),
        Need(1500, 60, "second", 0.015, kb=7, source="demo run"),
    )


def _pictures(mem_mb: int, cpu_s: float, kb: float, page: str) -> Needs:
    return by_scale(
        Need(mem_mb, 720, "second", cpu_s, reading_s=0.075, kb=kb, gpu=True, source=page),
        Need(2000, 60, "second", 0.025, kb=1, source="demo run"),
    )


def _flow(cpu_s: float, kb: float) -> Needs:
    return by_scale(
        Need(2000, 480, "second", cpu_s, kb=kb, source=_PAGE),
        Need(1000, 60, "second", 0.024, kb=kb, source="demo run"),
    )


def _texts(cpu_s: float, kb: float, source: str) -> Needs:
    return by_scale(
        Need(3000, 240, "recording", cpu_s, kb=kb, gpu=True, source=source),
        Need(1500, 60, "recording", 0.01, kb=8, source="demo run, scaled from speech"),
    )


def _converted(cpu_s: float, kb: float, source: str = _PICKLES) -> Needs:
    return by_scale(
        Need(2000, 240, "recording", cpu_s, kb=kb, source=source),
        Need(1000, 30, "recording", cpu_s, kb=kb, source="demo run"),
    )


def _copied(kb: float, source: str = "demo run") -> Needs:
    return everywhere(Need(2000, 240, "second", 0.002, kb=kb, source=source))


_MAE = "benchmarks/results/video_full_size.md"
_FACES = by_scale(
    # at worst: without a face, a search through 98 squares every tenth picture takes 25 ms a picture
    Need(
        2000,
        480,
        "second",
        0.184,
        most_s=25 * 0.026,
        kb=92,
        source=f"{_PAGE}; at worst: 75 pictures of 1920 x 1080",
    ),
    Need(1500, 60, "second", 0.08, kb=92, source="demo run"),
)
BY_NAME: dict[str, Needs] = {
    "face_track": _FACES,
    "wav2vec2": _speech(8.71 / 40, 768),
    "speech_emotion": _speech(13.9 / 40, 1024),
    "clip_face": _pictures(6000, 9.08 / 2.56, 25.6, _PAGE),
    "optical_flow": _flow(0.088, 5),
    "landmark_flow": _flow(0.082, 46),
    "mae": _pictures(8000, 30 * 0.790, 61, _MAE),
    "mae_video": _pictures(8000, 30 * 0.790, 61, f"{_MAE}, scaled"),
    "mae_tuned": _pictures(8000, 30 * 0.790, 61, _MAE),
    "bert": _texts(1 / 15.6, 75, "benchmarks/results/text_encoder.md"),
    "bert_tokens": _texts(0.001, 1, "pickle_conversion.md, scaled"),
    **{kind: _copied(kb) for kind, kb in _STREAM_KB.items()},
    **{kind: _copied(8, "benchmarks/results/full_size.md; time of a tiny run") for kind in SIGNAL_KINDS},
    "ratings": _copied(0.1, "tiny run"),
    **{kind: _converted(_CLIP_S[kind.partition("_")[2]], _CLIP_KB[kind]) for kind in ALIGNED_KINDS},
    **{kind: _converted(_CLIP_S[kind.partition("_")[2]], _CLIP_KB[kind]) for kind in UNALIGNED_KINDS},
    "tokens": _converted(0.0009, 1),
    **{kind: _converted(0.003, 60, f"{_PICKLES}, scaled") for kind in CSD_KINDS},
    SENTIMENT: _converted(0.0009, 0.3),
    "listed_frames": _copied(0.2),
    "valence_arousal": _copied(0.4),
    "engagement": _copied(0.3),
    "engagement_test": _copied(0.3),
    "folder_labels": _copied(0.4),
    "folder_labels_test": _copied(0.4),
    "folder_item": _copied(0.1),
    "folder_item_test": _copied(0.1),
    "bert_text": _texts(1 / 15.6, 75, "benchmarks/results/text_encoder.md"),
}
"""Feature -> what a job that extracts it takes."""
