"""What goes into a model of labelled segments, what comes out, and what it is trained with.

In: ``{modality: (B, C_m, L)}``, B segments of L samples, standardised a channel. Out: logits over N classes, and where
the model has them, logits of every modality alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.errors import ConfigError
from affectssm.settings.base import Strict

Segments = Mapping[str, Tensor]


@dataclass
class SegmentOutput:
    """A model's answer."""

    logits: Tensor  # (B, N)
    modalities: dict[str, Tensor] = field(default_factory=dict)  # modality -> (B, N); empty: no such heads

    @property
    def probabilities(self) -> Tensor:
        """Softmax (B, N) of the joint answer; undecided, 1/N each, where it is not finite.

        A scan's output grows with a high power of its input, so values many times larger than those that were trained
        on (an artefact, a drift) can leave float32. That costs the segment its answer, and no other one.
        """
        p = self.logits.detach().softmax(dim=1)
        return torch.where(p.isfinite(), p, 1.0 / p.shape[1])


def classification_loss(output: SegmentOutput, labels: Tensor, auxiliary: float = 0.0) -> Tensor:
    """L_task + alpha sum_i L_i: the mean negative log-likelihood of the joint and of every modality's prediction.

    Args:
        output: of a model.
        labels: (B,) class numbers.
        auxiliary: alpha.
    """
    loss = functional.cross_entropy(output.logits, labels)
    for logits in output.modalities.values():
        loss = loss + auxiliary * functional.cross_entropy(logits, labels)
    return loss


class SegmentModel(nn.Module):
    """A model of labelled segments: called with segments, it answers with a :class:`SegmentOutput`.

    Args:
        settings: sizes and switches, an object of the class ``Settings``.
        channels: channels C_m of every modality, in order.
        rate: sampling rate in Hz.
        samples: samples L a segment.
        classes: N.
        formulation: ``auto`` or ``plain``, how filters over time are computed, where there are any
            (affectssm.models.filter_bank).

    Raises:
        ConfigError: for no modality or one without a channel, too short segments, and what a model says beside.
    """

    Settings: ClassVar[type[Strict]]

    def __init__(
        self,
        settings: Any,
        channels: Mapping[str, int],
        rate: float,
        samples: int,
        classes: int = 2,
        formulation: str = "auto",
    ) -> None:
        super().__init__()
        self.channels, self.formulation = dict(channels), formulation
        if not channels or min(channels.values()) < 1:
            raise ConfigError(
                "modalities", str(self.channels), "at least one, each with a channel", "name the modalities"
            )
        self.build(settings, rate, samples, classes)

    def build(self, settings: Any, rate: float, samples: int, classes: int) -> None:
        """Make the layers; their weights are drawn in the order in which they are made."""
        raise NotImplementedError


def in_samples(where: str, seconds: float, rate: float) -> int:
    """A duration in samples, rounded down.

    Raises:
        ConfigError: when it is not one.
    """
    found = int(seconds * rate)
    if found < 1:
        raise ConfigError(
            where,
            f"{seconds:g} s, {found} samples at {rate:g} Hz",
            "one sample at least",
            "a longer duration or rate",
        )
    return found


def long_enough(where: str, samples: int, needed: int) -> None:
    """Refuse segments shorter than a model needs.

    Raises:
        ConfigError: naming both lengths.
    """
    if samples < needed:
        raise ConfigError(
            where, f"segments of {samples} samples", f"at least {needed}", "use longer segments"
        )


def there(segments: Segments) -> dict[str, Tensor]:
    """Whether a segment has a modality, (B,) bool by modality: one that is missing is zero throughout.

    That is how both a recording without it and a mask of missing data leave it; a standardised signal that was
    recorded is not zero in every sample of every channel.
    """
    return {name: x.flatten(1).ne(0).any(dim=1) for name, x in segments.items()}


def side_by_side(segments: Segments, channels: Mapping[str, int]) -> Tensor:
    """All channels of all modalities in the model's order: (B, sum of C_m, L)."""
    return torch.cat([segments[name] for name in channels], dim=1)
