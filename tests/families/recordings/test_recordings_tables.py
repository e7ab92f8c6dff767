"""The tables of own recordings say what they rest on."""

from __future__ import annotations

import re

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import Run
from affectssm.evaluation.frame_rows import write_metrics
from affectssm.families.recordings import catalogue
from affectssm.families.recordings.stages.scores import (
    CONSTANT,
    MAE,
    METRICS,
    REGRESSION,
    Scored,
    metric_rows,
    metrics_of,
)
from affectssm.families.recordings.stages.tables import recordings_ccc, recordings_items
from affectssm.families.recordings.stages.tables.rows import unusable
from affectssm.families.video.stages.traces import SCHEMA
from affectssm.store.card import make_card
from affectssm.store.faults import Fault
from affectssm.store.parquet import write_parquet
from affectssm.tables.page import Inputs
from affectssm.tables.render import as_markdown
from tests.families.recordings.small_recordings import COLUMNS, config
from tests.families.recordings.test_recording_items import config as config_of_items

MODULE = ["affectssm.evaluation.metrics"]


def metrics_file(path, experiment, metrics, units=4, missing=(), parts="fold1+fold2", features=("wav2vec2",)):
    runs = [Run(parts, seed, {}) for seed in (1, 2)]
    shared = {"experiment": experiment, "cell": "reported", "corpus": "folder", "split": "reported"}
    shared |= {"n_used": units - len(missing), "n_expected": units, "missing": list(missing)}
    rows = []
    without = np.linspace(0.3, 0.5, units)
    for metric in metrics:
        told = {**shared, "metric": metric.replace("/", "_")}
        rows += metric_rows(told, Scored([0.3, 0.5], without), runs, (-1.0, 1.0), "")
    run = {
        "extra": {"fold": "fold1", "seed": 1, "run": {"extra": {"features": {name: {} for name in features}}}}
    }
    write_metrics(
        path, rows, make_card("recordings/evaluate", MODULE, {}, runs=[run | {"settings": {"seeds": [1, 2]}}])
    )
    return path


def page_of(tmp_path, units=4, settings=(), **changes):
    metrics = metrics_of(COLUMNS, METRICS)
    path = metrics_file(tmp_path / "seeds-1-2.parquet", "da_mamba-both", metrics, units, **changes)
    write_parquet(tmp_path / "traces-1-2.parquet", SCHEMA.empty_table(), SCHEMA, make_card("x", MODULE, {}))
    told = catalogue.table_settings(config(), "recordings_ccc") | dict(settings)
    return recordings_ccc.page(Inputs([path], told, [], None, tmp_path / "recordings_ccc.csv"))


def test_a_row_says_that_its_data_is_real_and_what_it_lacks(tmp_path):
    page = page_of(tmp_path)
    (row,) = page.rows
    assert (row["data"], row["weights"], row["features"], row["split"]) == (
        "real",
        "random",
        "both: wav2vec2",
        "2 folds",
    )
    assert (row["valence_ccc"], row["valence_ccc_sd"], row["valence_ccc_low"]) == ("0.4000", "0.1414", "")
    for said in (
        "tiny scale, random weights", "without optical_flow", "over 4 recordings only, no interval below 6",
        "4 recordings tell no model from another", "since no range is given",
    ):  # fmt: skip
        assert said in row["note"]
    assert "average_ccc" in page.numbers and "average_rmse" not in page.columns
    assert "| DA-Mamba" in as_markdown(page.title, page.intro, page.rows, page.keys, page.numbers)
    page.draw(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_more_recordings_have_an_interval_and_fewer_notes(tmp_path):
    (row,) = page_of(
        tmp_path, 12, {"range": [0, 1]}, parts="main", features=("wav2vec2", "optical_flow")
    ).rows
    assert row["valence_ccc_low"] < row["valence_ccc"] < row["valence_ccc_high"]
    assert row["split"] == "as given" and not re.search("without|no range|tell no model", row["note"])
    assert "95 % intervals: jackknife over recordings" in row["note"]


def test_somebody_missing_stops_the_table_unless_that_is_allowed(tmp_path):
    with pytest.raises(DataError, match=r"r1/one \(no sound\)"):
        page_of(tmp_path, missing=["r1/one (no sound)"])
    (row,) = page_of(tmp_path, missing=["r1/one (no sound)"], settings={"allow_incomplete": True}).rows
    assert (row["n_units"], row["n_expected"]) == ("3", "4") and "incomplete, without r1/one" in row["note"]


def test_recordings_as_a_whole_have_a_table_of_their_own(tmp_path):
    metrics = metrics_of(("effort", "valence"), (*REGRESSION, CONSTANT[MAE]))
    path = metrics_file(tmp_path / "items-1.parquet", "coupled_mamba-extracted", metrics)
    told = catalogue.table_settings(config_of_items("regression"), "recordings_items")
    page = recordings_items.page(Inputs([path], told, [], None, tmp_path / "recordings_items.csv"))
    assert page.rows[0]["method"] == "Coupled Mamba" and page.rows[0]["effort_mae_constant"] == "0.4000"
    assert [name for name in page.numbers if "average" in name] == ["average_ccc"]
    page.draw(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 8_000


def test_whoever_has_a_file_that_cannot_be_used_is_named():
    def fault(recording, action):
        return Fault(
            "folder", recording, "one", "video", "unreadable_media", "a still picture", "a video", action
        )

    faults = [
        fault("e", "quarantined"),
        fault("e", "quarantined"),
        fault("a", "masked"),
        fault("b", "quarantined"),
    ]
    (said,) = unusable(faults)
    assert said.startswith("2 with a file that cannot be used: b/one, e/one;")
    assert unusable(faults[2:3]) == []
