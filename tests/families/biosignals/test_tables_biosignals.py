"""The tables of bio-signals: published beside measured, nothing passed off, every number traceable."""

from __future__ import annotations

import csv
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from table_world import (
    CORPORA,
    DIMENSIONS,
    METHODS,
    MODELS,
    PATTERNS,
    RATIOS,
    accuracy_metrics,
    adapted_metrics,
    built,
    told,
)

from affectssm.errors import DataError
from affectssm.families.biosignals.stages.tables import accuracy, controls
from affectssm.families.biosignals.stages.tables import missing as missing_table
from affectssm.families.biosignals.stages.tables.rows import TARGETS
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.store.parquet import read_parquet
from affectssm.tables.published import published_rows
from affectssm.vocabulary.methods import TITLES as NAMES

LEVELS = {"bimamba_tta": 0.88, "tsception": 0.8, "lggnet": 0.7, "mambaformer": 0.6}
MEASURED_MODELS = ["BiMamba-TTA", "TSception", "LGGNet", "MambaFormer"]


@pytest.fixture(scope="module")
def accuracies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("accuracies")
    return [path for model in MODELS for path in accuracy_metrics(folder, model, level=LEVELS[model])]


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return adapted_metrics(tmp_path_factory.mktemp("adapted"))


@pytest.fixture(scope="module")
def missing(
    tmp_path_factory: pytest.TempPathFactory, adapted: list[Path]
) -> tuple[list[dict[str, str]], Path]:
    folder = tmp_path_factory.mktemp("missing")
    return built(folder, "bimtta_missing", adapted), folder / "tables"


@cache
def summaries(path: Path) -> dict[tuple[str, str, str, float | None], dict[str, Any]]:
    """Summary rows of a metrics file."""
    rows = [row for row in read_parquet(path).to_pylist() if row["level"] == "summary"]
    return {
        (r["metric"], r["method"], r["pattern"], None if math.isnan(r["ratio"]) else r["ratio"]): r
        for r in rows
    }


def summary(
    path: Path, metric: str, method: str = "", pattern: str = "", ratio: float | None = None
) -> dict[str, Any]:
    """One of them."""
    return summaries(path)[metric, method, pattern, ratio]


def test_published_rows_are_the_papers() -> None:
    """As printed in the paper's two tables."""

    def values(table: str) -> dict[str, tuple[float, ...]]:
        return {row["method"]: tuple(float(row[t]) for t in TARGETS) for row in published_rows(table)}

    assert values("bimtta_accuracy") == {
        "TSception": (0.613, 0.635, 0.633, 0.599),
        "LGGNet": (0.618, 0.636, 0.632, 0.609),
        "VSGT": (0.631, 0.628, 0.613, 0.599),
        "MambaFormer": (0.621, 0.587, 0.588, 0.619),
        "BiM-TTA": (0.673, 0.641, 0.650, 0.635),
    }
    assert values("bimtta_missing") == {
        "Tent": (-0.162, 0.101, -0.043, 0.086),
        "EATA": (-0.061, 0.134, 0.171, 0.217),
        "READ": (0.781, 0.372, 0.058, -0.146),
        "2LTTA": (0.858, 0.429, 0.124, 0.017),
        "BiM-TTA": (1.172, 1.309, 1.089, 0.506),
    }
    for row in published_rows("bimtta_accuracy") + published_rows("bimtta_missing"):
        assert (row["source"], row["data"], row["weights"], row["split"]) == (
            "published",
            "real",
            "none",
            "test",
        )
        assert row["note"].startswith("BiM-TTA paper")


@pytest.mark.usefixtures("rendered")
def test_accuracy_has_a_measured_row_a_model(tmp_path: Path, accuracies: list[Path]) -> None:
    rows = built(tmp_path, "bimtta_accuracy", accuracies)
    assert list(rows[0]) == list(accuracy.COLUMNS)
    assert [row["source"] for row in rows] == ["published"] * 5 + ["measured"] * 4
    assert [row["method"] for row in rows[5:]] == MEASURED_MODELS
    for number, row in enumerate(rows[5:]):
        assert (row["data"], row["weights"], row["split"]) == ("demo", "none", "test")
        assert row["features"] == "deap: eeg+eog+emg; mahnob: eeg+ecg+gsr"
        assert (row["n_seeds"], row["n_units"], row["n_expected"]) == ("2", "16", "16")
        for place, target in enumerate(TARGETS):
            expected = summary(accuracies[4 * number + place], "accuracy")
            for column, key in ((target, "value"), (f"{target}_sd", "sd")):
                assert float(row[column]) == pytest.approx(expected[key], abs=1e-4)
            assert row[f"{target}_low"] == row[f"{target}_high"] == ""
        for part in (
            "demo scale",
            "demo data",
            "2 folds of whole trials over all subjects together, in blocks",
            "over 4 subjects only, no interval below 6",
            "1 fault in",
        ):
            assert part in row["note"], part
    assert "widths eeg 6, eog 6, emg 6, ecg 6, gsr 6, d_state 8" in rows[5]["note"]
    assert "d_model 16" in rows[8]["note"]


