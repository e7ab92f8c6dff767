"""Adam and SGD: torch's own functions, without the classes around them.

The classes import torch's compiler when they are first used, which costs a job two seconds of CPU time. The numbers are
theirs, bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

STEPS = "steps"  # a scalar on the CPU, as in torch's class
State = dict[str, Tensor]


class Optimiser(ABC):
    """Changes parameters along their gradients; a parameter without one stays.

    Args:
        parameters: changed in place.
        rate: the learning rate, which may be set anew before any step.

    Attributes:
        state: what is remembered of a parameter, by its number; of those alone that have had a gradient.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        self.parameters, self.rate = list(parameters), rate
        self.state: dict[int, State] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Make one step."""
        self._step(range(len(self.parameters)))

    def _step(self, numbers: Iterable[int]) -> None:
        numbers = [n for n in numbers if self.parameters[n].grad is not None]
        parameters: list[Tensor] = [self.parameters[n] for n in numbers]
        states = [self.state.setdefault(n, {}) for n in numbers]
        self._change(parameters, [p.grad for p in parameters if p.grad is not None], states)

    def load(self, state: Mapping[int, State]) -> None:
        """Go on from the state of another one, on the parameters' devices."""
        self.state = {
            n: {k: v if k == STEPS else v.to(self.parameters[n].device) for k, v in own.items()}
            for n, own in state.items()
        }

    @abstractmethod
    def _change(self, parameters: list[Tensor], gradients: list[Tensor], states: Sequence[State]) -> None:
        """Change parameters in place; the state of one that comes for the first time is empty."""


class Adam(Optimiser):
    """Adam (Kingma and Ba, ICLR 2015) with betas 0.9 and 0.999.

    Args:
        parameters, rate: see Optimiser.
        weight_decay: of the weights themselves where ``decoupled`` (AdamW: Loshchilov and Hutter, ICLR 2019), otherwise
            a part of their gradients.
        eps: added to the root of the mean square.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        rate: float,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, rate)
        self.weight_decay, self.decoupled, self.eps = weight_decay, decoupled, eps

    def _change(self, parameters: list[Tensor], gradients: list[Tensor], states: Sequence[State]) -> None:
        for parameter, own in zip(parameters, states, strict=True):
            if not own:
                own |= {name: torch.zeros_like(parameter) for name in ("mean", "square")}
                own[STEPS] = torch.tensor(0.0)
        means, squares, steps = ([own[name] for own in states] for name in ("mean", "square", STEPS))
        adam(
            parameters, gradients, means, squares, [], steps,
            amsgrad=False, beta1=0.9, beta2=0.999, lr=self.rate, weight_decay=self.weight_decay, eps=self.eps,
            maximize=False, decoupled_weight_decay=self.decoupled,
            foreach=True,  # the same numbers; an operation on all parameters is one call
        )  # fmt: skip


class Group(NamedTuple):
    """Parameters with a share of the learning rate and a weight decay of their own."""

    parameters: list[nn.Parameter]
    share: float
    weight_decay: float


class GroupedAdam(Adam):
    """Adam on groups of parameters.

    Args:
        groups: of parameters, which are numbered through.
        rate, decoupled, eps: see Adam.
    """

    def __init__(
        self, groups: Sequence[Group], rate: float, decoupled: bool = False, eps: float = 1e-8
    ) -> None:
        super().__init__((p for group in groups for p in group.parameters), rate, 0.0, decoupled, eps)
        self.groups = list(groups)

    @torch.no_grad()
    def step(self) -> None:
        """Make one step."""
        rate, first = self.rate, 0
        for group in self.groups:
            self.rate, self.weight_decay = rate * group.share, group.weight_decay
            self._step(range(first, first := first + len(group.parameters)))
        self.rate = rate


class SGD(Optimiser):
    """Stochastic gradient descent.

    Args:
        parameters, rate: see Optimiser.
        momentum: share of the last step's direction.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, momentum: float = 0.0) -> None:
        super().__init__(parameters, rate)
        self.momentum = momentum

    def _change(self, parameters: list[Tensor], gradients: list[Tensor], states: Sequence[State]) -> None:
        directions = [own.get("direction") for own in states]
        sgd(
            parameters, gradients, directions,
            weight_decay=0.0, momentum=self.momentum, lr=self.rate, dampening=0.0, nesterov=False, maximize=False,
        )  # fmt: skip
        for own, direction in zip(states, directions, strict=True):
            if direction is not None:
                own["direction"] = direction
