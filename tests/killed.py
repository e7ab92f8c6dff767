"""Jobs that are killed in the middle."""

from types import ModuleType
from typing import Any

import pytest


def killed_at(
    patch: pytest.MonkeyPatch, module: ModuleType, name: str, call: int | None
) -> list[tuple[Any, ...]]:
    """Interrupt a function at one of its calls, counted from 1, or never; returns the calls' arguments as they come."""
    original, calls = getattr(module, name), []

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*given, **named)

    patch.setattr(module, name, counted)
    return calls
