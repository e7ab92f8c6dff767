"""Runs of the Triton kernels, each in a process of its own; see ``test_triton.py``.

    TRITON_INTERPRET=1 python tests/ssm/triton_runs.py interpret
    python tests/ssm/triton_runs.py compile

Triton reads TRITON_INTERPRET when it is first imported, so a test cannot turn it on for itself alone. The result is
printed as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scan_cases import Case, disagreements, run

from affectssm.ssm import triton_backend, triton_plan
from affectssm.ssm.arguments import ScanOverflowError
from affectssm.ssm.coupled import coupled_scan

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 2e-2}
PLAIN = frozenset[str]()
ALL = frozenset({"D", "z", "delta_bias", "delta_softplus", "last"})
LATE, EARLY, ODD = (False,) * 5, (True,) * 5, (True, False, False, True, True)


@dataclass(frozen=True)
class Run:
    """A case, the dtype, and what cuts time, in short pieces, since every step that is interpreted costs.

    segment: the shortest. kept: how many states one is kept of, which decides the steps of a span. recomputed: steps
    whose states the backward pass holds at once; a part of a span.
    """

    case: Case
    dtype: torch.dtype = torch.float32
    coupling: str = ""
    segment: int = 64
    kept: int = 16
    recomputed: int = 8


# modalities, batch, groups, width, length, states, options, layouts, seed; programs have 8 channels or more
RUNS = {
    "selective": [
        Run(Case(0, 2, 1, 1, 1, 1, PLAIN, LATE, 0)),
        # spans of 4 steps in two parts; the second span has 2 of them
        Run(Case(0, 2, 1, 5, 6, 3, ALL, ODD, 1), kept=4, recomputed=2),
        Run(Case(0, 1, 3, 2, 5, 2, ALL - {"last"}, EARLY, 2)),
        Run(Case(0, 1, 1, 37, 3, 16, frozenset({"reverse", "last"}), EARLY, 3)),
        Run(Case(0, 2, 1, 4, 5, 3, ALL, EARLY, 4), torch.bfloat16),
        Run(Case(0, 1, 2, 3, 6, 4, frozenset({"D"}), ODD, 5), torch.float16),
    ],
    "coupled": [
        # spans of 4 steps in two parts; the second span has 1 of them
        Run(Case(3, 1, 1, 5, 5, 3, ALL, ODD, 6), coupling="mean", kept=8, recomputed=2),
        Run(Case(3, 1, 1, 3, 4, 2, ALL | {"reverse"}, EARLY, 7), coupling="sum"),
        Run(Case(2, 1, 1, 17, 3, 16, frozenset({"reverse", "last"}), LATE, 8), coupling="none"),
        # spans of 4 steps in two parts; the second span has 2 of them
        Run(
            Case(2, 1, 1, 9, 6, 16, frozenset({"mix", "last"}), EARLY, 9),
            coupling="mix",
            kept=4,
            recomputed=2,
        ),
        Run(Case(3, 1, 1, 1, 1, 1, ALL | {"mix"}, LATE, 10), coupling="mix"),
        Run(Case(2, 2, 1, 4, 3, 3, ALL, EARLY, 11), torch.bfloat16, "mean"),
    ],
    "cuts": [
        # three segments side by side, of 2 steps each, the last of 1
        Run(Case(0, 1, 2, 3, 5, 3, ALL, EARLY, 12), segment=2, kept=2),
        Run(Case(2, 1, 1, 3, 5, 3, ALL, EARLY, 13), coupling="mean", segment=2, kept=4),
        # two launches of the backward pass, of 4 steps and 2
        Run(Case(0, 1, 1, 9, 6, 33, frozenset({"last"}), EARLY, 14), kept=4),
    ],
}
# short sequences make small kernels, which compile in a second
COMPILED = [
    Run(Case(0, 1, 2, 32, 2, 16, ALL, EARLY, 0), kept=1),
    Run(Case(0, 1, 1, 5, 1, 3, PLAIN, LATE, 0), torch.bfloat16),
    Run(Case(3, 1, 1, 16, 1, 16, PLAIN, EARLY, 0), coupling="mean"),
    Run(Case(2, 1, 1, 3, 1, 2, ALL | {"mix"}, EARLY, 0), coupling="mix"),
    Run(Case(0, 1, 1, 32, 3, 4, ALL, EARLY, 0), segment=1, kept=1),
]


def results(wanted: Run, backend: str, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Outputs and gradients of a run, its tensors rounded to the run's dtype first."""
    triton_plan.SEGMENT, triton_plan.KEPT, triton_plan.RECOMPUTED = (
        wanted.segment,
        wanted.kept,
        wanted.recomputed,
    )
    triton_plan.plan.cache_clear()
    more = {"coupling": wanted.coupling} if wanted.coupling else {}
    return run(wanted.case, backend, dtype, rounding=wanted.dtype, **more)