def test_real_data_says_so_and_a_partial_demo_does_not_hide(tmp_path: Path, accuracies: list[Path]) -> None:
    real = built(tmp_path, "bimtta_accuracy", accuracies, demo=[])[5]
    assert real["data"] == "real" and "demo data" not in real["note"]
    partly = built(tmp_path, "bimtta_accuracy", accuracies, demo=["mahnob"])[5]
    assert partly["data"] == "demo" and "demo data (mahnob)" in partly["note"]


@pytest.mark.usefixtures("rendered")
def test_a_corpus_that_is_not_held_leaves_empty_cells_with_the_reason(
    tmp_path: Path, adapted: list[Path]
) -> None:
    files = accuracy_metrics(tmp_path, "bimamba_tta", ["deap"])
    names = [f"bimamba_tta-deap_{dimension}" for dimension in DIMENSIONS]
    row = built(tmp_path, "bimtta_accuracy", files, ["deap"], experiments=names, demo=["deap"])[5]
    assert (
        row["deap_arousal"] and not row["mahnob_valence"] + row["mahnob_valence_low"] + row["mahnob_arousal"]
    )
    assert "mahnob_valence: no mahnob in this configuration" in row["note"]
    assert row["features"] == "deap: eeg+eog+emg" and "ecg" not in row["note"]
    rows = built(tmp_path, "bimtta_missing", adapted[:2], ["deap"], experiments=names, demo=["deap"])
    assert (
        rows[-1]["deap_valence"] and not rows[-1]["mahnob_valence"] + rows[-1]["mahnob_valence_accuracy_0.2"]
    )
    assert "mahnob_arousal: no mahnob in this configuration" in rows[-1]["note"]


def test_missing_subjects_stop_a_table_unless_allowed(tmp_path: Path, accuracies: list[Path]) -> None:
    short = accuracy_metrics(tmp_path, "lggnet", subjects=("s01", "s02", "s03"))
    files = [*accuracies[:8], *short, *accuracies[12:]]
    with pytest.raises(DataError, match=r"lggnet-deap_valence: s04 \(no predictions\)"):
        built(tmp_path, "bimtta_accuracy", files)
    assert not (tmp_path / "tables/bimtta_accuracy.csv").exists()
    row = built(tmp_path, "bimtta_accuracy", files, allow_incomplete=True)[7]
    assert (row["n_units"], row["n_expected"]) == ("12", "16")
    assert "incomplete, without deap_valence s04 (no predictions)" in row["note"]


def test_an_absent_experiment_is_an_error(tmp_path: Path, accuracies: list[Path]) -> None:
    with pytest.raises(DataError, match="no metrics of mambaformer-mahnob_arousal"):
        built(tmp_path, "bimtta_accuracy", accuracies[:-1])


def test_missing_has_a_measured_row_a_pattern_and_method(missing: tuple[list[dict[str, str]], Path]) -> None:
    rows, _ = missing
    assert list(rows[0]) == list(missing_table.columns(RATIOS))
    measured = rows[5:]
    assert [(row["setting"], row["method"]) for row in measured] == [
        (pattern, NAMES[method]) for pattern in PATTERNS for method in METHODS
    ]
    assert {(row["source"], row["data"], row["scored"], row["stream"]) for row in measured} == {
        ("measured", "demo", "post", "online")
    }
    assert {(row["n_seeds"], row["n_units"], row["n_expected"]) for row in measured} == {("2", "12", "12")}


def test_a_row_of_demos_says_which_drift_was_planted(missing: tuple[list[dict[str, str]], Path]) -> None:
    for row in missing[0][5:]:
        assert "planted in deap: drift between two visits; planted in mahnob: no drift" in row["note"]


