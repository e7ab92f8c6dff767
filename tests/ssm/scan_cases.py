"""Random scans for property tests, and what it means that a backend agrees with the reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from affectssm.ssm.coupled import coupled_scan
from affectssm.ssm.scan import selective_scan


@dataclass(frozen=True)
class Case:
    """A random scan, as what decides it; modalities 0 for a selective scan."""

    modalities: int
    batch: int
    groups: int
    width: int
    length: int
    states: int
    options: frozenset[str]
    layouts: tuple[bool, ...]  # per tensor with time: time before channels in memory
    seed: int


OPTIONS = ("D", "z", "delta_bias", "delta_softplus", "reverse", "last")


def cases(coupled: bool = False, largest: int = 40) -> st.SearchStrategy[Case]:
    """Small scans of any shape; sizes of 1 and such that no vector holds evenly are frequent."""
    size = st.sampled_from([1, 2, 3, 5, 16, 17, largest])
    return st.builds(
        Case,
        modalities=st.integers(1, 4) if coupled else st.just(0),
        batch=st.integers(1, 3),
        groups=st.just(1) if coupled else st.integers(1, 3),
        width=size,
        length=st.sampled_from([1, 2, 7, 40, 130]),
        states=st.sampled_from([1, 2, 3, 4, 8, 16, 33]),
        options=st.frozensets(st.sampled_from(OPTIONS)),
        layouts=st.tuples(*[st.booleans()] * 5),
        seed=st.integers(0, 2**20),
    )


def tensors(case: Case) -> dict[str, Tensor | None]:
    """The scan's float32 tensors, step sizes up to 5."""
    rng = torch.Generator().manual_seed(case.seed)
    lead = (case.modalities, case.batch) if case.modalities else (case.batch,)
    lead_of_rows = (case.modalities,) if case.modalities else ()
    channels = case.groups * case.width
    groups = () if case.modalities else (case.groups,)
    layouts = iter(case.layouts)

    def timed(*shape: int, uniform: float = 0.0) -> Tensor:
        *outer, rows, length = shape
        early = next(layouts)
        memory = (*outer, length, rows) if early else shape
        values = (
            uniform * torch.rand(memory, generator=rng) if uniform else torch.randn(memory, generator=rng)
        )
        return values.transpose(-1, -2) if early else values

    signal = (*lead, channels, case.length)
    softplus = "delta_softplus" in case.options
    bias = torch.randn(*lead_of_rows, channels, generator=rng)
    if not softplus:  # no negative step sizes: the states would grow without bound
        bias = bias.abs()
    found = {
        "u": timed(*signal),
        "delta": timed(*signal, uniform=0.0 if softplus else 5.0),
        "A": -4 * torch.rand(*lead_of_rows, channels, case.states, generator=rng),
        "B": timed(*lead, *groups, case.states, case.length),
        "C": timed(*lead, *groups, case.states, case.length),
        "D": torch.randn(*lead_of_rows, channels, generator=rng) if "D" in case.options else None,
        "z": timed(*signal) if "z" in case.options else None,
        "delta_bias": bias if "delta_bias" in case.options else None,
    }
    if "mix" in case.options:
        found["mix"] = torch.rand(case.modalities, case.modalities, generator=rng).softmax(dim=1)
    return found


def run(
    case: Case, backend: str, dtype: torch.dtype, rounding: torch.dtype = torch.float32, **more: str
) -> dict[str, Tensor]:
    """Outputs and all gradients, by name, with fixed random gradients of the outputs; tensors are rounded first."""
    given = {
        name: None if t is None else t.detach().to(rounding).to(dtype).requires_grad_()
        for name, t in tensors(case).items()
    }
    softplus, reverse = "delta_softplus" in case.options, "reverse" in case.options
    if case.modalities:
        scan, turned = coupled_scan, reverse
    else:
        scan, turned = selective_scan, tuple(bool((g + reverse) % 2) for g in range(case.groups))
    y, last = scan(
        **given, delta_softplus=softplus, return_last_state=True, reverse=turned, backend=backend, **more
    )
    rng = torch.Generator().manual_seed(case.seed + 1)
    loss = (y * torch.randn(y.shape, generator=rng).to(dtype)).sum()
    if "last" in case.options:
        loss = loss + (last * torch.randn(last.shape, generator=rng).to(dtype)).sum()
    loss.backward()
    gradients = {f"gradient of {name}": t.grad for name, t in given.items() if t is not None}
    return {"y": y.detach(), "last state": last.detach()} | gradients


def disagreements(
    found: dict[str, Tensor], expected: dict[str, Tensor], relative: float, absolute: float
) -> list[str]:
    """Tensors whose largest error exceeds ``relative`` times the largest value plus ``absolute``."""
    wrong = []
    for name, values in expected.items():
        error = (found[name].double() - values).abs().max()
        if not error <= relative * values.abs().max() + absolute:
            wrong.append(f"{name}: error {error:.2e}, largest value {values.abs().max():.2e}")
    return wrong
