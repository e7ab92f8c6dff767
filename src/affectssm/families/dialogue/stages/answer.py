"""Engagement of people in media that were handed over, each with the others of the recording as partners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.families.dialogue.stages.frames import FRAMES
from affectssm.timeline.clock import ratio
from affectssm.training.frame_answers import FrameAnswers, answer_frames


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers; arguments and errors as of :func:`affectssm.training.frame_answers.answer_frames`.

    Args:
        run: a run's folder.
        settings: its configuration, and ``set``, the left-out session of an adapted run.
        manifest: rows of the participants.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.
    """
    per_label = ratio(settings["clock_hz"], LABEL_HZ)
    how = FrameAnswers(FRAMES, "dialogue.training", per_label=per_label, partners=True)
    return answer_frames(run, manifest, features, how, f"{settings['set']}/" if settings["set"] else "")