def test_improvements_are_the_means_over_the_ratios_and_none_has_its_accuracies(
    missing: tuple[list[dict[str, str]], Path], adapted: list[Path]
) -> None:
    for row in missing[0][5:]:
        method = next(name for name, printed in NAMES.items() if printed == row["method"])
        for path, target in zip(adapted, TARGETS, strict=True):
            gains = []
            for ratio in RATIOS:
                accuracy = summary(path, "accuracy", method, row["setting"], ratio)["value"]
                plain = summary(path, "accuracy", "none", row["setting"], ratio)["value"]
                assert float(row[f"{target}_accuracy_{ratio}"]) == pytest.approx(accuracy, abs=1e-4)
                gains.append(100 * (accuracy - plain))
                if method == "none":
                    assert row[f"{target}_at_{ratio}"] == ""
                else:
                    assert float(row[f"{target}_at_{ratio}"]) == pytest.approx(gains[-1], abs=1e-4)
            if method == "none":
                assert row[target] == row[f"{target}_low"] == ""
                continue
            assert float(row[target]) == pytest.approx(sum(gains) / 4, abs=1e-4)
            assert row[f"{target}_low"] == row[f"{target}_high"] == ""


def test_notes_of_missing_data(missing: tuple[list[dict[str, str]], Path]) -> None:
    rows = {(row["setting"], row["method"]): row for row in missing[0][5:]}
    for row in rows.values():
        for part in (
            "ratios 0.2, 0.4, 0.6, 0.8",
            "deap/s04, mahnob/s04, who chose",
            "all targets: over 3 subjects only, no interval below 6",
        ):
            assert part in row["note"], part
        assert "in this configuration" not in row["note"]
    assert "one modality stays" in rows["modality", "Tent"]["note"]
    assert "really missing" not in rows["sample", "Tent"]["note"]
    assert "contains 0" not in rows["modality", "BiM-TTA"]["note"]
    assert "Student's t" not in rows["modality", "BiM-TTA"]["note"]
    assert "what the others are compared with" in rows["sample", "none"]["note"]


def test_the_note_of_2ltta_says_whose_entropy_falls(missing, tmp_path: Path, adapted: list[Path]) -> None:
    rows = {row["method"]: row["note"] for row in missing[0][5:]}
    assert "entropy within modalities" in rows["2LTTA"]
    assert not [name for name, note in rows.items() if "entropy" in note and name != "2LTTA"]
    other = AdaptationSettings.model_validate({"tltta": {"entropy_of": "joint"}}).model_dump()
    row = built(tmp_path, "bimtta_missing", adapted, adaptation=other)[9]
    assert row["method"] == "2LTTA" and "entropy of the joint answer" in row["note"]


@pytest.mark.usefixtures("rendered")
def test_the_control_has_rows_of_its_own_and_no_part_in_the_means(tmp_path: Path) -> None:
    """Where nothing is missing every method answers as without it, and READ a little worse for some."""

    def accuracy(method: str, pattern: str, ratio: float, subject: str) -> float:
        if pattern == "nothing":
            return 0.9 - (0.05 * (int(subject[1:]) % 2) if method == "read" else 0.0)
        return 0.6 + (0.1 if method == "bim_tta" else 0.0)

    subjects = [f"s{number:02d}" for number in range(1, 9)]
    metrics = adapted_metrics(tmp_path, accuracy=accuracy, subjects=subjects, control=True)
    told_missing = told("bimtta_missing")["missing"] | {"control": True}
    rows = built(tmp_path, "bimtta_missing", metrics, missing=told_missing)[5:]
    assert [(row["setting"], row["method"]) for row in rows[-len(METHODS) :]] == [
        ("nothing", NAMES[method]) for method in METHODS
    ]
    control = {row["method"]: row for row in rows if row["setting"] == "nothing"}
    for target in TARGETS:
        assert control["none"][f"{target}_accuracy_0"] == "0.9000"
        assert control["BiM-TTA"][target] == "0.0000" and control["BiM-TTA"][f"{target}_low"] == ""
        assert float(control["READ"][f"{target}_low"]) < float(control["READ"][target]) < 0
        assert control["none"][f"{target}_accuracy_0.4"] == rows[0][f"{target}_accuracy_0"] == ""
    assert "control: whole streams" in control["READ"]["note"] and "ratios" not in control["READ"]["note"]
    gained = next(row for row in rows if (row["setting"], row["method"]) == ("modality", "BiM-TTA"))
    assert gained["deap_valence"] == "10.0000" and gained["batches"] == str(4 * 7 * 4 * 2 * 2)
    assert "| nothing" in (tmp_path / "tables/bimtta_missing.md").read_text()


