"""Another machine: one without the backend that this one scans on."""

import pytest

from affectssm.ssm import numba_backend


def without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on scans run on the reference."""
    monkeypatch.setattr(numba_backend, "why_not", lambda asked: "this is another machine")
