"""Answers as files: the time series, and beside it its faults, its provenance, who is who, and a plot."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from affectssm.errors import ConfigError
from affectssm.serving.answers import write_csv
from affectssm.serving.predict import Answers, Options, answers_of
from affectssm.store.atomic import write_json, write_text
from affectssm.store.faults import COLUMNS
from affectssm.tables.render import as_csv

_LOG = logging.getLogger(__name__)


def predict_files(
    model: Path,
    media: Sequence[Path],
    out: Path,
    options: Options,
    *,
    plot: bool = False,
    work: Path | None = None,
) -> None:
    """Write what a model answers for media: ``out``, and beside it faults, provenance, people and a plot.

    Args:
        model, media, options, work: as of :func:`affectssm.serving.predict.answers_of`.
        out: the CSV.
        plot: draw it, too.

    Raises:
        ConfigError: also for an ``out`` that is one of the media.
        DataError: also where it cannot be written.
    """
    if out.resolve() in {path.resolve() for path in (*media, model)}:
        raise ConfigError(str(out), "a file that is read", "a file of its own", "name another one")
    if out.is_dir():
        raise ConfigError(
            str(out), "a folder", "the CSV to write", f"name a file in it: {out / 'predictions.csv'}"
        )
    write_answers(answers_of(model, media, options, work), out, plot)


def write_answers(found: Answers, out: Path, plot: bool) -> None:
    """Write ``out``, ``{name}.faults.csv``, ``{name}.provenance.json``, where people were told apart
    ``{name}.people.csv``, and where asked for ``{name}.png``.

    Raises:
        DataError: where one cannot be written.
    """
    write_text(beside(out, ".faults.csv"), as_csv([asdict(fault) for fault in found.faults], COLUMNS))
    write_json(beside(out, ".provenance.json"), {**found.provenance, "notes": found.notes})
    if found.people:
        write_text(beside(out, ".people.csv"), found.people)
    if plot:
        from affectssm.serving.plot import draw

        draw(found.table, found.packed.description, found.notes, beside(out, ".png"))
    write_csv(out, found.table)
    for note in found.notes:
        _LOG.warning("note: %s", note)
    valid = int(sum(found.table["valid"].to_pylist()))
    count = len(found.faults)
    where = f", listed in {beside(out, '.faults.csv')}" if count else ""
    _LOG.info(
        "%s: %d rows, %d of them valid, %d fault%s%s",
        out,
        found.table.num_rows,
        valid,
        count,
        "s" * (count != 1),
        where,
    )


def beside(out: Path, ending: str) -> Path:
    """Return the path of what lies beside the CSV."""
    return out.with_name((out.stem if out.suffix.lower() == ".csv" else out.name) + ending)
