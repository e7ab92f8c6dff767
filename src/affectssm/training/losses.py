"""The two terms of DA-Mamba's loss: ``lambda_ccc (1 - CCC) + lambda_align InfoNCE``.

B windows of L clock frames; the centre of a window holds C clock frames = F label frames (F = 8 at a clock of
100 Hz, 32 at 25 Hz). Both terms are taken at the label frames of the centre: a prediction or an embedding of
a label frame is the mean over its clock frames, labels are never interpolated to look denser.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_FLOOR = 1e-8


def at_label_frames(frames: Tensor, per_label: int, middle: slice) -> Tensor:
    """Mean over the clock frames of each label frame of the centre: (B, L, ...) -> (B, F, ...)."""
    return frames[:, middle].unflatten(1, (-1, per_label)).mean(dim=2)


def valid_at_label_frames(valid: Tensor, per_label: int, middle: slice) -> Tensor:
    """Whether all clock frames of each label frame of the centre are valid: (B, L) bool -> (B, F) bool."""
    return valid[:, middle].unflatten(1, (-1, per_label)).all(dim=2)


def ccc(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """CCC with population variances over the valid entries, in float64.

    A loss has to be a number: where the metric is NaN (fewer than two valid entries, two equal constants) it is 0, with
    a gradient of zero for fewer than two. Entries that are not valid may be anything, NaN too, in both.

    Sums in float64 keep the variances from cancelling; the floor keeps the gradient finite for two equal
    constants.
    """
    w = valid.double()  # a weight of 0 alone would make NaN of a masked NaN
    x, y = (torch.where(valid, frames.double(), 0.0) for frames in (prediction, target))
    n = w.sum().clamp(min=1.0)
    x_centred = x - (w * x).sum() / n
    y_centred = y - (w * y).sum() / n
    covariance = (w * x_centred * y_centred).sum() / n
    variances = (w * (x_centred**2 + y_centred**2)).sum() / n
    offset = ((w * (x - y)).sum() / n) ** 2
    return 2.0 * covariance / (variances + offset).clamp(min=_FLOOR)


def ccc_loss(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """1 - CCC over all valid label frames of the batch."""
    return 1.0 - ccc(prediction, target, valid)


def subsample(valid: Tensor, at_most: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose label frames for the alignment loss.

    Args:
        valid: (B, F) bool.
        at_most: how many are taken at the most.
        generator: decides which; seeded by (seed, step), so a resumed run chooses the same.

    Returns:
        (N,) window numbers and (N,) frame numbers of the chosen, in ascending order.
    """
    window, frame = valid.nonzero(as_tuple=True)
    if len(window) > at_most:
        chosen = torch.randperm(len(window), generator=generator)[:at_most].sort().values.to(window.device)
        window, frame = window[chosen], frame[chosen]
    return window, frame


def info_nce(audio: Tensor, visual: Tensor, window: Tensor, frame: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE between the two modality groups at the same label frame.

    Args:
        audio, visual: (N, d) embeddings of the chosen label frames.
        window, frame: (N,) which window and which label frame of it each row is.
        temperature: tau.

    The negatives of a row are the other rows, without the adjacent frames of its own window: neighbours are
        near duplicates and would be pushed apart although they agree.
    """
    if len(audio) < 2:
        return (audio.sum() + visual.sum()) * 0.0
    a = functional.normalize(audio.float(), dim=-1)
    v = functional.normalize(visual.float(), dim=-1)
    logits = a @ v.T / temperature  # (N, N)
    adjacent = (window[:, None] == window) & ((frame[:, None] - frame).abs() == 1)
    logits = logits.masked_fill(adjacent, float("-inf"))
    same = torch.arange(len(a), device=a.device)
    return 0.5 * (functional.cross_entropy(logits, same) + functional.cross_entropy(logits.T, same))
