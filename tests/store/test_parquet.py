"""Parquet files are in exactly their schema, carry a card, and are whole or absent."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affectssm.errors import DataError
from affectssm.store.card import make_card
from affectssm.store.parquet import TOGETHER, read_parquet, read_parquet_card, write_parquet

CARD = make_card("test", ["affectssm.errors"], {})
SCHEMA = pa.schema([("name", pa.string()), ("rows", pa.int32())])


def test_a_table_comes_back_in_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.parquet"
    write_parquet(path, {"name": ["a", "-ü"], "rows": [1, 2]}, SCHEMA, CARD)
    assert read_parquet(path).to_pylist() == [{"name": "a", "rows": 1}, {"name": "-ü", "rows": 2}]
    assert read_parquet(path, ["rows"]).column_names == ["rows"]
    assert pq.read_schema(path).remove_metadata() == SCHEMA
    assert read_parquet_card(path) == CARD


def test_a_table_of_another_width_is_cast_and_what_does_not_fit_refused(tmp_path: Path) -> None:
    wide = pa.table({"name": ["a"], "rows": pa.array([7], pa.int64())})
    write_parquet(tmp_path / "x.parquet", wide, SCHEMA, CARD)
    assert read_parquet(tmp_path / "x.parquet").schema.field("rows").type == pa.int32()
    for wrong in ({"name": ["a"], "rows": ["b"]}, {"name": ["a"]}):
        with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError, KeyError)):
            write_parquet(tmp_path / "y.parquet", wrong, SCHEMA, CARD)
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_no_row_is_a_table(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", {"name": [], "rows": []}, SCHEMA, CARD)
    assert read_parquet(tmp_path / "x.parquet").num_rows == 0


@pytest.mark.parametrize("content", [None, b"", b"PAR1 torn"])
def test_what_is_absent_or_torn_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="not readable as Parquet"):
        read_parquet(path)


def test_what_stood_there_stays_if_the_new_file_is_not_whole(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "x.parquet"
    write_parquet(path, {"name": ["a"], "rows": [1]}, SCHEMA, CARD)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", lambda file, table: _write(file, table.slice(0, 0)))
    with pytest.raises(DataError, match="0 rows after writing"):
        write_parquet(path, {"name": ["b"], "rows": [2]}, SCHEMA, CARD)
    assert read_parquet(path).to_pylist() == [{"name": "a", "rows": 1}]
    assert [each.name for each in tmp_path.iterdir()] == ["x.parquet"]


_write = pq.ParquetWriter.write_table


def test_tables_are_written_whole_in_pieces(tmp_path: Path) -> None:
    rows = 2 * TOGETHER + 3
    write_parquet(
        tmp_path / "x.parquet", {"name": [f"{n}" for n in range(rows)], "rows": [*range(rows)]}, SCHEMA, CARD
    )
    read = read_parquet(tmp_path / "x.parquet")
    assert read["rows"].to_pylist() == [*range(rows)] and read["name"].to_pylist()[-1] == str(rows - 1)
    write_parquet(tmp_path / "y.parquet", read, SCHEMA, CARD)
    assert read_parquet(tmp_path / "y.parquet").equals(read)
