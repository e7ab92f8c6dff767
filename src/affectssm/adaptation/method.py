"""The interface of all adaptation methods: check, configure, collect, adapt, reset.

A method takes hold of a trained model and changes some of its parameters while test batches pass. Everything else is
the same for all of them: the model is in evaluation mode (no dropout: thresholds on entropies would meet noise),
BatchNorms keep the statistics of the training unless ``bn_stats`` is ``batch``, a batch is answered before and after
its update, and the caller chooses which answer counts. An update whose loss or gradient is not finite is not made.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from affectssm.adaptation import selection
from affectssm.models.segments import SegmentOutput, Segments
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.training.optimisers import Adam, Optimiser


@dataclass
class Adapted:
    """What happened to one batch of n segments."""

    before: Tensor  # (n, N) probabilities before the update
    after: Tensor  # (n, N) and after it
    updates: int = 0  # optimiser steps
    used: int = 0  # segments that took part in one
    refused: int = 0  # steps not made because loss or gradient was not finite


class Method:
    """No adaptation, and what the others share.

    Args:
        model: trained; it is changed in place. ``reset`` brings the values back, not the flags that ``configure`` sets
            (gradients, BatchNorm's mode and momentum), so train another copy.
        settings: of all methods.
        source: segments of the training part, in batches, for methods that look back (EATA).

    Raises:
        ConfigError: when the model, or the source, lacks what the method needs.
    """

    name: ClassVar[str] = "none"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, model: nn.Module, settings: AdaptationSettings, source: Iterable[Segments] | None = None
    ) -> None:
        self.model, self.settings = model, settings
        self.check(model)
        self.configure()
        self.optimiser = self._optimiser(list(self.collect().values()))
        self._model_state = deepcopy(model.state_dict())
        self._optimiser_state = deepcopy(self.optimiser.state) if self.optimiser else None
        self._refused = 0

    def check(self, model: nn.Module) -> None:
        """Refuse a model without what the method needs.

        Raises:
            ConfigError: naming what is missing.
        """
        selection.require(self.name, model, self.needs)

    def configure(self) -> None:
        """Evaluation mode, BatchNorm statistics as set, gradients for the collected parameters alone."""
        self.model.eval()
        self.model.requires_grad_(False)
        if self.settings.bn_stats == "batch":
            for norm in selection.norms(self.model):
                norm.train()
                norm.momentum = 0.0  # the running statistics stay those of the training
        for parameter in self.collect().values():
            parameter.requires_grad_(True)

    def collect(self) -> selection.Parameters:
        """The parameters the method changes, by name: those of what it needs."""
        return selection.parameters(self.model, self.needs)

    def adapt(self, segments: Segments) -> Adapted:
        """Answer a batch, learn from it, answer it again."""
        if self.settings.episodic:
            self.reset()
        self._refused = 0
        with torch.enable_grad():
            output = self.model(segments)
            updates, used = self.update(segments, output)
        before = output.probabilities
        after = self._predict(segments) if updates else before
        return Adapted(before, after, updates, used, self._refused)

    def update(self, segments: Segments, output: SegmentOutput) -> tuple[int, int]:
        """Learn from a batch and its answer; return the optimiser steps made and the segments used."""
        return 0, 0

    def reset(self) -> None:
        """Model and optimiser as they were before the first batch, bit for bit."""
        self.model.load_state_dict(self._model_state)
        if self.optimiser and self._optimiser_state is not None:
            self.optimiser.state = deepcopy(self._optimiser_state)

    def retune(self, settings: AdaptationSettings) -> None:
        """Start afresh with other constants of the update (step size, margins, weights).

        What was fixed when the method took hold of the model stays: ``bn_stats``, and what the source told.
        """
        self.reset()
        self.settings = settings
        self.optimiser = self._optimiser(list(self.collect().values()))
        self._optimiser_state = deepcopy(self.optimiser.state) if self.optimiser else None

    def step(self, loss: Tensor) -> int:
        """Minimise a loss by one step; 1, or 0 where loss or gradient is not finite."""
        assert self.optimiser is not None
        self.optimiser.zero_grad()
        made = bool(loss.isfinite())
        if made:
            loss.backward()
            gradients = (p.grad for p in self.optimiser.parameters)
            made = all(bool(g.isfinite().all()) for g in gradients if g is not None)
        if made:
            self.optimiser.step()
        self.optimiser.zero_grad()
        self._refused += not made
        return int(made)

    def _predict(self, segments: Segments) -> Tensor:
        with torch.no_grad():
            return self.model(segments).probabilities

    def _optimiser(self, parameters: list[nn.Parameter]) -> Optimiser | None:
        own: Any = getattr(self.settings, self.name, None)
        return Adam(parameters, own.learning_rate) if parameters else None
