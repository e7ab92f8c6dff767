"""Which parameters a method may change: by type of module (BatchNorm) or by the part a module plays in the model."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from affectssm.errors import ConfigError

Parameters = dict[str, nn.Parameter]


def norms(model: nn.Module) -> list[_BatchNorm]:
    """All BatchNorms with scale and shift, of one or two dimensions."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.affine]


def modules(model: nn.Module, name: str) -> list[nn.Module]:
    """The BatchNorms for ``norms``, else the modules that the model names by this role, if it names any."""
    if name == "norms":
        return [*norms(model)]
    roles = getattr(model, "roles", None)
    return roles().get(name, []) if callable(roles) else []


def parameters(model: nn.Module, names: Iterable[str]) -> Parameters:
    """Name -> parameter of the modules under some names, each once, in the model's order."""
    wanted = {id(p) for name in names for m in modules(model, name) for p in m.parameters()}
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
        found = modules(model, name)
        if len(found) < least:
            raise ConfigError(
                f"adaptation by {method} of {type(model).__name__}",
                f"{len(found)} of {name}",
                f"at least {least}",
                "adapt another model, or this one by another method",
            )
