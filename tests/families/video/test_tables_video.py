"""Pages from made metrics: what rows say of themselves, where numbers come from, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.families.video.stages.evaluate import evaluate
from affectssm.families.video.stages.folds import divide
from affectssm.families.video.stages.tables.affwild2_va import COLUMNS
from affectssm.families.video.stages.tables.rows import METRICS
from affectssm.families.video.stages.traces import traces_beside
from affectssm.plan.plan import Plan
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog
from affectssm.store.parquet import read_parquet
from affectssm.tables.build import build_table
from affectssm.tables.published import published_rows
from affectssm.timeline.index import read_windows
from tests.families.video.small_videos import MODULE, VIDEOS, evaluation_settings, write_predictions

CONFIG = {
    "scale": "tiny",
    "families": ["video"],
    "corpora": {"affwild2": {"root": "demo-tiny"}},
    "video": {"folds": [0, 1, 2, 3], "cross_folds": 3, "seeds": [1, 2]},
}
NOISE = {"mamba_va+exchanged-mae": 3.0, "mamba_va+tcn-mae": 0.4}


@pytest.fixture(scope="module")
def family():
    return next(job.family for job in Plan(CONFIG).jobs if job.family.name == "video")


@pytest.fixture(scope="module")
def whole(world):
    """The videos that can be predicted, by fold; the others are not expected."""
    targets = read_windows(world.windows / "labelled.parquet").targets
    reports = {fold: {name for name, _ in divide(targets, fold, 3).report} for fold in range(4)}
    return {fold: [video for video in VIDEOS if video.name in own] for fold, own in reports.items()}


@pytest.fixture(scope="module")
def metrics(world, family, whole, tmp_path_factory):
    """Experiment -> its metrics; tests only read them."""
    root, found = tmp_path_factory.mktemp("metrics"), {}
    for table in family.tables:
        for name, told in family.table_settings(table)["described"].items():
            if name not in found:
                noise = NOISE.get(name, 0.2)
                found[name] = metrics_of(world, root / name, name, whole, told["folds"], noise=noise)
    return found


def metrics_of(world, folder: Path, name, whole, folds, noise=0.2, skip=(), seeds=(1, 2)):
    paths = [
        write_predictions(folder / f"{fold}-{seed}.parquet", seed, whole[fold], fold, skip, noise)
        for fold in folds
        for seed in seeds
    ]
    out = folder / "seeds-1-2.parquet"
    own = evaluation_settings(name, folds, seeds)
    evaluate(
        own, paths, world.features, world.manifests, world.missing, world.windows, out, traces_beside(out)
    )
    return out


def built(tmp_path, family, metrics, table="affwild2_va", out="tables", **shape):
    """Build a table; its rows. The world lacks video13, and so tables of it may be incomplete unless told otherwise."""
    told = family.table_settings(table) | {"edition": "demo", "allow_incomplete": True} | shape
    files = [metrics[name] for name in told["experiments"] if name in metrics]
    path = build_table(table, told, files, [corpus(tmp_path)], ["mae"], tmp_path / out)
    return list(csv.DictReader(path.read_text().splitlines()))


def corpus(tmp_path):
    """The folder of the corpus, with a fault of it and one of a feature."""
    folder = tmp_path / "corpora" / "affwild2-demo"
    write_json(folder / "shards.json", {"shards": {"s00": {"crops": "hash"}}, "splits": {}})
    for code, path in (
        ("shared_video", folder / "faults.parquet"),
        ("picture_gaps", tmp_path / "features" / folder.name / "mae" / "s00.faults.parquet"),
    ):
        log = FaultLog("affwild2")
        log.add(code, action="decided", recording="video2", participant="")
        log.write(path, make_card("x", MODULE, {}))
    return folder


def where(rows, **values):
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def test_published_rows_are_the_papers():
    rows = published_rows("affwild2_va", {"source": "published"})
    folds = {row["fold"]: row for row in rows if row["fold"].isdigit() and row["method"] == "Mamba-VA"}
    assert list(folds) == list("012345")
    averages = [float(row["average"]) for row in folds.values()]
    for row, average in zip(folds.values(), averages, strict=True):
        assert abs((float(row["valence"]) + float(row["arousal"])) / 2 - average) < 1e-4
    assert (np.mean(averages), np.std(averages, ddof=1)) == pytest.approx((0.458, 0.021), abs=5e-4)
    val, test = where(rows, fold="abstract")
    assert (val["valence"], val["arousal"]) == (folds["2"]["valence"], folds["2"]["arousal"])
    assert "fold 2" in val["note"] and "not the official split" in val["note"]
    assert (test["split"], test["valence"], test["arousal"]) == ("test", "0.5036", "0.4119")
    (baseline,) = where(rows, method="Baseline")
    assert [baseline[name] for name in METRICS] == ["0.2400", "0.2000", "0.2200"]
    assert all(row["note"].startswith("Mamba-VA paper, ") for row in rows)


def test_measured_rows_say_what_they_are(tmp_path, family, metrics):
    rows = built(tmp_path, family, metrics)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["source"] for row in rows] == ["published"] * 9 + ["measured"] * 10
    own = where(rows, source="measured")
    assert {(row["data"], row["weights"], row["features"]) for row in own} == {("demo", "random", "mae: mae")}
    shown = [(row["method"], row["split"], row["fold"], row["selection"]) for row in own]
    inner = "held-out training videos"
    assert shown == [
        *(("Mamba-VA", "val", fold, inner) for fold in ("0", "1", "2", "3", "mean of 4")),
        ("Mamba-VA", "test", "0", inner),
        *(
            (f"Mamba-VA, {part}", "val", "0", inner)
            for part in ("frame by frame", "TCN alone", "Mamba alone")
        ),
        ("Mamba-VA", "val", "0", "reported videos"),
    ]
    first = own[0]
    assert (first["n_seeds"], first["n_units"], first["n_expected"]) == ("2", "3", "4")
    for part in ("tiny scale, random weights, demo data", "windows of 40 frames", "mamba initialisation"):
        assert part in first["note"]
    assert "2 faults" in first["note"] and "over few videos, 3 of them whole, no interval" in first["note"]
    assert first["average_low"] == first["average_high"] == "" and first["average_sd"]
    assert "windows of 30 frames" in own[1]["note"]
    notes = {row["method"]: row["note"] for row in own[6:9]}
    assert "initialisation" not in notes["Mamba-VA, TCN alone"] + notes["Mamba-VA, frame by frame"]
    assert "its own features alone" in notes["Mamba-VA, frame by frame"]
    assert "selected on the videos that are reported" in own[-1]["note"]


def test_the_mean_over_folds_is_that_of_its_rows(tmp_path, family, metrics):
    rows = where(built(tmp_path, family, metrics), source="measured", method="Mamba-VA")
    folds, mean = rows[:4], rows[4]
    for name in (*METRICS, "valence_video"):
        values = [float(row[name]) for row in folds]
        found = float(mean[name]), float(mean[f"{name}_sd"])
        assert found == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=1e-4)
        assert mean[f"{name}_low"] == mean[f"{name}_high"] == ""
    assert (mean["n_seeds"], mean["n_units"], mean["n_expected"]) == ("2", str(3 + 12), str(4 + 12))
    assert "over folds 0, 1, 2, 3, not over seeds" in mean["note"]
    assert "average 0.4582 ± 0.0217 (computed here)" in mean["note"], "the paper's, of the same folds"


def test_test_videos_have_no_number_and_the_file_to_hand_in(tmp_path, family, metrics):
    (row,) = where(built(tmp_path, family, metrics), source="measured", split="test")
    assert not any(row[name] for name in (*METRICS, "n_seeds", "n_units"))
    handed_in = row["note"].rpartition(": ")[2]
    assert handed_in == "results/submissions/mamba_va-mae-affwild2-tiny/mamba_va-mae-affwild2-tiny.txt"
    (index,) = family.submissions_of("affwild2_va")
    assert Path(index).parent == Path(handed_in).parent
    (row,) = where(built(tmp_path, family, metrics, submissions={}), source="measured", split="test")
    assert row["note"] == "no test videos in this configuration"


@pytest.mark.usefixtures("rendered")
def test_a_table_is_the_same_bytes_twice_and_everything_lies_beside_it(tmp_path, family, metrics):
    built(tmp_path, family, metrics)
    built(tmp_path, family, metrics, out="again")
    for ending in ("csv", "md", "faults.csv", "png"):
        one, two = (tmp_path / out / f"affwild2_va.{ending}" for out in ("tables", "again"))
        assert one.read_bytes() == two.read_bytes(), ending
    assert "picture_gaps" in (tmp_path / "tables/affwild2_va.faults.csv").read_text()


def test_provenance_names_code_settings_inputs_and_seeds(tmp_path, family, metrics):
    built(tmp_path, family, metrics)
    rows = json.loads((tmp_path / "tables/affwild2_va.provenance.json").read_text())["rows"]
    assert [row["experiment"] for row in rows] == family.table_settings("affwild2_va")["experiments"]
    assert [row["experiment"] for row in rows[:2]] == ["mamba_va-mae", "mamba_va-mae-cross"]
    assert [row["seeds"] for row in rows[:2]] == [[1, 2], [1, 2]]
    assert [len(row["runs"]) for row in rows[:2]] == [2, 3 * 2]
    assert rows[0]["evaluation"]["code"] and rows[0]["evaluation"]["inputs"]


def test_the_figure_shows_the_folds_and_three_people_over_time(tmp_path, family, metrics, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, path, **_: (drawn.append(figure), Path(path).write_bytes(b""))
    )
    built(tmp_path, family, metrics)
    upper, lower = drawn[0].subfigs
    assert [axis.get_title() for axis in upper.axes] == ["Valence", "Arousal", "Average"]
    labels = [label.get_text() for label in upper.axes[0].get_yticklabels()]
    assert len(labels) == 9 + 9 and len(set(labels[9:])) == 9, "the row of test videos has no number"
    assert labels[7:9] == ["Mamba-VA, abstract", "Mamba-VA, abstract, test"]
    traces = read_parquet(traces_beside(metrics["mamba_va-mae"])).to_pandas()
    expected = traces.drop_duplicates(["rank", "column"])
    titles = [axis.get_title(loc="left") for axis in lower.axes]
    assert titles == [
        f"{row['rank']}: {row['participant']}, {row['column']}: CCC {row['ccc']:.2f}"
        for _, row in expected.iterrows()
    ]
    best = traces[(traces["rank"] == "best") & (traces["column"] == "valence")]
    _, annotated, predicted = lower.axes[0].get_lines()
    np.testing.assert_array_equal(annotated.get_ydata(), best["target"])
    np.testing.assert_array_equal(predicted.get_ydata(), best["prediction"])
    assert np.isnan(annotated.get_ydata()).sum() == 4, "invalid labels are gaps"
    np.testing.assert_array_equal(predicted.get_xdata(), best["time_s"])


def test_without_the_official_split_the_folds_are_shown_alone(world, tmp_path, family, whole):
    name = "mamba_va-mae-cross"
    own = {name: metrics_of(world, tmp_path / name, name, whole, [1, 2, 3])}
    rows = built(tmp_path, family, own, experiments=[name], allow_incomplete=False)
    assert [row["fold"] for row in where(rows, source="measured")] == ["1", "2", "3", "mean of 3"]
    assert not where(rows, source="measured", split="test")


def test_a_fold_without_a_number_leaves_the_mean_over_folds_empty_and_says_why(
    world, tmp_path, family, whole
):
    name, nobody = "mamba_va-mae-cross", {person for video in whole[2] for person in video.names}
    own = {name: metrics_of(world, tmp_path / name, name, whole, [1, 2, 3], skip=nobody)}
    one, two, _, mean = where(built(tmp_path, family, own, experiments=[name]), source="measured")
    assert one["average"] and not two["average"] and "no features of this source" in two["note"]
    assert not any(mean[column] for name in METRICS for column in (name, f"{name}_sd"))
    assert "fold 2: no features of this source" in mean["note"]


def test_metrics_without_their_traces_are_a_clear_error(world, tmp_path, family, whole):
    told = family.table_settings("affwild2_va")
    name = told["experiments"][0]
    own = {name: metrics_of(world, tmp_path / name, name, whole, told["described"][name]["folds"])}
    traces_beside(own[name]).unlink()
    with pytest.raises(DataError, match="traces of these metrics"):
        built(tmp_path, family, own, experiments=[name])


def test_missing_people_stop_the_table_unless_allowed(tmp_path, family, metrics):
    with pytest.raises(DataError, match=r"video13/video13 \(no crops\)"):
        built(tmp_path, family, metrics, allow_incomplete=False)
    assert not (tmp_path / "tables/affwild2_va.csv").exists()
    row = where(built(tmp_path, family, metrics), source="measured")[0]
    assert "incomplete, without video13/video13 (no crops)" in row["note"]


def test_an_absent_experiment_is_an_error(tmp_path, family, metrics):
    few = {name: path for name, path in metrics.items() if "tcn" not in name}
    with pytest.raises(DataError, match=r"no metrics of mamba_va\+tcn-mae"):
        built(tmp_path, family, few)


@pytest.mark.usefixtures("rendered")
def test_controls_show_what_is_lost_paired_by_seed(tmp_path, family, metrics):
    rows = built(tmp_path, family, metrics, "affwild2_controls")
    assert [row["setting"] for row in rows] == [
        "full",
        "labels exchanged between videos",
        "without Mamba, at the same parameters",
        "without TCN, at the same parameters",
        "charon initialisation",
        "missing faces masked",
    ]
    full, exchanged, tcn = rows[:3]
    assert full["drop"] == full["drop_n"] == "" and abs(float(exchanged["average"])) < 0.3
    drops = _by_seed(metrics["mamba_va-mae"]) - _by_seed(metrics["mamba_va+tcn-mae"])
    found = [float(tcn[name]) for name in ("drop", "drop_sd")]
    assert found == pytest.approx([drops.mean(), drops.std(ddof=1)], abs=1e-4) and tcn["drop_n"] == "2"
    assert {row["fold"] for row in rows} == {"0"} and all(row["valence_video"] for row in rows)
    runs = _by_seed(metrics["mamba_va+exchanged-mae"])
    error = runs.std(ddof=1) / len(runs) ** 0.5
    assert f"over {len(runs)} of them the average is {runs.mean():.4f}" in exchanged["note"]
    assert f"a standard error of {error:.4f}" in exchanged["note"]
    assert all("by chance" not in row["note"] for row in rows if row is not exchanged)


def _by_seed(path):
    frame = read_parquet(path).to_pandas()
    own = frame[(frame.cell == "fold0") & (frame.metric == "average") & (frame.level == "run")]
    return own.sort_values("seed")["value"].to_numpy()
