"""Draws docs/jobs.md: which rule reads the files of which other. Run it where the tables named here are finished,

    snakemake --cores 2 --configfile tests/configs/tiny.yaml TABLES...
    python docs/draw_jobs.py

for before the manifests are known Snakemake does not know all jobs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NAMES = (
    "noxi_ccc",
    "bimtta_missing",
    "damamba_memory",
    "affwild2_va",
    "mosei_regression",
    "coupled_efficiency",
)
TABLES = [f"results/tables/{name}.csv" for name in NAMES]
PAGE = Path(__file__).with_name("jobs.md")
HEAD = """\
# The jobs

A box is a rule of the workflow, an arrow says that one reads what the other writes. Every rule of a family (its name
ends in the family's) follows from a step in its folder; drawn by `docs/draw_jobs.py` from Snakemake's own graph of
{tables}.

```mermaid
flowchart TB
"""


def edges_of(graph: str) -> set[tuple[str, str]]:
    """Return (read rule, reading rule) of a graph as Snakemake or this page writes it, without a rule's own."""
    names = dict(re.findall(r"^\s*(\w+)\[(\w+)\]$", graph, re.M))
    found = {(names[a], names[b]) for a, b in re.findall(r"^\s*(\w+) --> (\w+)$", graph, re.M)}
    return {(a, b) for a, b in found if a != b}


def page(edges: set[tuple[str, str]]) -> str:
    """Return the page."""
    rules = sorted({rule for edge in edges for rule in edge})
    lines = [f"    {rule}[{rule}]" for rule in rules]
    lines += [f"    {one} --> {other}" for one, other in sorted(edges)]
    tables = ", ".join(f"`{Path(table).stem}`" for table in TABLES)
    return HEAD.format(tables=tables) + "\n".join(lines) + "\n```\n"


def main() -> None:
    """Draw the graph of the workflow in this folder."""
    config = sys.argv[1:] or ["tests/configs/tiny.yaml"]
    command = ["snakemake", *TABLES, "--cores", "1", "--configfile", *config, "--rulegraph", "mermaid-js"]
    drawn = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    PAGE.write_text(page(edges_of(drawn)), encoding="utf-8")


if __name__ == "__main__":
    main()
