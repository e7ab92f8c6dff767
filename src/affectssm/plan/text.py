"""What the pages of the plan share: short hashes and shell words."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable

USUAL = {"shard": "s[0-9]+", "part": "[A-Za-z0-9_]+", "seed": "[0-9]+", "seeds": "[0-9]+(?:-[0-9]+)*"}
"""Wildcard of rules -> what it can be, where a rule does not say."""


_HOUR = 3600.0


def short_hash(parts: Iterable[str]) -> str:
    """Return 16 hex digits over some texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def shell_words(*words: str) -> str:
    """Return words as one would type them: quoted where they must be."""
    return shlex.join(words)


def one_of(names: Iterable[str]) -> str:
    """Return a pattern that matches these names and, where there is none, nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


def number(value: float) -> str:
    """Return a number as somebody says it: 12, 3.4, 0.02."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 or value == 0 else f"{value:.2g}"


def took(hours: float) -> str:
    """Return hours as somebody says them: 40 s, 12 min, 3.5 h, 4.2 days."""
    if hours < 100 / _HOUR:
        return f"{hours * _HOUR:.0f} s"
    if hours < 1.7:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:.1f} days"