def agreement(name: str) -> list[list[str]]:
    """Per run, which tensors disagree with the float64 reference."""
    return [
        disagreements(
            results(wanted, "triton", wanted.dtype),
            results(wanted, "reference", torch.float64),
            TOLERANCE[wanted.dtype],
            1e-7,
        )
        for wanted in RUNS[name]
    ]


def overflow() -> list[int | None]:
    """The steps that Triton and the reference name where coupling ``sum`` grows without bound; None for ``mean``."""
    rng = torch.Generator().manual_seed(0)
    u, B, C = (torch.randn(3, 1, n, 20, generator=rng) for n in (2, 2, 2))
    tensors = {"u": u * 1e33, "delta": torch.full_like(u, 0.01), "A": -torch.ones(3, 2, 2), "B": B, "C": C}

    def step(backend: str, coupling: str) -> int | None:
        try:
            coupled_scan(**tensors, coupling=coupling, backend=backend)
        except ScanOverflowError as found:
            return found.step
        return None

    return [step("triton", "sum"), step("reference", "sum"), step("triton", "mean")]


def patch_once() -> None:
    """Let the interpreter patch Triton's language once for the functions of a module that kernels call.

    It does so at each of their calls, to the same and for good, which takes nearly half of all time.
    """
    from triton.runtime import interpreter

    modules = set()

    def call(self: interpreter.InterpretedFunction, *given: object, **named: object) -> object:
        if self.fn.__module__ not in modules:
            modules.add(self.fn.__module__)
            interpreter._patch_lang(self.fn)
        return self.rewrite()(*given, **named)

    interpreter.InterpretedFunction.__call__ = call


def interpreted() -> dict[str, list]:
    """All of it, by name."""
    patch_once()
    return {name: agreement(name) for name in RUNS} | {"overflow": overflow()}


class Utilities:
    """What Triton asks a driver's utilities; the kernels' names are kept."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def get_device_properties(self, device: int) -> dict[str, int]:
        """The least of what matters."""
        return {"max_shared_mem": 1 << 16}

    def load_binary(self, name: str, binary: bytes, shared: int, device: int) -> tuple[int, ...]:
        """Handles of nothing."""
        if not binary.startswith(b"\x7fELF"):
            raise ValueError(f"{name} is no machine code")
        self.names.append(name)
        return 1, 1, 0, 0, 1024


class Driver:
    """Stands for a GPU of compute capability 9.0 that is not there; launches do nothing."""

    def __init__(self) -> None:
        self.utils = Utilities()

    def launcher_cls(self, source: object, metadata: object) -> Callable[..., None]:
        """Launches nothing."""
        return lambda *arguments: None

    def get_current_target(self) -> object:
        """What to compile for."""
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        """The first."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """The default one."""
        return 0

    def get_device_capability(self) -> tuple[int, int]:
        """9.0."""
        return 9, 0


def compiled() -> list[str]:
    """Compile every kernel down to machine code; their names."""
    from triton.runtime import driver

    stand_in = Driver()
    driver.set_active(stand_in)
    triton_backend.why_not = lambda asked: None  # CPU tensors will do: nothing is launched
    for wanted in COMPILED:
        results(wanted, "triton", wanted.dtype)
    return stand_in.utils.names


if __name__ == "__main__":
    print(json.dumps({"interpret": interpreted, "compile": compiled}[sys.argv[1]]()))
