"""The page that the figures are written to."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import triton
from gpu_cases import Case, label
from gpu_clock import FAILURES, Clock, in_a_line
from gpu_device import Gpu
from gpu_setup import CHECK
from pages import RESULTS, plot, table

HEAD = [
    "scan", "(B, L, D, N)", "floor f / f+b, us", "f / f+b, us", "f over floor", "f+b over floor", "f+b launched, us",
    "memory",
]  # fmt: skip
OTHERS_HEAD = [
    "scan", "(B, L, D, N)", "implementation", "f, us", "Triton is faster by", "f+b, us", "Triton is faster by",
]  # fmt: skip


def title(case: Case) -> list[str]:
    """What a row begins with."""
    return ["coupled, mean, M = 3" if case["coupling"] else "selective", str(tuple(case["shape"]))]


def figures(times: dict[str, float], floor: tuple[float, float]) -> list[str]:
    """The rest of the row of one of this project's scans."""
    return [
        f"{1e6 * floor[0]:.1f} / {1e6 * floor[1]:.1f}", f"{1e6 * times['forward']:.1f} / {1e6 * times['both']:.1f}",
        f"{times['forward'] / floor[0]:.2f}", f"{times['both'] / floor[1]:.2f}", f"{1e6 * times['launched']:.0f}",
        f"{times['memory']:.3f}",
    ]  # fmt: skip


def place(case: Case) -> str:
    """A scan's name on the plot."""
    return f"{'coupled' if case['coupling'] else 'selective'}\n{tuple(case['shape'])}"


@dataclass
class Page:
    """What has been found so far, and the file it is written to."""

    gpu: Gpu
    clock: Clock
    path: Path | None  # none: nothing is written
    compared: list[tuple[Case, str]] = field(default_factory=list)
    rates: tuple[float, float] = (math.nan, math.nan)
    rows: list[list[str]] = field(default_factory=lambda: [HEAD])
    others: list[list[str]] = field(default_factory=lambda: [OTHERS_HEAD])
    tiles: list[list[str]] = field(default_factory=list)
    drawn: dict[str, dict[str, float]] = field(default_factory=dict)  # seconds of f+b, and of the floor
    absent: dict[str, str] = field(default_factory=dict)  # packages that cannot be used here, and why
    plotted: bool = False

    def add(self, rows: list[list[str]], row: list[str]) -> None:
        """Put a row below a table, print it and write the page."""
        rows.append(row)
        print(*row, sep=" | ", flush=True)
        self.write()

    def write(self) -> None:
        """Write what there is."""
        if self.path:
            self.path.write_text(str(self))

    def wrong(self) -> dict[str, str]:
        """Cases that were not found to agree, with what was found instead."""
        return {label(case): found for case, found in self.compared if not found.startswith("ok")}

    def __str__(self) -> str:
        """The page in Markdown."""
        worst = "\n".join(f"* {name}: {found}" for name, found in self.wrong().items()) or "none"
        missing = [f"{name} ({why})" for name, why in self.absent.items()]
        lines = f"\nNot installed, or not usable here: {'; '.join(missing)}.\n" if missing else ""
        tiles = f"\n## Tiles\n\n{table(self.tiles)}\n" if self.tiles else ""
        picture = f"\n![forward + backward]({self.path.stem}.png)\n" if self.plotted and self.path else ""
        return f"""# Selective and coupled scan on {self.gpu.name}

Written by `python benchmarks/gpu.py` in {time.monotonic() - self.clock.begin:.0f} s. torch {torch.__version__}, Triton
{triton.__version__}. Floor: {self.rates[0] / 1e12:.2f} Texp/s and {self.rates[1] / 1e12:.2f} TB/s (read + written),
measured in the same run; forward + backward (f+b) needs two exponentials a state and step. Times are of CUDA graphs
over inputs that the second-level cache does not hold; "launched" is from Python. float32. Memory: peak beyond inputs,
outputs and their gradients, in (B, L, D, N) tensors of all modalities.

{table(self.rows)}

## Other implementations

mamba_ssm is replayed as a CUDA graph and compared with this project's replayed scan. The others are launched from
Python and compared with this project's launched scan. OOM: the card's memory does not suffice.

{table(self.others)}
{lines}{picture}{tiles}
## Agreement

Compared with the float64 reference first: {len(self.compared)} cases (float32 1e-4, bfloat16 2e-2 of a tensor's
largest value); what did not agree or was not compared:

{worst}
"""


def draw(page: Page) -> None:
    """A plot beside the page, where matplotlib is installed and there is something to show."""
    if not page.path or not page.drawn:
        return
    try:
        plot(page.drawn, page.path.with_suffix(".png"), f"Scans on {page.gpu.name}, forward + backward")
    except FAILURES as failure:
        print(f"no plot: {in_a_line(failure)}")
        return
    page.plotted = True
    page.write()


def page_path(folder: Path | None) -> Path | None:
    """Where the page is written to, its folder made; the interpreter's is worth no page unless one asks for it."""
    if folder is None and CHECK:
        return None
    folder = folder or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    card = "interpreter" if CHECK else torch.cuda.get_device_name(0)
    return folder / f"gpu-{re.sub(r'[^a-z0-9]+', '-', card.lower()).strip('-')}.md"
