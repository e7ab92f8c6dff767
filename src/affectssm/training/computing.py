"""How a model in training is computed: which of its parts twice, and in which precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from affectssm.errors import ConfigError
from affectssm.models.recompute import recomputing

HALF = "bfloat16"


@contextmanager
def computed(model: nn.Module, recompute: str = "none", precision: str = "float32") -> Iterator[None]:
    """Inside, a model is computed as the settings of a step say; weights and what it answers stay in float32.

    Args:
        model: on its device.
        recompute: see :mod:`affectssm.models.recompute`.
        precision: ``float32``, or ``bfloat16``: products in it, by torch's rules (autocast).

    Raises:
        ConfigError: for bfloat16 on a CPU, where products in it take longer than in float32.
    """
    with recomputing(model, recompute):
        if precision != HALF:
            yield
            return
        device = next(model.parameters()).device.type
        if device == "cpu":
            raise ConfigError(
                "training.precision", f"{HALF} on a CPU", "float32 there", "leave it at float32, or train on a GPU"
            )  # fmt: skip
        with in_half(model, device):
            yield


@contextmanager
def in_half(model: nn.Module, device: str) -> Iterator[None]:
    """Inside, a model's products are in bfloat16, and its answers in float32 again."""
    model.__dict__["forward"] = _half(model.forward, device)
    try:
        yield
    finally:
        del model.__dict__["forward"]


def _half(forward: Callable[..., Any], device: str) -> Callable[..., Any]:
    def call(*args: Any, **given: Any) -> Any:
        with torch.autocast(device, torch.bfloat16):
            found = forward(*args, **given)
        return _single(found)

    return call


def _single(found: Any) -> Any:
    """The tensors of an answer in float32 where they are in bfloat16."""
    if isinstance(found, Tensor):
        return found.float() if found.dtype == torch.bfloat16 else found
    if isinstance(found, Mapping):
        return {name: _single(value) for name, value in found.items()}
    if is_dataclass(found) and not isinstance(found, type):
        return replace(found, **{field.name: _single(getattr(found, field.name)) for field in fields(found)})
    return found
