"""A finished table as a DataFrame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_TEXT = ("edition", "method", "source", "data", "weights", "features", "split", "note")


def table(name: str | Path, results: str | Path = "results") -> pd.DataFrame:
    """Return a finished table: published and measured rows, with what made the measured ones.

    Args:
        name: of the table (``noxi_ccc``: the edition that was asked for last), or the path of its CSV.
        results: the folder that everything is computed into.

    Returns:
        The rows of the CSV. ``source`` is ``published`` or ``measured``, ``data`` is ``real`` or ``demo``. Scores and
        their ``_sd``, ``_low`` and ``_high`` (95 % interval) are floats, NaN where a cell is empty; counts (``n_...``)
        are integers, ``<NA>`` where they are; all else is text. What a score means and its unit says the table's page
        (``noxi_ccc.md``). ``attrs`` holds ``table``, ``path`` and ``provenance``: for each measured row the settings,
        seeds, inputs, packages and hashes of code it was computed with, as in ``noxi_ccc.provenance.json``.

    Raises:
        DataError: if there is no such table, or it cannot be read.

    Example:
        >>> import affectssm
        >>> ccc = affectssm.table("noxi_ccc")
        >>> sorted(ccc.source.unique())
        ['measured', 'published']
        >>> ccc[ccc.source == "published"].noxi_base.max().item() < 1
        True
        >>> len(ccc.attrs["provenance"]["rows"]), ccc.source.value_counts()["measured"].item()
        (2, 2)
    """
    import pandas as pd

    from affectssm.errors import DataError

    path = Path(name) if str(name).endswith(".csv") else Path(results, "tables", f"{name}.csv")
    if not path.is_file():
        there = sorted(one.stem for one in path.parent.glob("*.csv") if not one.stem.endswith(".faults"))
        raise DataError(
            path,
            "no such table",
            f"one of {', '.join(there)}" if there else "a finished table",
            f"make it: snakemake --cores 2 results/tables/{path.stem}.csv",
        )
    try:
        found = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, "str"))
    except (OSError, ValueError) as error:
        raise DataError(path, f"not readable: {error}", "a finished table", "make it again") from error
    for column in found.columns:
        if column in _TEXT or found[column].dtype == "str":
            found[column] = found[column].fillna("").astype("str")
        elif column.startswith("n_"):
            found[column] = found[column].astype("Int64")
        elif found[column].dtype != "bool":
            found[column] = found[column].astype("float64")
    found.attrs = {"table": path.stem, "path": str(path), "provenance": _provenance(path)}
    return found


def _provenance(path: Path) -> dict[str, object]:
    beside = path.with_suffix(".provenance.json")
    try:
        return json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a CSV that was handed on without it
        return {}
