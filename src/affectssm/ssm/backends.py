"""Which backend computes a scan: the first that can, unless one is forced.

A backend is a module with ``NAME``, ``why_not(asked)`` (None, or why it cannot run this) and the two scans
``selective(asked)`` and ``coupled(asked)``, differentiable. What it needs is imported when it is first asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor

from affectssm.ssm import mamba_ssm_backend, numba_backend, reference, triton_backend
from affectssm.ssm.arguments import Coupled, Missing, Selective

_forced: list[str] = []
_warned: set[str] = set()
_recording: list[set[str]] = []


class Backend(Protocol):
    """What every backend module has."""

    NAME: str

    def why_not(self, asked: Selective | Coupled) -> str | None:
        """Why this cannot be computed here; None when it can."""

    def selective(self, asked: Selective) -> tuple[Tensor, Tensor]:
        """y (B, D, L) and the last state (B, D, N)."""

    def coupled(self, asked: Coupled) -> tuple[Tensor, Tensor]:
        """y (M, B, D, L) and the last states (M, B, D, N)."""


class _Noted:
    """A backend whose name every open ``recorded`` gets once it has computed something."""

    def __init__(self, own: Backend) -> None:
        self.NAME, self._own = own.NAME, own

    def why_not(self, asked: Selective | Coupled) -> str | None:
        return self._own.why_not(asked)

    def selective(self, asked: Selective) -> tuple[Tensor, Tensor]:
        return self._note(self._own.selective(asked))

    def coupled(self, asked: Coupled) -> tuple[Tensor, Tensor]:
        return self._note(self._own.coupled(asked))

    def _note(self, computed: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        for names in _recording:
            names.add(self.NAME)
        return computed


# in the order in which they are asked
_MODULES: dict[str, Backend] = {
    module.NAME: _Noted(module) for module in (mamba_ssm_backend, triton_backend, numba_backend, reference)
}
BACKENDS = tuple(_MODULES)


class BackendError(RuntimeError):
    """A backend that was asked for by name cannot run."""


def backend(name: str) -> Backend:
    """The backend of this name.

    Raises:
        BackendError: when there is none.
    """
    if name not in _MODULES:
        raise BackendError(f"scan backend {name!r}: one of {', '.join(BACKENDS)} is wanted")
    return _MODULES[name]


def choose(asked: Selective | Coupled, name: str | None = None) -> Backend:
    """The backend that computes this.

    Args:
        asked: the scan's arguments.
        name: the backend to use; None or ``auto``: the one that ``use_backend`` forces, or the first that can.

    Raises:
        BackendError: when the named one cannot run this; the message says why.
    """
    named = None if name == "auto" else name
    forced = named or (_forced[-1] if _forced else None)
    if forced is not None:
        found = backend(forced)
        if reason := found.why_not(asked):
            raise BackendError(f"scan backend {forced!r} cannot run here: {reason}")
        return found
    lacking: dict[str, Missing] = {}
    for candidate in BACKENDS:
        found = backend(candidate)
        reason = found.why_not(asked)
        if reason is None:
            if found.NAME == reference.NAME:
                _warn_once(lacking)
            return found
        if isinstance(reason, Missing):
            lacking[candidate] = reason
    raise AssertionError("the reference can do everything")


def _warn_once(lacking: Mapping[str, Missing]) -> None:
    """Say once that this machine lacks a fast backend that would do; one that does not fit is nobody's concern."""
    for candidate, reason in lacking.items():
        if candidate not in _warned:
            _warned.add(candidate)
            warnings.warn(f"scans run on the slow reference backend: {reason}", RuntimeWarning, stacklevel=4)


@contextmanager
def use_backend(name: str | None) -> Iterator[None]:
    """Force a backend for every scan inside; None (or ``auto``) leaves the choice as it is."""
    if name in (None, "auto"):
        yield
        return
    backend(name)
    _forced.append(name)
    try:
        yield
    finally:
        _forced.pop()


@contextmanager
def recorded() -> Iterator[set[str]]:
    """The names of the backends that have computed something inside; the set grows as they do."""
    names: set[str] = set()
    _recording.append(names)
    try:
        yield names
    finally:
        # this very set, wherever another thread's lie
        _recording[:] = [others for others in _recording if others is not names]
