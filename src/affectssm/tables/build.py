"""From metrics to a table: CSV, Markdown, provenance, the faults behind it and a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from affectssm.store.atomic import write_json, write_text
from affectssm.store.card import make_card
from affectssm.store.faults import COLUMNS as FAULT_COLUMNS
from affectssm.store.faults import Fault, read_faults
from affectssm.tables.fault_tables import fault_tables
from affectssm.tables.page import Inputs, Page
from affectssm.tables.render import as_csv, as_markdown
from affectssm.tables.standing import EDITION
from affectssm.vocabulary.stages import table_modules
from affectssm.vocabulary.tables import PAGES
from affectssm.vocabulary.targets import load_from


def build_table(
    table: str,
    settings: Mapping[str, Any],
    files: Sequence[Path],
    corpora: Sequence[Path],
    fault_features: Sequence[str],
    out_dir: Path,
) -> Path:
    """Write ``{table}.csv`` and, before it, ``.md``, ``.provenance.json``, ``.faults.csv`` and ``.png``.

    Args:
        table: a key of :data:`affectssm.vocabulary.tables.PAGES`.
        settings: ``table_settings`` of its family, and ``edition``, what every row says in its first column.
        files: what it is made of: metrics of every experiment, or a measurement.
        corpora: ``results/corpora/{corpus}-{edition}`` of every corpus.
        fault_features: the features whose faults belong to the table.
        out_dir: where the files go.

    Returns:
        The path of the CSV.

    Raises:
        ConfigError: for an unknown table.
        DataError: when an experiment or a unit is missing and the settings do not allow it.
    """
    page_of = load_from(PAGES, table, "table")
    csv_path = out_dir / f"{table}.csv"
    faults = fault_tables(corpora, fault_features)
    found = collect_faults(faults)
    page: Page = page_of(Inputs(files, settings, found, planted_oracle(corpora), csv_path))
    rows = [{EDITION: settings["edition"], **row} for row in page.rows]
    card = make_card("tables/build", table_modules(table), dict(settings), inputs=[*files, *faults])
    write_text(out_dir / f"{table}.faults.csv", as_csv([asdict(fault) for fault in found], FAULT_COLUMNS))
    write_json(out_dir / f"{table}.provenance.json", {"rows": page.origins, "card": card})
    title = f"{page.title} (edition: {settings['edition']})"
    markdown = as_markdown(title, page.intro, rows, page.keys, page.numbers, page.sections, page.decimals)
    write_text(out_dir / f"{table}.md", markdown)
    page.draw(out_dir / f"{table}.png")
    write_text(csv_path, as_csv(rows, page.columns))
    return csv_path


def collect_faults(paths: Sequence[Path]) -> list[Fault]:
    """All faults, each once, sorted."""
    found = {fault for path in paths for fault in read_faults(path)}
    return sorted(found, key=lambda fault: tuple(asdict(fault).values()))


def planted_oracle(corpora: Sequence[Path]) -> dict[str, Any] | None:
    """What perfect readers of the demos' latents score, by corpus, and the ``law`` that was planted.

    A demo's file has an entry a corpus, or speaks for all its corpora at once; None where no corpus is a demo's.
    """
    found: dict[str, Any] = {}
    for folder in corpora:
        corpus, _, edition = folder.name.partition("-")
        path = folder.parents[1] / "demo" / edition / "truth" / "oracle.json"
        if not path.is_file():
            continue
        oracle = json.loads(path.read_text(encoding="utf-8"))
        found[corpus] = {**oracle.get(corpus, oracle), "law": oracle.get("law", {})}
    return found or None
