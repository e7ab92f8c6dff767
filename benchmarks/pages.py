"""What the pages of the benchmarks share: tables, the plot, the machine, the command line."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parent / "results"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line that shows a module's text as it is written."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def versions() -> str:
    """Of torch and Python."""
    return f"torch {torch.__version__}, Python {platform.python_version()}"


def processor() -> str:
    """The CPU's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def plot(drawn: dict[str, dict[str, float]], path: Path, title: str) -> None:
    """Time over the floor of every implementation at every shape, on a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(name for times in drawn.values() for name in times if name != "floor"))
    apart = 0.8 / max(1, len(names))
    figure, axes = plt.subplots(figsize=(max(9, 1.5 * len(drawn)), 4), layout="constrained")
    for number, name in enumerate(names):
        found = [(i, times[name] / times["floor"]) for i, times in enumerate(drawn.values()) if name in times]
        places = [i + (number - (len(names) - 1) / 2) * apart for i, _ in found]
        bars = axes.bar(places, [ratio for _, ratio in found], width=0.94 * apart, label=name)
        axes.bar_label(
            bars, [f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}" for _, ratio in found], fontsize=7
        )
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(drawn)), list(drawn))
    axes.set_xlabel("(B, L, D, N)")
    axes.set_ylabel("time over the floor")
    axes.set_title(title)
    figure.legend(fontsize=8, ncols=6, loc="outside lower center", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
