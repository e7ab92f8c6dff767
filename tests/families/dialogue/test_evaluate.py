import numpy as np
import pytest
from scipy import stats
from scored_world import (
    FRAMES,
    ROLES,
    WORLD,
    predicted,
    settings,
    truth,
    write_labels,
    write_manifests,
    write_missing,
    write_predictions,
)

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.cells import CELLS
from affectssm.families.dialogue.stages.evaluate import evaluate
from affectssm.store.parquet import read_parquet
from affectssm.training.agreement import ccc

BASE = ("noxi", "test-base")
ADD = ("noxi_add", "test-additional")


def run(tmp_path, own=None, labels=None, skip=(), left_out=(), **kind):
    own = own or settings(**kind)
    predictions = [write_predictions(tmp_path / f"{s}.parquet", s, skip=skip) for s in own.seeds]
    files = write_labels(tmp_path) if labels is None else labels
    missing = write_missing(tmp_path, left_out)
    evaluate(own, predictions, files, write_manifests(tmp_path), missing, tmp_path / "metrics.parquet")
    return read_parquet(tmp_path / "metrics.parquet").to_pylist()


def one(rows, cell, metric="ccc", level="summary", seed=None):
    found = [r for r in rows if (r["cell"], r["metric"], r["level"]) == (cell, metric, level)]
    return next(r for r in found if seed is None or r["seed"] == seed)


def by_hand(part, seed, frames=slice(None)):
    seats = [(r, role) for r in WORLD[part] for role in ROLES]
    x = np.concatenate([predicted(part[0], *seat, seed)[frames] for seat in seats]).astype(np.float32)
    y = np.concatenate([truth(part[0], *seat)[frames] for seat in seats]).astype(np.float32)
    return ccc(x, y)


def test_cells_are_ccc_on_the_concatenation_and_means_over_seeds(tmp_path):
    rows = run(tmp_path)
    for seed in (1, 2):
        assert one(rows, "noxi_base", level="run", seed=seed)["value"] == pytest.approx(
            by_hand(BASE, seed), abs=1e-9
        )
    summary = one(rows, "noxi_base")
    per_seed = [by_hand(BASE, 1), by_hand(BASE, 2)]
    assert summary["value"] == pytest.approx(np.mean(per_seed), abs=1e-9)
    assert summary["sd"] == pytest.approx(np.std(per_seed, ddof=1), abs=1e-9)
    assert np.isnan(summary["low"]) and np.isnan(summary["high"])  # three recordings
    assert (summary["n_used"], summary["n_expected"], summary["n_seeds"]) == (3, 3, 2)
    whole = one(rows, "global")
    assert whole["value"] == pytest.approx(np.mean([one(rows, c)["value"] for c in settings().cells]))
    assert (whole["n_used"], whole["n_expected"]) == (7, 7)


def test_intervals_leave_whole_recordings_out_and_global_needs_them_of_every_corpus(tmp_path, monkeypatch):
    parts = CELLS["test"]
    for number, part in enumerate(parts.values()):
        names = [f"{100 * number + place:03d}" for place in range(6 + number)]
        monkeypatch.setitem(WORLD, part, names)
    rows = run(tmp_path)
    variance = 0.0
    for number, (cell, part) in enumerate(parts.items()):
        found, count = one(rows, cell), 6 + number
        without = []
        for left in range(count):
            kept = [name for place, name in enumerate(WORLD[part]) if place != left]
            with monkeypatch.context() as fewer:
                fewer.setitem(WORLD, part, kept)
                without.append(np.mean([by_hand(part, seed) for seed in (1, 2)]))
        own = (count - 1) * np.var(without)
        half = stats.t.ppf(0.975, count - 1) * np.sqrt(own)
        assert (found["low"], found["high"]) == pytest.approx((found["value"] - half, found["value"] + half))
        variance += own / 9
    whole = one(rows, "global")
    assert whole["low"] < whole["value"] < whole["high"]
    assert (whole["high"] - whole["low"]) / 2 > stats.norm.ppf(0.975) * np.sqrt(variance)
    assert one(rows, "global", "ccc_participant")["low"] < one(rows, "global", "ccc_participant")["value"]
    monkeypatch.setitem(WORLD, parts["mpiigi"], WORLD[parts["mpiigi"]][:5])
    rows = run(tmp_path / "fewer")
    assert np.isfinite(one(rows, "noxi_base")["low"])
    assert np.isnan(one(rows, "mpiigi")["low"]) and np.isnan(one(rows, "global")["low"])


