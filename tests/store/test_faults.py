"""The fault table."""

from pathlib import Path

import pytest

from affectssm.store.card import make_card, read_card
from affectssm.store.faults import Fault, FaultLog, read_faults, write_faults
from affectssm.vocabulary.faults import CODES

CARD = make_card("test", ["affectssm.errors"], {})


def test_only_known_codes_are_taken() -> None:
    log = FaultLog("noxi")
    with pytest.raises(KeyError, match="is not a fault code"):
        log.add("nonsense", action="ignored")
    for code in CODES:
        log.add(code, action="masked")
    assert [row.code for row in log.rows] == list(CODES)
    assert log.rows[0] == Fault("noxi", "", "", "", next(iter(CODES)), "", "", "masked")


def test_rows_come_back_sorted_whatever_they_hold(tmp_path: Path) -> None:
    names = ["-rf", "ü", "a b", "", "$(x)"]
    rows = [Fault("mosei", name, "speaker", "audio", "no_rows", "a\n|b", "'\"", "masked") for name in names]
    write_faults(tmp_path / "faults.parquet", rows, CARD)
    assert read_faults(tmp_path / "faults.parquet") == sorted(rows, key=lambda row: row.recording)
    FaultLog("mosei", rows).write(tmp_path / "again.parquet", CARD)
    assert read_faults(tmp_path / "again.parquet") == read_faults(tmp_path / "faults.parquet")
    assert read_card(tmp_path / "again.parquet") == CARD


def test_no_fault_is_an_empty_table(tmp_path: Path) -> None:
    write_faults(tmp_path / "faults.parquet", [], CARD)
    assert read_faults(tmp_path / "faults.parquet") == []
