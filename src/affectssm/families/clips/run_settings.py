"""What each step of clips is told."""

from __future__ import annotations

from typing import Literal

from affectssm.settings.base import Strict


class EvaluationSettings(Strict):
    """What the evaluation of an experiment over some seeds is told.

    Attributes:
        experiment: its name, ``{model}[+{variant}]-{corpus}_{source}_{task}``.
        corpus: whose clips.
        source: of the features.
        task: what was learnt: the sentiment, or its sign.
        seeds: of the runs.
    """

    experiment: str
    corpus: str
    source: str
    task: Literal["regression", "classification"]
    seeds: tuple[int, ...]
