"""From metrics to a table: CSV, Markdown, provenance, the faults behind it and a figure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError
from affectssm.store.atomic import write_json, write_text
from affectssm.store.card import make_card
from affectssm.store.faults import COLUMNS as FAULT_COLUMNS
from affectssm.store.faults import Fault, read_faults
from affectssm.tables import noxi_ccc, noxi_controls
from affectssm.tables.figure import draw
from affectssm.tables.measured import read_all, require_complete
from affectssm.tables.page import Page
from affectssm.tables.provenance import provenance
from affectssm.tables.render import as_csv, as_markdown

PAGES: dict[str, Callable[..., Page]] = {"noxi_ccc": noxi_ccc.page, "noxi_controls": noxi_controls.page}


def build_table(
    table: str,
    settings: Mapping[str, Any],
    metrics: Sequence[Path],
    faults: Sequence[Path],
    out_dir: Path,
    oracle: Path | None = None,
) -> Path:
    """Write ``{table}.csv`` and, before it, ``.md``, ``.provenance.json``, ``.faults.csv`` and ``.png``.

    Args:
        table: a key of PAGES.
        settings: ``experiments.table_settings``.
        metrics: metrics.parquet of every experiment of the table.
        faults: fault tables of the corpora and features behind it.
        out_dir: where the files go.
        oracle: the demo's oracle.json, for the controls.

    Returns:
        The path of the CSV.

    Raises:
        ConfigError: for an unknown table.
        DataError: when an experiment or a unit is missing and the settings do not allow it.
    """
    if table not in PAGES:
        raise ConfigError(
            f"table {table}", "no table of this name", f"one of {', '.join(PAGES)}", "mend the name"
        )
    csv_path = out_dir / f"{table}.csv"
    rows = read_all(metrics, settings["experiments"], csv_path)
    require_complete(rows, settings["allow_incomplete"], csv_path)
    found = collect_faults(faults)
    page = PAGES[table](rows, settings, len(found), _read(oracle))
    card = make_card("tables/build", ["affectssm.tables.build"], dict(settings), inputs=[*metrics, *faults])
    write_text(out_dir / f"{table}.faults.csv", as_csv([asdict(fault) for fault in found], FAULT_COLUMNS))
    write_json(out_dir / f"{table}.provenance.json", provenance(rows, card))
    write_text(
        out_dir / f"{table}.md", as_markdown(page.title, page.intro, page.rows, page.keys, list(page.metrics))
    )
    draw(out_dir / f"{table}.png", page.title, page.rows, page.labels, page.metrics, "CCC")
    write_text(csv_path, as_csv(page.rows, page.columns))
    return csv_path


def collect_faults(paths: Sequence[Path]) -> list[Fault]:
    """All faults, each once, sorted."""
    found = {fault for path in paths for fault in read_faults(path)}
    return sorted(found, key=lambda fault: tuple(asdict(fault).values()))


def _read(oracle: Path | None) -> dict[str, Any] | None:
    return None if oracle is None else json.loads(oracle.read_text(encoding="utf-8"))