def test_intervals_from_six_subjects_on_and_what_they_say(tmp_path: Path) -> None:
    """Seven subjects: BiM-TTA gains, READ does nothing to anybody, 2LTTA helps some and harms others."""

    def accuracy(method: str, pattern: str, ratio: float, subject: str) -> float:
        number = int(subject[1:])
        gain = {"bim_tta": 0.1 + 0.05 * (number % 3), "tltta": 0.1 * (number % 3 - 1)}.get(method, 0.0)
        return 0.5 + gain

    metrics = adapted_metrics(
        tmp_path, accuracy=accuracy, subjects=[f"s{number:02d}" for number in range(1, 9)]
    )
    rows = {
        row["method"]: row
        for row in built(tmp_path, "bimtta_missing", metrics)
        if row["setting"] == "modality" and row["source"] == "measured"
    }
    gained, nothing, mixed = rows["BiM-TTA"], rows["READ"], rows["2LTTA"]
    for target in TARGETS:
        assert 0 < float(gained[f"{target}_low"]) < float(gained[target]) < float(gained[f"{target}_high"])
        assert nothing[target] == "0.0000" and nothing[f"{target}_low"] == nothing[f"{target}_high"] == ""
        assert float(mixed[f"{target}_low"]) < 0 < float(mixed[f"{target}_high"])
    assert "95 % intervals: jackknife over subjects, Student's t" in gained["note"]
    assert "contains 0" not in gained["note"] and "no interval" not in gained["note"]
    assert "all targets: no interval, since the subjects are alike" in nothing["note"]
    assert "Student's t" not in nothing["note"]
    assert "all targets: the interval contains 0, no effect shown" in mixed["note"]
    shown = (tmp_path / "tables/bimtta_missing.md").read_text()
    assert "0.00 ± 0.00 " in shown and "[0.00, 0.00]" not in shown


def test_what_the_methods_did_and_with_which_constants(missing: tuple[list[dict[str, str]], Path]) -> None:
    rows = {(row["setting"], row["method"]): row for row in missing[0][5:]}
    streams = 4 * 3 * 4 * 2  # targets, subjects, ratios, seeds
    tent = rows["channel", "Tent"]
    assert [tent[name] for name in ("batches", "updates", "used", "refused")] == [
        str(count * streams) for count in (2, 3, 12, 0)
    ]
    assert (float(tent["majority_share"]), float(tent["entropy"]), float(tent["collapsed"])) == (
        0.6,
        0.5,
        1.0,
    )
    assert rows["channel", "none"]["updates"] == "0" and rows["channel", "none"]["learning_rate"] == ""
    # chosen for Tent and EATA, as configured for the others
    found = {method: (row["learning_rate"], row["entropy_margin"]) for (_, method), row in rows.items()}
    assert found["Tent"] == ("0.01", "") and found["EATA"] == ("0.00025", "0.4")
    assert found["READ"] == ("0.0001", "") and found["BiM-TTA"] == ("0.0001", "0.4")


def test_constants_that_differ_between_corpora_are_named(tmp_path: Path, adapted: list[Path]) -> None:
    other = adapted_metrics(
        tmp_path,
        ["mahnob"],
        development=(),
        chosen={"tent": {"learning_rate": 0.5}},
        reason="nothing was tried",
    )
    row = built(tmp_path, "bimtta_missing", [*adapted[:2], *other])[6]
    assert row["learning_rate"] == "deap: 0.01; mahnob: 0.5"
    assert "deap/s04, who chose" in row["note"] and "nothing was tried" in row["note"]
    assert "deap_valence, deap_arousal: over 3 subjects only" in row["note"]


@pytest.mark.usefixtures("rendered")
def test_the_papers_ratios_always_have_columns_and_others_are_added(tmp_path: Path) -> None:
    names = [f"bimamba_tta-deap_{dimension}" for dimension in DIMENSIONS]
    files = adapted_metrics(tmp_path, ["deap"], ratios=(0.5,))
    asked = {"patterns": ["channel"], "ratios": [0.5]}
    row = built(tmp_path, "bimtta_missing", files, ["deap"], experiments=names, missing=asked)[-1]
    assert row["deap_valence_at_0.5"] and row["deap_valence_accuracy_0.5"]
    assert row["deap_valence_at_0.8"] == row["deap_valence_accuracy_0.2"] == ""
    assert "ratios 0.5;" in row["note"]
    assert (tmp_path / "tables/bimtta_missing.png").stat().st_size > 1000


