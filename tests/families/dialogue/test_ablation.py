"""DA-Mamba's ablation: five published rows, five measured ones, and what each setting costs."""

import csv
import statistics

import pytest
from test_tables_dialogue import built, metrics_of

from affectssm.families.dialogue.stages.tables.damamba_ablation import COLUMNS, SETTINGS, SWITCHES
from affectssm.families.dialogue.stages.tables.noxi_ccc import METRICS
from affectssm.store.parquet import read_parquet
from affectssm.tables.published import published_rows

NOISE = {"": 0.05, "no_modality": 0.2, "no_partner": 0.3, "no_fusion": 0.4, "transformer": 0.1}
NAMES = {variant: f"da_mamba{f'+{variant}' if variant else ''}-extracted" for variant in NOISE}
OFF = {"no_modality": {"modality_fusion"}, "no_partner": {"partner_fusion"}}
OFF["no_fusion"] = OFF["no_modality"] | OFF["no_partner"]
SEEDS = (1, 2, 4)


def switches(variant):
    found = {"modality_fusion": True, "partner_fusion": True} | dict.fromkeys(OFF.get(variant, ()), False)
    return found | {"mamba": variant != "transformer", "transformer": variant == "transformer"}


SETTINGS_OF = {
    "experiments": list(NAMES.values()),
    "switches": {name: switches(variant) for variant, name in NAMES.items()},
}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    return [metrics_of(folder, NAMES[v], noise=noise, seeds=SEEDS) for v, noise in NOISE.items()]


def rows_of(tmp_path, metrics, **shape):
    return built(tmp_path, metrics, "damamba_ablation", **SETTINGS_OF | shape)


def test_published_rows_are_the_papers():
    rows = published_rows("damamba_ablation")
    assert [tuple(float(row[name]) for name in METRICS) for row in rows] == [
        (0.77, 0.70, 0.52, 0.66),
        (0.75, 0.66, 0.48, 0.63),
        (0.74, 0.66, 0.51, 0.64),
        (0.68, 0.65, 0.45, 0.59),
        (0.75, 0.64, 0.49, 0.63),
    ]
    assert ["".join(row[name][0] for name in SWITCHES) for row in rows] == [
        "ynyy",
        "ynny",
        "ynyn",
        "ynnn",
        "nyyy",
    ]
    for row in rows:
        *corpora, whole = (float(row[name]) for name in METRICS)
        assert sum(corpora) / 3 == pytest.approx(whole, abs=0.0051)


def test_published_and_measured_rows_have_the_same_settings_in_the_same_order(tmp_path, metrics):
    rows = rows_of(tmp_path, metrics)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["source"] for row in rows] == ["published"] * 5 + ["measured"] * 5
    for published, measured in zip(rows[:5], rows[5:], strict=True):
        same = ("method", "setting", *SWITCHES)
        assert [published[name] for name in same] == [measured[name] for name in same]
    assert [row["setting"] for row in rows[5:]] == list(SETTINGS.values())
    assert "not DAT" in rows[-1]["note"]
    assert all(row["data"] == "demo" and row["n_seeds"] == "3" for row in rows[5:])


def test_a_drop_is_paired_by_seed(tmp_path, metrics):
    rows = rows_of(tmp_path, metrics)
    assert (rows[5]["drop"], rows[5]["drop_n"], rows[5]["drop_of"]) == ("", "", "")

    def by_seed(path):
        found = read_parquet(path).to_pylist()
        return {
            row["seed"]: row["value"]
            for row in found
            if (row["level"], row["cell"], row["metric"]) == ("run", "global", "ccc")
        }

    full = by_seed(metrics[0])
    for row, path in zip(rows[6:], metrics[1:], strict=True):
        other = by_seed(path)
        found = [full[seed] - other[seed] for seed in SEEDS]
        assert float(row["drop"]) == pytest.approx(statistics.mean(found), abs=1e-4)
        assert float(row["drop_sd"]) == pytest.approx(statistics.stdev(found), abs=1e-4)
        assert (row["drop_n"], row["drop_of"]) == ("3", "global")
        assert float(row["drop"]) > 0, "more noise was added to this setting"


@pytest.mark.usefixtures("rendered")
def test_without_all_corpora_the_drop_is_that_of_noxi(tmp_path):
    from test_tables_dialogue import write_labels

    labels = write_labels(tmp_path, splits=("test-base", "val"))
    metrics = [metrics_of(tmp_path, name, labels=labels, noise=NOISE[v]) for v, name in NAMES.items()]
    last = rows_of(tmp_path, metrics)[-1]
    assert last["global"] == "" and last["drop_of"] == "noxi_base" and float(last["drop"]) > 0


@pytest.mark.usefixtures("rendered")
def test_everything_lies_beside_the_table(tmp_path, metrics):
    rows_of(tmp_path, metrics)
    folder = tmp_path / "tables"
    assert (folder / "damamba_ablation.png").read_bytes().startswith(b"\x89PNG")
    markdown = (folder / "damamba_ablation.md").read_text()
    assert markdown.count("| published |") == markdown.count("| measured  |") == 5
    assert list(csv.DictReader((folder / "damamba_ablation.faults.csv").read_text().splitlines()))
