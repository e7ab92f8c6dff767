"""A moving average of a model's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """``avg <- decay * avg + (1 - decay) * weights`` after every optimiser step.

    With ``bias_correction`` the average starts at zero and is divided by ``1 - decay^t``, as Adam does: after
    few steps it is a mean of the weights seen, where the plain average, which starts at the initial weights,
    still is those. Buffers are taken as they are.
    """

    def __init__(self, model: nn.Module, decay: float, bias_correction: bool) -> None:
        self.decay = decay
        self.bias_correction = bias_correction
        self.steps = 0
        start = torch.zeros_like if bias_correction else torch.clone
        self.average: dict[str, Tensor] = {name: start(p.detach()) for name, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights after an optimiser step."""
        self.steps += 1
        own = {name: parameter.detach() for name, parameter in model.named_parameters()}
        self.average = {name: self.average[name].to(value.device) for name, value in own.items()}
        torch._foreach_lerp_(list(self.average.values()), list(own.values()), 1.0 - self.decay)

    def weights(self, model: nn.Module) -> dict[str, Tensor]:
        """The averaged state dict, copied; the model's own weights before the first step."""
        state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        if self.steps == 0:
            return state
        scale = 1.0 / (1.0 - self.decay**self.steps) if self.bias_correction else 1.0
        state.update({name: average * scale for name, average in self.average.items()})
        return state

    def state_dict(self) -> dict[str, object]:
        """What resuming needs."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a saved state."""
        self.steps = int(state["steps"])
        self.average = dict(state["average"])