def test_a_configured_method_without_numbers_is_an_error(tmp_path: Path, adapted: list[Path]) -> None:
    patterns = {"patterns": ["modality"], "ratios": [0.2]}
    with pytest.raises(DataError, match="no numbers of sar with modality missing"):
        built(tmp_path, "bimtta_missing", adapted, missing=patterns, methods=["none", "sar"])


@pytest.mark.usefixtures("rendered")
def test_controls_stand_beside_what_an_oracle_scores(tmp_path: Path, accuracies: list[Path]) -> None:
    files = [
        *accuracies[:4],
        *accuracy_metrics(tmp_path, "bimamba_tta", level=0.5, variant="shuffled_labels"),
    ]
    rows = built(tmp_path, "bimtta_controls", files)
    assert list(rows[0]) == list(controls.COLUMNS)
    assert [(row["source"], row["setting"]) for row in rows] == [
        ("measured", "full"), ("measured", "labels exchanged between trials"),
        ("oracle", "drift undone"), ("oracle", "as recorded"),
    ]  # fmt: skip
    for target in TARGETS:
        assert float(rows[1][target]) < 0.65 < float(rows[0][target])
    assert (rows[2]["deap_valence"], rows[2]["mahnob_arousal"], rows[3]["deap_arousal"]) == (
        "0.9700",
        "0.9500",
        "0.8100",
    )
    assert rows[2]["data"] == "demo" and rows[2]["n_units"] == rows[2]["deap_valence_low"] == ""
    assert "more frequent class would score deap_valence 0.5000" in rows[1]["note"]
    real = built(tmp_path, "bimtta_controls", files, demo=["mahnob"])
    assert real[2]["deap_valence"] == "" and real[2]["mahnob_valence"] == "0.9700"
    assert len(built(tmp_path, "bimtta_controls", files, demo=[])) == 2
    (tmp_path / "demo/physio/truth/oracle.json").unlink()
    assert len(built(tmp_path, "bimtta_controls", files, oracle=False)) == 2


@pytest.mark.usefixtures("rendered")
def test_the_same_bytes_twice_and_everything_beside_the_table(
    tmp_path: Path, adapted: list[Path], missing: tuple[list[dict[str, str]], Path]
) -> None:
    built(tmp_path, "bimtta_missing", adapted)
    for name in ("csv", "md", "png", "faults.csv"):
        again = tmp_path / f"tables/bimtta_missing.{name}"
        assert again.read_bytes() == (missing[1] / again.name).read_bytes(), name
    assert list(csv.DictReader((tmp_path / "tables/bimtta_missing.faults.csv").read_text().splitlines()))
    markdown = (tmp_path / "tables/bimtta_missing.md").read_text()
    headline = markdown.split("\n## ")[0].splitlines()
    assert max(len(line) for line in headline if line.startswith("|")) < 200
    assert markdown.count("\n## ") == 5 and markdown.count("| published |") == 5


def test_provenance_names_runs_their_training_and_what_was_chosen(
    missing: tuple[list[dict[str, str]], Path],
) -> None:
    found = json.loads((missing[1] / "bimtta_missing.provenance.json").read_text())["rows"]
    assert [row["experiment"] for row in found] == [f"bimamba_tta-{target}" for target in TARGETS]
    assert found[0]["seeds"] == [1, 2] and [run["part"] for run in found[0]["runs"]] == ["s00", "s00"]
    assert found[0]["evaluation"]["inputs"] and found[0]["runs"][0]["answers"]["id"]


def test_the_catalogue_tells_builders_what_they_need() -> None:
    """All of it by name, so that a renamed setting fails here and not in a user's last job."""
    for table in ("bimtta_accuracy", "bimtta_missing", "bimtta_controls"):
        needed = {
            "experiments",
            "demo",
            "seeds",
            "modalities",
            "protocol",
            "training",
            "model_settings",
            "missing",
        }
        assert needed | {"adaptation", "methods", "allow_incomplete"} <= told(table).keys()
    assert set(told("bimtta_missing")["methods"]) == set(NAMES)
    assert tuple(told("bimtta_missing")["modalities"]) == CORPORA
