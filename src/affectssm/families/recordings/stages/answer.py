"""Labels per frame of people in media that were handed over, each with the others of the recording as partners.

Own recordings have rates of their own; answers come at the median one of those that were learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.timeline.frames import Frames
from affectssm.training.frame_answers import FrameAnswers, answer_frames


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers; arguments and errors as of :func:`affectssm.training.frame_answers.answer_frames`.

    Args:
        run: a run's folder.
        settings: its configuration.
        manifest: rows of the participants.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.
    """
    told = settings["windows"]
    frames = Frames(**{**told["frames"], "columns": tuple(settings["columns"])})
    how = FrameAnswers(frames, "recordings.training", settings["label_hz"], told["per_label"], partners=True)
    return answer_frames(run, manifest, features, how)
