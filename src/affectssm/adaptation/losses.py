"""What the methods minimise, sample by sample, in the constants of their authors' code.

n samples, N classes. Logits where softmax can be taken exactly (Tent, EATA, READ, 2LTTA); BiM-TTA works on
probabilities with 1e-9 inside the logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TINY = 1e-9  # inside BiM-TTA's logarithms


def entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of softmax(logits): (n, N) -> (n,)."""
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1)


def entropy_of(probabilities: Tensor) -> Tensor:
    """Entropy in nats as BiM-TTA takes it: (n, N) -> (n,)."""
    return -(probabilities * torch.log(probabilities + TINY)).sum(dim=1)


def confidence(entropies: Tensor, normal: float) -> Tensor:
    """The weight exp(Ent_0 - Ent): one at entropy ``normal``, more below it."""
    return torch.exp(normal - entropies)


def weighted_entropy(logits: Tensor, normal: float) -> Tensor:
    """Entropy times its weight, the weight without gradient: (n, N) -> (n,)."""
    entropies = entropy(logits)
    return confidence(entropies.detach(), normal) * entropies


def mean_over_present(values: Tensor, there: Tensor) -> Tensor:
    """Mean over samples of a sample's mean over its modalities that are there.

    Args:
        values: (M, n), of M modalities, finite; what is not there does not count.
        there: (M, n) bool.

    Returns:
        (). A sample without a modality does not count; 0 where none has one.
    """
    count = there.sum(dim=0)
    own = torch.where(there, values, 0.0).sum(dim=0) / count.clamp(min=1)
    return own.sum() / (count > 0).sum().clamp(min=1)


def confidence_aware(logits: Tensor, log_gamma: float) -> Tensor:
    """READ, eq. 6: p_max (1 - ln p_max + ln gamma): (n, N) -> (n,)."""
    log_p = logits.log_softmax(dim=1).amax(dim=1)
    return log_p.exp() * (1 - log_p + log_gamma)


def balance(logits: Tensor) -> Tensor:
    """READ: entropy of softmax(sum over the batch of the probabilities), as in its code (the softmax is twice)."""
    return entropy(logits.softmax(dim=1).sum(dim=0, keepdim=True)).squeeze(0)


def diversity(logits: Tensor) -> Tensor:
    """2LTTA: the batch's mean prediction p has sum p ln p, the negative of its entropy."""
    mean = logits.softmax(dim=1).mean(dim=0)
    return (mean * mean.log()).sum()


def mutual_information_sharing(joint: Tensor, alone: Sequence[Tensor]) -> Tensor:
    """BiM-TTA, L_mis of every sample: sum_i KL(p_i || (p'_i + p) / 2), p'_i the mean of the other modalities' p_j.

    Args:
        joint: p (n, N).
        alone: p_i (n, N) of two or more modalities.

    Returns:
        (n,). The gradient runs through the targets too, as in the released code.
    """
    total = torch.stack(tuple(alone)).sum(dim=0)
    terms = []
    for p in alone:
        target = 0.5 * ((total - p) / (len(alone) - 1) + joint)
        terms.append((p * torch.log((p + TINY) / (target + TINY))).sum(dim=1))
    return torch.stack(terms).sum(dim=0)
