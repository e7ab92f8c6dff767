"""What the pages of the plan share: short hashes and shell words."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable

USUAL = {"shard": "s[0-9]+", "part": "[A-Za-z0-9_]+", "seed": "[0-9]+", "seeds": "[0-9]+(?:-[0-9]+)*"}
"""Wildcard of rules -> what it can be, where a rule does not say."""


def short_hash(parts: Iterable[str]) -> str:
    """Return 16 hex digits over some texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def shell_words(*words: str) -> str:
    """Return words as one would type them: quoted where they must be."""
    return shlex.join(words)


def one_of(names: Iterable[str]) -> str:
    """Return a pattern that matches these names and, where there is none, nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"
