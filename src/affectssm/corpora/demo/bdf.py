"""Writes BDF as BioSemi's recorders do: 24-bit samples in records of a second, the status word last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

BITS = 1 << 23
_RANGES = {"uV": 262144.0, "nS": 262144.0}  # 1/32 of the unit a bit; other units: one


@dataclass(frozen=True)
class Sheet:
    """What a BDF holds: labels and units of its channels, the last of which is the status, and its rate in Hz."""

    labels: tuple[str, ...]
    units: tuple[str, ...]
    rate: int


def write_bdf(path: Path, sheet: Sheet, values: np.ndarray, status: np.ndarray) -> None:
    """Write a file.

    Args:
        path: the file.
        sheet: the channels.
        values: (T, C - 1) in the channels' units.
        status: (T,) words of 24 bits.

    Whole seconds are written; what is left over is not.
    """
    records = len(status) // sheet.rate
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = np.array([_RANGES.get(unit, BITS) / BITS for unit in sheet.units[:-1]])
    with path.open("wb") as file:
        file.write(_header(sheet, records))
        for record in range(records):
            rows = slice(record * sheet.rate, (record + 1) * sheet.rate)
            words = np.clip(np.rint(values[rows] / scale), -BITS, BITS - 1).astype("<i4")
            words = np.column_stack([words, status[rows].astype("<i4")]).T
            file.write(np.ascontiguousarray(words).view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


def _header(sheet: Sheet, records: int) -> bytes:
    count = len(sheet.labels)
    limits = [_RANGES.get(unit, float(BITS)) for unit in sheet.units]
    fields = [
        (16, sheet.labels),
        (80, ["Active electrode"] * (count - 1) + ["Triggers and Status"]),
        (8, sheet.units),
        (8, [f"{-limit:.0f}" for limit in limits]),
        (8, [f"{limit * (1 - 1 / BITS):.5f}"[:8] for limit in limits]),
        (8, [str(-BITS)] * count),
        (8, [str(BITS - 1)] * count),
        (80, ["HP: DC; LP: 104 Hz"] * (count - 1) + ["No filtering"]),
        (8, [str(sheet.rate)] * count),
        (32, ["Reserved"] * count),
    ]
    fixed = [("", 80), ("", 80), ("01.01.10", 8), ("12.00.00", 8), (str(256 * (count + 1)), 8), ("24BIT", 44)]
    fixed += [(str(records), 8), ("1", 8), (str(count), 4)]
    text = "".join(value.ljust(width) for value, width in fixed)
    text += "".join(value.ljust(width) for width, values in fields for value in values)
    return b"\xffBIOSEMI" + text.encode("latin-1")
