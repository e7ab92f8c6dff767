"""DA-Mamba's memory table: what did not fit is an entry, and no reduction is computed from it."""

import csv
import json

import pytest

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.tables.damamba_memory import COLUMNS, ORIGIN, PUBLISHED
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.tables.build import build_table
from affectssm.tables.published import published_rows

SETTINGS = {
    "table": "damamba_memory",
    "edition": "demo",
    "experiments": [],
    "titles": {"da_mamba": "DA-Mamba", "dat": "DAT"},
}
GB = 1_000_000_000


def measured(model, length, peak, why="", **more):
    return {
        "model": model,
        "length": length,
        "peak_bytes": peak,
        "why": why,
        "device": "NVIDIA Card",
        "kind": "cuda",
        "scale": "paper",
        "batch": 128,
        "d_model": 384,
        "features": ["egemapsv2", "clip"],
        "positions_of_dat": 96,
        "scan_backends": ["triton"] if model == "da_mamba" else [],
        "parameters": 28_700_000,
        "input_bytes": GB // 4,
        "limit_gb": 24.0,
    } | more


ROWS = [
    measured("da_mamba", 64, 6 * GB),
    measured("da_mamba", 192, 20 * GB),
    measured("dat", 64, 8 * GB),
    measured("dat", 192, None, "allocation refused beyond 24 GB"),
]


def built(tmp_path, rows=ROWS):
    write_json(
        tmp_path / "m.json", {"rows": rows, "card": make_card("training/memory", ["affectssm.errors"], {})}
    )
    path = build_table("damamba_memory", SETTINGS, [tmp_path / "m.json"], [], [], tmp_path / "tables")
    return list(csv.DictReader(path.read_text().splitlines()))


def test_published_rows_are_the_papers():
    rows = published_rows("damamba_memory", PUBLISHED, ORIGIN)
    values = {
        name: [row["memory_gb"] for row in rows if row["method"] == name] for name in ("DA-Mamba", "DAT")
    }
    assert values == {"DA-Mamba": ["6.1", "11.2", "15.8", "22.1"], "DAT": ["8.2", "18.4", "OOM", "OOM"]}
    assert {(row["method"], row["parameters_m"]) for row in rows} == {("DA-Mamba", "28.7"), ("DAT", "42.5")}
    assert [row["length"] for row in rows] == ["64", "96", "128", "192"] * 2
    assert [row["reduction"] for row in rows] == ["26", "39"] + [""] * 6
    for row, dat in zip(rows[:2], (8.2, 18.4), strict=True):
        assert round(100 * (1 - float(row["memory_gb"]) / dat)) == int(row["reduction"])
    assert all("100 %" in row["note"] for row in rows[2:4])


def test_a_reduction_needs_both_numbers(tmp_path):
    rows = built(tmp_path)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["source"] for row in rows] == ["published"] * 8 + ["measured"] * 4
    short, long, dat, dat_long = rows[8:]
    assert (short["memory_gb"], short["reduction"], dat["reduction"]) == ("6.0000", "25.0", "")
    assert (dat_long["memory_gb"], long["reduction"]) == ("OOM", "")
    assert "refused beyond 24 GB" in dat_long["note"] and "DAT did not fit" in long["note"]
    assert (short["device"], short["scale"], short["batch"]) == ("NVIDIA Card", "paper", "128")
    assert "triton" in short["note"] and "triton" not in dat["note"]
    alone = built(tmp_path, [measured("da_mamba", 64, None, "killed by the kernel (signal 9)"), ROWS[2]])
    assert (alone[8]["memory_gb"], alone[8]["reduction"]) == ("OOM", "")


def test_notes_say_what_became_of_dats_positions_and_of_the_scale(tmp_path):
    rows = built(tmp_path)
    assert "extended" in rows[11]["note"] and "first of DAT's 96" in rows[10]["note"]
    assert "says nothing" not in rows[8]["note"]
    small = built(
        tmp_path, [measured("da_mamba", 96, GB, scale="demo"), measured("dat", 96, GB, scale="demo")]
    )
    assert all("demo scale: says nothing about the paper's numbers" in row["note"] for row in small[8:])
    assert "positions" not in small[9]["note"]


@pytest.mark.usefixtures("rendered")
def test_everything_lies_beside_the_table(tmp_path):
    built(tmp_path)
    folder = tmp_path / "tables"
    assert (folder / "damamba_memory.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "damamba_memory.faults.csv").read_text().count("\n") == 1
    assert "units" not in (folder / "damamba_memory.md").read_text().splitlines()[4]
    provenance = json.loads((folder / "damamba_memory.provenance.json").read_text())
    assert provenance["rows"][0]["measurement"]["stage"] == "training/memory"


@pytest.mark.usefixtures("rendered")
def test_a_figure_where_nothing_fits(tmp_path):
    built(tmp_path, [measured(model, 64, None, "killed") for model in ("da_mamba", "dat")])
    assert (tmp_path / "tables/damamba_memory.png").stat().st_size > 1000


def test_without_a_measurement_there_is_no_table(tmp_path):
    with pytest.raises(DataError, match="affectssm memory"):
        build_table("damamba_memory", SETTINGS, [], [], [], tmp_path)
