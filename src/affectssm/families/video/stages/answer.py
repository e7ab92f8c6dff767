"""Valence and arousal of people in videos that were handed over, on the clock of each video's own pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.families.video.stages.frames import frames_of
from affectssm.training.frame_answers import FrameAnswers, answer_frames


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers; arguments and errors as of :func:`affectssm.training.frame_answers.answer_frames`.

    Args:
        run: a run's folder.
        settings: its configuration, and ``windows``: ``length`` and ``stride`` of those that predict.
        manifest: rows of the participants.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.
    """
    frames = frames_of(settings["windows"]["length"], settings["windows"]["stride"])
    held = (
        [name for group in settings["groups"].values() for name in group] if settings["forward_fill"] else []
    )
    how = FrameAnswers(frames, "video.training", held=held, blend=settings["blend"])
    return answer_frames(run, manifest, features, how)
