"""EATA (Niu et al., ICML 2022): Tent on samples that are sure and unlike the last ones, without forgetting.

A sample counts if its entropy is below a margin E_0 and the cosine of its prediction to the moving average of the
predictions that counted is below another; it weighs exp(E_0 - Ent), without gradient. The Fisher information of the
BatchNorms' parameters, squared gradients of the cross-entropy with the model's own answers on source segments,
holds them near the source.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.adaptation import losses
from affectssm.adaptation.method import Method
from affectssm.errors import ConfigError
from affectssm.models.segments import SegmentOutput, Segments
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.training.optimisers import SGD


class EATA(Method):
    """See the module."""

    name = "eata"
    needs = ("norms",)

    def __init__(
        self, model: nn.Module, settings: AdaptationSettings, source: Iterable[Segments] | None = None
    ) -> None:
        super().__init__(model, settings)
        self.average: Tensor | None = None  # (N,) prediction
        self.fisher: dict[str, Tensor] = {}
        if settings.eata.fisher_weight:
            if source is None:
                raise ConfigError(
                    "adaptation by eata",
                    "no source segments",
                    "segments of the training part, for the Fisher information",
                    "hand them over, or set fisher_weight to 0 (which is ETA)",
                )
            self.fisher = self._information(source)
        self.anchors = {name: p.detach().clone() for name, p in self.collect().items()}

    def update(self, segments: Segments, output: SegmentOutput) -> tuple[int, int]:
        margin = self.settings.eata.entropy_margin * math.log(output.logits.shape[1])
        entropies = losses.entropy(output.logits)
        kept = self._kept(entropies.detach() < margin, output.logits.detach().softmax(dim=1))
        used = int(kept.sum())
        if not used:
            return 0, 0
        entropies = entropies[kept]
        loss = (entropies * losses.confidence(entropies.detach(), margin)).mean() + self._penalty()
        made = self.step(loss)
        return made, made * used

    def reset(self) -> None:
        super().reset()
        self.average = None

    def _optimiser(self, parameters: list[nn.Parameter]) -> SGD:
        own = self.settings.eata
        return SGD(parameters, own.learning_rate, own.momentum)

    def _kept(self, sure: Tensor, p: Tensor) -> Tensor:
        """Which samples count, (n,) bool; the average moves on to include them."""
        kept = sure
        if self.average is not None:
            alike = functional.cosine_similarity(self.average.unsqueeze(0), p).abs()
            kept = sure & (alike < self.settings.eata.cosine_margin)
        if kept.any():
            weight, new = self.settings.eata.average, p[kept].mean(dim=0)
            self.average = new if self.average is None else weight * self.average + (1 - weight) * new
        return kept

    def _penalty(self) -> Tensor | float:
        """weight * sum of F (theta - theta_source)^2."""
        now = self.collect()
        terms = [(f * (now[name] - self.anchors[name]) ** 2).sum() for name, f in self.fisher.items()]
        return self.settings.eata.fisher_weight * torch.stack(terms).sum() if terms else 0.0

    def _information(self, source: Iterable[Segments]) -> dict[str, Tensor]:
        """Mean over source batches of the squared gradient of the batch's mean loss."""
        found, batches = {name: torch.zeros_like(p) for name, p in self.collect().items()}, 0
        for segments in self._pieces(source):
            logits = self.model(segments).logits
            loss = functional.cross_entropy(logits, logits.detach().argmax(dim=1))
            gradients = torch.autograd.grad(loss, list(self.collect().values()))
            for name, gradient in zip(found, gradients, strict=True):
                found[name] += gradient**2
            batches += 1
        super().reset()  # BatchNorms on batch statistics have counted these batches
        return {name: total / max(batches, 1) for name, total in found.items()}

    def _pieces(self, source: Iterable[Segments]) -> Iterator[Segments]:
        """The first ``fisher_samples`` segments, no more than ``fisher_batch`` at a time."""
        left, size = self.settings.eata.fisher_samples, self.settings.eata.fisher_batch
        for segments in source:
            count = min(left, len(next(iter(segments.values()))))
            for begin in range(0, count, size):
                yield {name: x[begin : min(begin + size, count)] for name, x in segments.items()}
            left -= count
            if not left:
                return