def test_per_participant_ccc_is_the_mean_of_the_participants(tmp_path):
    rows = run(tmp_path, seeds=(1,))
    own = [
        ccc(predicted("mpiigi", r, role, 1).astype(np.float32), truth("mpiigi", r, role).astype(np.float32))
        for r in WORLD["mpiigi", "test"]
        for role in ROLES
    ]
    assert one(rows, "mpiigi", "ccc_participant")["value"] == pytest.approx(np.mean(own), abs=1e-6)


def test_withheld_labels_leave_a_reason_and_no_number(tmp_path):
    rows = run(tmp_path, labels=write_labels(tmp_path, splits=("val",)))
    for cell in settings().cells:
        row = one(rows, cell)
        assert np.isnan(row["value"]) and "withheld" in row["reason"] and row["n_used"] == 0
    assert "global needs" in one(rows, "global")["reason"]


def test_validation_rows_have_no_noxi_add_and_no_global(tmp_path):
    rows = run(tmp_path, split="val")
    assert one(rows, "noxi_base")["value"] == pytest.approx(
        np.mean([by_hand(("noxi", "val"), s) for s in (1, 2)])
    )
    assert "noxi_add" not in {r["cell"] for r in rows}
    assert one(rows, "global")["reason"] == "global needs noxi_add"


def test_a_single_recording_has_no_interval(tmp_path):
    row = one(run(tmp_path, split="val"), "mpiigi")
    assert np.isfinite(row["value"]) and np.isnan(row["low"]) and row["n_used"] == 1


def test_missing_predictions_and_labels_are_named(tmp_path):
    labels = write_labels(
        tmp_path,
        spoil=[
            ("004", "novice", slice(None)),
            ("005", "expert", slice(None)),
            ("005", "novice", slice(None)),
        ],
    )
    rows = run(tmp_path, labels=labels, skip={("003", "expert")})
    row = one(rows, "noxi_base")
    assert row["missing"] == ["003/expert (no predictions)", "004/novice (no labels)", "005 (no labels)"]
    assert (row["n_used"], row["n_expected"]) == (0, 3) and np.isfinite(row["value"])
    assert "noxi_base: 005 (no labels)" in one(rows, "global")["missing"]


def test_a_corpus_without_features_of_the_source_says_so(tmp_path):
    gone = [(*ADD, recording, role, "no audio, no video") for recording in WORLD[ADD] for role in ROLES]
    rows = run(tmp_path, skip={(r, role) for r in WORLD[ADD] for role in ROLES}, left_out=gone)
    row = one(rows, "noxi_add")
    assert row["reason"] == "no features of this source for noxi_add test-additional (no audio, no video)"
    assert row["missing"] == [] and np.isfinite(one(rows, "noxi_base")["value"])


def test_who_was_left_out_is_named_with_the_reason(tmp_path):
    rows = run(tmp_path, skip={("003", "expert")}, left_out=[(*BASE, "003", "expert", "no audio")])
    assert one(rows, "noxi_base")["missing"] == ["003/expert (no audio)"]


def test_official_scorer_shifts_after_a_blank_line(tmp_path):
    labels = write_labels(tmp_path, spoil=[("001", "expert", 0)])
    by_frame = one(run(tmp_path, settings(), labels), "mpiigi")["value"]
    official = one(run(tmp_path, settings(scorer="official"), labels), "mpiigi")["value"]
    assert official < by_frame


def test_a_missing_seed_is_an_error(tmp_path):
    path = write_predictions(tmp_path / "1.parquet", 1)
    files = (write_labels(tmp_path), write_manifests(tmp_path), write_missing(tmp_path))
    with pytest.raises(DataError, match=r"predictions of seeds \[1\]"):
        evaluate(settings(), [path], *files, tmp_path / "m.parquet")


def test_invalid_labels_are_masked_in_both(tmp_path):
    everywhere = [(r, role, slice(0, 10)) for r in WORLD[BASE] for role in ROLES]
    rows = run(tmp_path, settings(seeds=(1,)), write_labels(tmp_path, spoil=everywhere))
    expected = by_hand(BASE, 1, slice(10, FRAMES))
    assert one(rows, "noxi_base")["value"] == pytest.approx(expected, abs=1e-9)
