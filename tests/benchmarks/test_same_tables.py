"""The comparison of two folders of tables."""

from pathlib import Path

from same_tables import differences, read

HEAD = "edition,method,ccc,note\n"


def table(path: Path, text: str):
    path.write_text(HEAD + text)
    return read(path)


def test_equal_tables_have_no_differences(tmp_path):
    one = table(tmp_path / "a.csv", "demo,DAT,0.5000,x\n")
    assert not list(differences(one, one))


def test_each_cell_row_and_column_that_differs_is_named(tmp_path):
    before = table(tmp_path / "a.csv", "demo,DAT,0.5000,x\ndemo,DA-Mamba,0.6000,x\n")
    after = table(tmp_path / "b.csv", "demo,DAT,0.5001,y\n")
    lines = list(differences(before, after))
    assert lines[0] == "2 rows before, 1 after"
    assert "row 1 (DAT), ccc: '0.5000' before, '0.5001' after" in lines and len(lines) == 3
    assert len(list(differences(before, after, without=["note"]))) == 2
    assert list(differences(before, (["method"], []))) == [
        "columns only before: ccc, edition, note", "2 rows before, 0 after"
    ]  # fmt: skip
