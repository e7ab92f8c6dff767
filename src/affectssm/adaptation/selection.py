"""Which parameters a method may change: by type of module (BatchNorm) or by the part a module plays in the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from affectssm.errors import ConfigError

Parameters = dict[str, nn.Parameter]


def norms(model: nn.Module) -> list[_BatchNorm]:
    """All BatchNorms with scale and shift, of one or two dimensions."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.affine]


def roles(model: nn.Module) -> dict[str, list[nn.Module]]:
    """The modules a model names by role; none where it names none."""
    found = getattr(model, "roles", None)
    return found() if callable(found) else {}


def parameters(model: nn.Module, modules: Iterable[nn.Module]) -> Parameters:
    """Name -> parameter of the given modules, each once, in the model's order."""
    wanted = {id(p) for p in chain.from_iterable(m.parameters() for m in modules)}
    return {name: p for name, p in model.named_parameters() if id(p) in wanted}


def require(method: str, model: nn.Module, needed: Iterable[str], least: int = 1) -> None:
    """Refuse a model that lacks what a method changes or reads.

    Args:
        method: its name, for the message.
        model: the model.
        needed: ``norms`` or roles.
        least: how many modules of each there must be.

    Raises:
        ConfigError: naming the first thing that is missing.
    """
    for name in needed:
        found: Sequence[nn.Module] = norms(model) if name == "norms" else roles(model).get(name, [])
        if len(found) < least:
            raise ConfigError(
                f"adaptation by {method} of {type(model).__name__}",
                f"{len(found)} of {name}",
                f"at least {least}",
                "adapt another model, or this one by another method",
            )
