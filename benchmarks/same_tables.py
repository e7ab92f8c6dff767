"""Whether two folders of tables hold the same numbers: before and after a change of the code that is to change none.

    python benchmarks/same_tables.py BEFORE/results/tables AFTER/results/tables [TABLE ...]

Compares every CSV that both folders have (or the named tables), row by row and column by column, as text. Columns and
rows that only one of them has are listed; ``--without COLUMN`` leaves a column out (a note's wording, say). Ends with 1
where anything differs or there is nothing to compare.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

Table = tuple[list[str], list[dict[str, str]]]


def read(path: Path) -> Table:
    """Return the columns and rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return list(reader.fieldnames or ()), rows


def differences(before: Table, after: Table, without: Sequence[str] = ()) -> Iterator[str]:
    """Yield what differs between two tables, a line each."""
    columns = [name for name in before[0] if name not in without]
    others = [name for name in after[0] if name not in without]
    for names, where in ((set(columns) - set(others), "before"), (set(others) - set(columns), "after")):
        if names:
            yield f"columns only {where}: {', '.join(sorted(names))}"
    if len(before[1]) != len(after[1]):
        yield f"{len(before[1])} rows before, {len(after[1])} after"
    for number, (old, new) in enumerate(zip(before[1], after[1], strict=False), 1):
        for name in columns:
            if name in others and old[name] != new[name]:
                yield f"row {number} ({old.get('method', '')}), {name}: {old[name]!r} before, {new[name]!r} after"


def main() -> None:
    """Compare and say what differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("tables", nargs="*", help="their names; default: all that both folders have")
    parser.add_argument("--without", nargs="*", default=[], help="columns left out")
    given = parser.parse_args()
    both = {path.stem for path in given.before.glob("*.csv") if ".faults" not in path.name}
    names = given.tables or sorted(name for name in both if (given.after / f"{name}.csv").is_file())
    found = 0
    for name in names:
        lines = list(
            differences(read(given.before / f"{name}.csv"), read(given.after / f"{name}.csv"), given.without)
        )
        found += len(lines)
        print(f"{name}: {'the same' if not lines else f'{len(lines)} differences'}")
        print(*(f"  {line}" for line in lines), sep="\n", end="\n" if lines else "")
    sys.exit(bool(found) or not names)


if __name__ == "__main__":
    main()
