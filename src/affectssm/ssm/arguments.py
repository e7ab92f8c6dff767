"""What a scan is asked to do, checked and brought into one form for every backend.

Letters: B batch, D channels, L steps, N states a channel, G groups of channels that share one input and one output
projection, M modalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

DISCRETISATIONS = ("mamba", "zoh", "bilinear")
COUPLINGS = ("mean", "sum", "none", "mix", "pairwise")


class Missing(str):
    """Why a backend that would do cannot run here: what it needs is absent or broken. Worth a warning."""

    __slots__ = ()


@dataclass(frozen=True)
class Selective:
    """The arguments of one selective scan, checked; B and C have groups, ``reverse`` has one entry a group."""

    u: Tensor  # (B, D, L)
    delta: Tensor  # (B, D, L)
    A: Tensor  # (D, N)
    B: Tensor  # (B, G, N, L)
    C: Tensor  # (B, G, N, L)
    D: Tensor | None  # (D,)
    z: Tensor | None  # (B, D, L)
    delta_bias: Tensor | None  # (D,)
    delta_softplus: bool
    reverse: tuple[bool, ...]  # (G,)
    discretisation: str
    wants_state: bool = False  # whether the last state is asked for

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that is there."""
        all_of_them = (self.u, self.delta, self.A, self.B, self.C, self.D, self.z, self.delta_bias)
        return tuple(t for t in all_of_them if t is not None)


