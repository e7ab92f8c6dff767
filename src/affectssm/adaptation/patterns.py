"""What goes missing in the streams that are asked for."""

from __future__ import annotations

from affectssm.settings.segments import MissingSettings

NOTHING = "nothing"  # beside the patterns: the control


def streams_of(missing: MissingSettings) -> list[tuple[str, float]]:
    """Return pattern and ratio of every stream, the control (NOTHING, 0) last."""
    found: list[tuple[str, float]] = [(p, r) for p in missing.patterns for r in missing.ratios]
    return found + [(NOTHING, 0.0)] * missing.control
