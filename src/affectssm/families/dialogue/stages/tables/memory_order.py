"""What the memory table says of the paper's order, in which DA-Mamba takes less than DAT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ATTENTION = ("plain", "fused")
Found = Mapping[str, Any]


def setting_of(row: Found) -> tuple[Any, ...]:
    """What two rows have in common that are compared."""
    return tuple(row[name] for name in ("scale", "device", "batch", "length", "precision", "recompute"))


def rivals(rows: Sequence[Found]) -> dict[tuple[Any, ...], dict[str, int | None]]:
    """Setting -> kind of attention -> bytes that DAT takes there, None where it did not fit."""
    found: dict[tuple[Any, ...], dict[str, int | None]] = {}
    for row in rows:
        if row["model"] == "dat":
            found.setdefault(setting_of(row), {})[row["attention"]] = row["peak_bytes"]
    return found


def conclusion(rows: Sequence[Found]) -> str:
    """One sentence: whether DA-Mamba takes less, in float32 without recomputation; at the paper's scale, if there."""
    plain = [row for row in rows if (row["precision"], row["recompute"]) == ("float32", "none")]
    plain = [row for row in plain if row["part"] != "growth"]
    there = [row for row in plain if row["scale"] == "paper"]
    batches = ", ".join(map(str, sorted({row["batch"] for row in there or plain})))
    sizes = (
        "the paper's sizes"
        if there
        else "sizes that are not the paper's, which says nothing about its order,"
    )
    where = f"In float32 at batch {batches} and {sizes}"
    theirs = rivals(plain)
    said, less_everywhere = [], []
    for attention in ATTENTION:
        lengths: dict[bool, list[int]] = {True: [], False: []}
        for row in there or plain:
            other = theirs.get(setting_of(row), {})
            if row["model"] != "dat" and attention in other:
                less = _less(row["peak_bytes"], other[attention])
                if less is not None:
                    lengths[less].append(row["length"])
        if any(lengths.values()):
            said.append(f"{_words(lengths)} than DAT with {attention} attention")
            less_everywhere.append((attention, not lengths[False]))
    if not said:
        return "Nothing was measured of both models: nothing is said about the paper's order."
    ending = "" if not there else f": the paper's order is {_order(less_everywhere)}"
    return f"{where} DA-Mamba takes {', and '.join(said)}{ending}."


def _less(own: int | None, other: int | None) -> bool | None:
    """Whether one takes less than another; what did not fit takes more than what did."""
    if own is None or other is None:
        return None if own is other else other is None
    return own < other


def _words(lengths: Mapping[bool, Sequence[int]]) -> str:
    each = [
        f"{word} at {', '.join(map(str, sorted(set(lengths[less]))))} frames"
        for less, word in ((True, "less"), (False, "more"))
        if lengths[less]
    ]
    return " and ".join(each)


def _order(found: Sequence[tuple[str, bool]]) -> str:
    held = [attention for attention, less in found if less]
    if len(held) == len(found):
        return "found"
    return f"found against {held[0]} attention alone" if held else "not found"