@dataclass(frozen=True)
class Coupled:
    """The arguments of one coupled scan, checked."""

    u: Tensor  # (M, B, D, L)
    delta: Tensor  # (M, B, D, L)
    A: Tensor  # (M, D, N); pairwise: (M, M, D, N), from the first axis to the second
    B: Tensor  # (M, B, N, L)
    C: Tensor  # (M, B, N, L)
    D: Tensor | None  # (M, D)
    z: Tensor | None  # (M, B, D, L)
    delta_bias: Tensor | None  # (M, D)
    delta_softplus: bool
    reverse: bool
    discretisation: str
    coupling: str
    mix: Tensor | None  # (M, M), rows sum to one

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that is there."""
        all_of_them = (self.u, self.delta, self.A, self.B, self.C, self.D, self.z, self.delta_bias, self.mix)
        return tuple(t for t in all_of_them if t is not None)


class ScanOverflowError(ArithmeticError):
    """The states of a coupled scan, or what is computed from them, left the range of their number format.

    Args:
        step: where, counted from 0 in the order of the recurrence: the first step, of gradients the last.
        length: steps of the scan.
        what: what is not finite.
    """

    def __init__(self, step: int, length: int, what: str = "a state") -> None:
        self.step, self.length, self.what = step, length, what
        super().__init__(
            f"coupled scan: {what} is not finite at step {step} of {length}, counted from 0 in the order of the "
            "recurrence. Coupling 'sum' adds the states of all modalities, which grows wherever their decays add up to "
            "more than one. Use coupling 'mean', or shorter sequences (and see that inputs and loss are finite)."
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.step, self.length, self.what)


def state_dtype(u: Tensor) -> torch.dtype:
    """The number format of the state: float64 for float64 inputs, float32 for every other."""
    return torch.float64 if u.dtype == torch.float64 else torch.float32


def selective(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
    reverse: bool | Sequence[bool],
    discretisation: str,
    wants_state: bool = False,
) -> Selective:
    """Check the arguments of a selective scan.

    Raises:
        ValueError: when shapes do not fit together, for an unknown discretisation, or for numbers that are not real.
    """
    _one_of("discretisation", discretisation, DISCRETISATIONS)
    _rank("u", u, 3)
    batch, channels, length = u.shape
    _rank("A", A, 2)
    states = A.shape[1]
    _some(D=channels, L=length, N=states)
    _shape("delta", delta, (batch, channels, length))
    _shape("A", A, (channels, states))
    B, C = _grouped("B", B), _grouped("C", C)
    groups = B.shape[1]
    if not groups or channels % groups:
        raise ValueError(f"{channels} channels cannot be divided into {groups} groups")
    for name, projection in (("B", B), ("C", C)):
        _shape(name, projection, (batch, groups, states, length))
    for name, optional, shape in (
        ("D", D, (channels,)), ("z", z, tuple(u.shape)), ("delta_bias", delta_bias, (channels,)),
    ):  # fmt: skip
        if optional is not None:
            _shape(name, optional, shape)
    turned = (reverse,) * groups if isinstance(reverse, bool) else tuple(map(bool, reverse))
    if len(turned) != groups:
        raise ValueError(f"reverse has {len(turned)} entries for {groups} groups")
    _real(u=u, delta=delta, A=A, B=B, C=C, D=D, z=z, delta_bias=delta_bias)
    return Selective(u, delta, A, B, C, D, z, delta_bias, delta_softplus, turned, discretisation, wants_state)


def coupled(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
    reverse: bool,
    discretisation: str,
    coupling: str,
    mix: Tensor | None,
) -> Coupled:
    """Check the arguments of a coupled scan.

    Raises:
        ValueError: when shapes do not fit together, for an unknown discretisation or coupling, for numbers that are
            not real, when ``mix`` is given without the coupling of this name or the other way round, or when its rows
            are no weights.
    """
    _one_of("discretisation", discretisation, DISCRETISATIONS)
    _one_of("coupling", coupling, COUPLINGS)
    _rank("u", u, 4)
    modalities, batch, channels, length = u.shape
    pairs = (modalities,) * (1 + (coupling == "pairwise"))
    _rank("A", A, len(pairs) + 2)
    states = A.shape[-1]
    _some(M=modalities, D=channels, L=length, N=states)
    _shape("delta", delta, tuple(u.shape))
    _shape("A", A, (*pairs, channels, states))
    for name, projection in (("B", B), ("C", C)):
        _shape(name, projection, (modalities, batch, states, length))
    for name, optional, shape in (
        ("D", D, (modalities, channels)),
        ("z", z, tuple(u.shape)),
        ("delta_bias", delta_bias, (modalities, channels)),
        ("mix", mix, (modalities, modalities)),
    ):
        if optional is not None:
            _shape(name, optional, shape)
    _real(u=u, delta=delta, A=A, B=B, C=C, D=D, z=z, delta_bias=delta_bias, mix=mix)
    if (mix is not None) != (coupling == "mix"):
        raise ValueError("coupling 'mix' wants the weights mix (M, M), every other coupling none")
    if mix is not None and mix.device.type == "cpu":  # elsewhere, to look would make the device wait
        _row_stochastic(mix.detach())
    return Coupled(
        u, delta, A, B, C, D, z, delta_bias, delta_softplus, reverse, discretisation, coupling, mix
    )


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} {value!r}: one of {', '.join(known)} is wanted")


def _rank(name: str, tensor: Tensor, rank: int) -> None:
    if tensor.dim() != rank:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: {rank} axes are wanted")


def _shape(name: str, tensor: Tensor, wanted: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != wanted:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: {wanted} is wanted")


def _some(**sizes: int) -> None:
    for name, size in sizes.items():
        if not size:
            raise ValueError(f"a scan with {name} = 0: at least 1 is wanted")


def _real(**tensors: Tensor | None) -> None:
    for name, tensor in tensors.items():
        if tensor is not None and not tensor.is_floating_point():
            raise ValueError(f"{name} holds {tensor.dtype}: real floating-point numbers are wanted")


def _row_stochastic(mix: Tensor) -> None:
    tolerance = 1e-3 if mix.dtype in (torch.float32, torch.float64) else 3e-2
    wrong = (mix < 0).any(1) | ~((mix.double().sum(1) - 1).abs() <= tolerance)
    if wrong.any():
        row = int(wrong.int().argmax())
        values = ", ".join(f"{value:.3g}" for value in mix[row].tolist())
        raise ValueError(
            f"mix: row {row} is ({values}): weights from 0 on with sum 1 are wanted (softmax of a row)"
        )


def _grouped(name: str, projection: Tensor) -> Tensor:
    """(B, N, L) or (B, G, N, L) -> (B, G, N, L)."""
    if projection.dim() == 3:
        return projection.unsqueeze(1)
    _rank(name, projection, 4)
    return projection
