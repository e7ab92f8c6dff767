"""The scans that are compared and timed, and their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from gpu_setup import CHECK
from torch import Tensor

from affectssm.ssm import triton_scan
from affectssm.ssm.coupled import coupled_scan
from affectssm.ssm.scan import selective_scan

SHAPES = ((128, 96, 256, 16), (32, 96, 512, 16), (16, 500, 256, 64), (4, 3000, 256, 8), (1, 7500, 256, 8))
TINY = ((2, 5, 6, 3),)
MODALITIES = 3
OPTIONS: tuple[dict[str, Any], ...] = (
    {"options": True, "groups": 2},
    {"options": True, "groups": 2, "dtype": "bfloat16"},
    {"options": True, "channels_first": True, "odd": True},
    {"options": True, "long": True},
    {"coupling": "mean", "options": True},
    {"coupling": "sum", "channels_first": True},
    {"coupling": "none", "options": True},
    {"coupling": "mix"},
)
Case = dict[str, Any]
Scan = Callable[..., Tensor]


def cases(shapes: tuple[tuple[int, ...], ...]) -> list[Case]:
    """What is compared with the reference: all that is timed, the first shape in bfloat16 too, and all options."""
    timed: list[Case] = [{"shape": s, "coupling": c} for s in shapes for c in ("", "mean")]
    half = [{"shape": shapes[0], "coupling": c, "dtype": "bfloat16"} for c in ("", "mean")]
    sizes = {"odd": (2, 33, 37, 5), "long": (1, 300, 64, 8), "": (2, 40, 64, 16)}
    if CHECK:
        sizes = {"odd": (1, 3, 5, 3), "long": (1, 20, 2, 2), "": (1, 4, 4, 2)}
    more = [
        {"shape": next(s for key, s in sizes.items() if not key or option.get(key))} | option
        for option in OPTIONS
    ]
    return timed + half + more


def inputs(case: Case, device: str, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of a case, channels last in memory unless it says otherwise, as leaves that want gradients."""
    batch, length, channels, states = case["shape"]
    rng = torch.Generator(device).manual_seed(seed)
    front = (MODALITIES,) if case.get("coupling") else ()
    groups = (case["groups"],) if case.get("groups") else ()

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, device=device)

    def signal(*rows: int) -> Tensor:
        if case.get("channels_first"):
            return draw(*front, batch, *rows, length)
        return draw(*front, batch, length, *rows).movedim(len(front) + 1, -1)

    rates = -torch.arange(1.0, states + 1, device=device).expand(*front, channels, states)
    found = {"u": signal(channels), "delta": signal(channels), "A": rates.contiguous()}
    found |= {"B": signal(*groups, states), "C": signal(*groups, states), "D": draw(*front, channels)}
    if case.get("options"):
        found |= {"z": signal(channels), "delta_bias": draw(*front, channels)}
    else:
        found["delta"] = 0.1 * torch.sigmoid(found["delta"])
    if case.get("coupling") == "mix":
        found["mix"] = draw(*front, *front).softmax(1)
    dtype = getattr(torch, case.get("dtype", "float32"))
    return {name: t.to(dtype).requires_grad_() for name, t in found.items()}


def scan_of(case: Case, backend: str) -> Scan:
    """The case's scan as a function of its tensors."""
    settings: dict[str, Any] = {"delta_softplus": bool(case.get("options")), "backend": backend}
    if case.get("coupling"):
        return lambda **tensors: coupled_scan(**tensors, **settings, coupling=case["coupling"])  # type: ignore[return-value]
    turned = (False, True) if case.get("groups") else False
    return lambda **tensors: selective_scan(**tensors, **settings, reverse=turned)  # type: ignore[return-value]


def label(case: Case) -> str:
    """A case in a few words."""
    kind = f"coupled ({case['coupling']})" if case.get("coupling") else "selective"
    more = [key for key in ("options", "groups", "channels_first") if case.get(key)]
    return " ".join([kind, str(tuple(case["shape"])), case.get("dtype", "float32"), *more])


@contextmanager
def variant(case: Case) -> Iterator[None]:
    """Replace the plan's tile by the one that the case names, if it does."""
    original = triton_scan.plan
    if "variant" in case:
        channels, sub = case["variant"]
        triton_scan.plan = lambda *shape: replace(original(*shape), DV=channels, sub=sub, ahead=sub)
    try:
        yield
    finally:
        triton_scan.plan = original
