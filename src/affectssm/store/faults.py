"""The fault table: what was wrong with the data, and what was done instead of guessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from affectssm.errors import DataError
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

    def about(self, recording: str = "", participant: str = "") -> Notes:
        """Return what takes the faults of a recording, a participant, or a participant of a recording."""
        return Notes(self, recording, participant)

    def write(self, path: Path | str, card: Mapping[str, Any]) -> None:
        """Write the rows, sorted, as Parquet."""
        write_faults(path, self.rows, card)


@dataclass(frozen=True)
class Notes:
    """Takes the faults of one recording or participant, and adds them to the log under these names."""

    log: FaultLog
    recording: str = ""
    participant: str = ""

    def add(self, code: str, stream: str, found: str, expected: str, action: Action) -> None:
        """Add a row; a stream that is not used, ``extra/<name>``, goes by its name."""
        self.log.add(
            code, recording=self.recording, participant=self.participant, stream=stream.removeprefix("extra/"),
            found=found, expected=expected, action=action,
        )  # fmt: skip

    def caught(self, error: DataError, stream: str = "", action: Action = "quarantined") -> None:
        """Add what an error says; the code of one without a code is ``unreadable_file``."""
        self.add(error.code or "unreadable_file", stream, error.found, error.expected, action)


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
