"""How what is measured grows with length: the exponent p of value ~ length^p, a line through the logarithms."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from statistics import linear_regression


def exponent(values: Mapping[int, float]) -> float | None:
    """The exponent of values above zero by length; None for fewer than two lengths."""
    if len(values) < 2:
        return None
    return linear_regression([log(one) for one in values], [log(one) for one in values.values()]).slope


def span(values: Mapping[int, float]) -> str:
    """Over which lengths: ``64 to 1000``."""
    return f"{min(values)} to {max(values)}"
