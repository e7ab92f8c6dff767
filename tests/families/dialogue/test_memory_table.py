"""DA-Mamba's memory table: what did not fit is an entry, and no reduction is computed from it."""

import csv
import json

import pytest

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.tables.damamba_memory import COLUMNS, ORIGIN, PUBLISHED
from affectssm.families.dialogue.stages.tables.memory_order import conclusion
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
        "part": "lengths",
        "attention": "plain" if model == "dat" else "",
        "precision": "float32",
        "recompute": "none",
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


def test_the_other_ways_to_compute_are_compared_with_their_own(tmp_path):
    found = [
        *ROWS, measured("dat", 64, 5 * GB, attention="fused"),
        measured("da_mamba", 64, 3 * GB, part="variants", recompute="blocks"),
        measured("dat", 64, 4 * GB, part="variants", recompute="blocks"),
        measured("da_mamba", 64, 4 * GB, part="variants", precision="bfloat16"),
    ]  # fmt: skip
    rows = built(tmp_path, found)[8:]
    assert (rows[0]["reduction"], rows[0]["reduction_fused"]) == ("25.0", "-20.0")
    assert [row["method"] for row in rows[2:5]] == ["DAT, plain attention"] * 2 + ["DAT, fused attention"]
    blocks, half = rows[5], rows[7]
    assert (blocks["reduction"], blocks["reduction_fused"]) == ("25.0", "")
    assert "50% of what it takes without recomputation" in blocks["note"]
    assert (half["precision"], half["reduction"]) == ("bfloat16", ""), "half is not compared with single"


def test_growth_is_fitted_over_what_fits(tmp_path):
    sizes = {64: GB, 128: 2 * GB, 256: 4 * GB, 512: None}
    kept = 5 * 4 * 100_000_000  # of 100 million weights
    found = [
        measured("da_mamba", n, peak and peak + kept, "no", part="growth", batch=4, parameters=100_000_000)
        for n, peak in sizes.items()
    ]
    found += [measured("dat", n, peak, "no", part="growth") for n, peak in ((64, GB), (128, None))]
    ours, theirs = built(tmp_path, found)[-2:]
    assert (ours["row"], ours["growth"], ours["batch"], ours["length"]) == ("exponent", "1.00", "4", "")
    assert ours["note"] == "over 64 to 256 frames" and (theirs["growth"], theirs["note"]) == (
        "",
        "no two lengths fit",
    )


def rows_of(scale, *peaks):
    """DA-Mamba's, DAT's with plain and with fused attention, by length."""
    methods = [("da_mamba", ""), ("dat", "plain"), ("dat", "fused")]
    return [
        measured(model, length, peak, scale=scale, attention=attention)
        for length, own in zip((64, 96), peaks, strict=True)
        for (model, attention), peak in zip(methods, own, strict=True)
    ]


@pytest.mark.parametrize(
    ("peaks", "said"),
    [
        (
            ((3, 4, 4), (5, 6, None)),
            "less at 64, 96 frames than DAT with plain attention, and less at 64, 96 frames",
        ),
        (((3, 4, 4), (5, 6, None)), "order is found."),
        (((3, 4, 2), (5, 6, 6)), "and less at 96 frames and more at 64 frames than DAT with fused attention"),
        (((3, 4, 2), (5, 6, 6)), "order is found against plain attention alone."),
        (((3, 2, 2), (None, 6, 6)), "order is not found."),
        (((3, None, None), (None, None, None)), "less at 64 frames than DAT with plain"),
    ],
)
def test_what_is_said_of_the_order_follows_from_the_rows(peaks, said):
    small = rows_of("demo", (9, 1, 1), (9, 1, 1))
    found = conclusion(
        [*small, *rows_of("paper", *peaks), measured("da_mamba", 64, 99, part="growth", batch=4)]
    )
    assert said in found and found.startswith("In float32 at batch 128 and the paper's sizes DA-Mamba takes")
    assert found.count(".") == 1, "one sentence"


def test_nothing_is_said_of_the_papers_order_at_other_sizes():
    found = conclusion(rows_of("demo", (3, 4, 4), (5, 6, 6)))
    assert "says nothing about its order" in found and "order is" not in found
    assert "nothing is said" in conclusion([measured("da_mamba", 64, GB)])


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
    parts = ("lengths", "variants", "growth", "paper")
    found = [
        measured(model, 64, None, "killed", part=part) for part in parts for model in ("da_mamba", "dat")
    ]
    built(tmp_path, found)
    assert (tmp_path / "tables/damamba_memory.png").stat().st_size > 1000


def test_without_a_measurement_there_is_no_table(tmp_path):
    with pytest.raises(DataError, match="affectssm memory"):
        build_table("damamba_memory", SETTINGS, [], [], [], tmp_path)
