"""What stands in results/tables: its edition in words, and that nothing is left of it when it is taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectssm.tables import standing


@pytest.mark.parametrize(
    ("edition", "corpora", "demo", "says"),
    [
        ("demo-tiny", ("noxi", "mpiigi"), ("noxi", "mpiigi"), "demo-tiny"),
        ("physio", ("deap",), ("deap",), "demo physio"),
        ("0a1b2c3d", ("noxi", "mpiigi"), ("mpiigi",), "partly demo 0a1b2c3d"),
        ("0a1b2c3d", ("noxi",), (), "0a1b2c3d"),
    ],
)
def test_a_table_of_a_demo_says_so_first_and_a_labs_table_does_not(edition, corpora, demo, says):
    assert standing.edition_text(edition, corpora, demo) == says
    assert standing.is_demo(says) == (set(demo) == set(corpora))


@pytest.mark.parametrize(
    ("text", "edition"),
    [
        ("edition,method\n0a1b2c3d,DAT\n", "0a1b2c3d"),
        ("method,source,data\nDAT,published,real\nDAT,measured,demo\n", "demo"),
        ("method,source,data\nDAT,measured,real\n", "unknown"),
        ("method,source,data\nDAT,measured,demo\nDAT,measured,real\n", "unknown"),
        ("", "unknown"),
        ("\xff\xfe", "unknown"),
    ],
)
def test_the_edition_of_a_table_that_stands(tmp_path, text, edition):
    (tmp_path / "noxi_ccc.csv").write_bytes(text.encode("latin-1"))
    assert standing.standing_edition(tmp_path, "noxi_ccc") == edition
    assert standing.standing_edition(tmp_path, "noxi_controls") is None


def test_a_table_is_taken_away_whole_and_no_other(tmp_path):
    for table in ("noxi_ccc", "noxi_controls"):
        for path in standing.files_of(tmp_path, table).values():
            Path(path).write_text("x")
    (tmp_path / "noxi_ccc.png").unlink()
    taken = standing.take_away(tmp_path, "noxi_ccc")
    assert [path.name for path in taken] == [
        "noxi_ccc.csv", "noxi_ccc.md", "noxi_ccc.provenance.json", "noxi_ccc.faults.csv",
    ]  # fmt: skip
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"noxi_controls"}
    assert standing.take_away(tmp_path, "noxi_ccc") == []
