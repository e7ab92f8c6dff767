"""Labels over time of people in media that were handed over, each with the others of the recording as partners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.families.recordings.stages.frames import LABELS
from affectssm.timeline.frames import Frames
from affectssm.training.frame_answers import answer_frames


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers; arguments and errors as of :func:`affectssm.training.frame_answers.answer_frames`.

    Args:
        run: a run's folder.
        settings: its configuration: labels, their rate, clock and windows are those of its recordings.
        manifest: rows of the participants.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.
    """
    windows = settings["windows"]
    told = windows["frames"]
    # answers come as often as the labels did that were learnt from
    frames = Frames(
        LABELS[0], tuple(settings["columns"]), settings["label_hz"], told["context"], told["centre"]
    )
    return answer_frames(
        run,
        manifest,
        features,
        frames,
        per_label=windows["per_label"],
        partners=True,
        section="recordings.training",
    )
