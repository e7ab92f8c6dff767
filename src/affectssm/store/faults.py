"""The fault table: what was wrong with the data, and what was done instead of guessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from affectssm.vocabulary.faults import CODES

Action = Literal["masked", "truncated", "quarantined", "ignored", "decided"]


@dataclass(frozen=True)
class Fault:
    """One row of the fault table."""

    corpus: str
    recording: str
    participant: str
    stream: str
    code: str
    found: str
    expected: str
    action: str


COLUMNS = tuple(Fault.__dataclass_fields__)


class FaultLog:
    """Collects the faults of one corpus."""

    def __init__(self, corpus: str, rows: Iterable[Fault] = ()) -> None:
        self.corpus = corpus
        self.rows: list[Fault] = list(rows)

    def add(
        self,
        code: str,
        *,
        action: Action,
        recording: str = "",
        participant: str = "",
        stream: str = "",
        found: str = "",
        expected: str = "",
    ) -> None:
        """Add a row; ``code`` is one of :data:`affectssm.vocabulary.faults.CODES`."""
        if code not in CODES:
            raise KeyError(f"{code} is not a fault code; add it to affectssm.vocabulary.faults")
        self.rows.append(Fault(self.corpus, recording, participant, stream, code, found, expected, action))

    def write(self, path: Path | str, card: Mapping[str, Any]) -> None:
        """Write the rows, sorted, as Parquet."""
        write_faults(path, self.rows, card)


def write_faults(path: Path | str, rows: Iterable[Fault], card: Mapping[str, Any]) -> None:
    """Write fault rows, sorted, as Parquet."""
    import pyarrow as pa

    from affectssm.store.parquet import write_parquet

    ordered = sorted(rows, key=lambda row: tuple(asdict(row).values()))
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    write_parquet(path, {name: [getattr(row, name) for row in ordered] for name in COLUMNS}, schema, card)


def read_faults(path: Path | str) -> list[Fault]:
    """Read a fault table."""
    from affectssm.store.parquet import read_parquet

    return [Fault(**row) for row in read_parquet(path).to_pylist()]
