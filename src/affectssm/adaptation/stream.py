"""A stream of test batches through a method."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from affectssm.adaptation.method import Method
from affectssm.adaptation.monitor import Collapse, collapse
from affectssm.models.segments import Segments


@dataclass
class Streamed:
    """What a method answered to a stream of n segments, and what it did."""

    probabilities: Tensor  # (n, N), the scored answers
    batches: int
    updates: int  # optimiser steps
    used: int  # segments that took part in one
    refused: int  # steps not made because loss or gradient was not finite
    collapse: Collapse


def run_stream(method: Method, batches: Iterable[Segments]) -> Streamed:
    """Adapt to batch after batch, from the trained model on; ``predict`` says which answer is scored.

    Raises:
        ValueError: for a stream without a batch.
    """
    method.reset()
    steps = [method.adapt(segments) for segments in batches]
    if not steps:
        raise ValueError("a stream needs at least one batch")
    scored = torch.cat([s.before if method.settings.predict == "pre" else s.after for s in steps])
    return Streamed(
        scored,
        len(steps),
        sum(s.updates for s in steps),
        sum(s.used for s in steps),
        sum(s.refused for s in steps),
        collapse(scored),
    )
