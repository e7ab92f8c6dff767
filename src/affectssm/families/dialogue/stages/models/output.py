"""What comes out of a model of dialogues: B windows, L frames on the clock."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class FrameOutput:
    """A model's answer. The embeddings feed the alignment loss; None where the model has none."""

    prediction: Tensor  # (B, L) in [0, 1]
    audio: Tensor | None = None  # (B, L, d)
    visual: Tensor | None = None  # (B, L, d)
