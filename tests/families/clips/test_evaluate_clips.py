"""The evaluation of clips: means over seeds, intervals over videos, the same clips everywhere, nothing lost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from affectssm.errors import DataError
from affectssm.families.clips.run_settings import EvaluationSettings
from affectssm.families.clips.stages.evaluate import SCHEMA, evaluate
from affectssm.store.parquet import read_parquet, read_parquet_card
from tests.families.clips.answered_clips import Clip, clips_of, write_answers, write_index

CLIPS = clips_of()
TEST = [clip for clip in CLIPS if clip.split == "test"]
OWN = {
    "experiment": "coupled_mamba-mosei_unaligned_regression", "corpus": "mosei", "source": "unaligned",
    "task": "regression", "seeds": (1, 2),
}  # fmt: skip


def noisy(clip, seed, left_out=""):
    return clip.label * (0.2 if left_out else 0.8) + 0.1 * seed + 0.05 * clip.number


def sure(clip, seed, left_out=""):
    chances = np.array([0.2, 0.1, 0.2])
    chances[int(np.sign(clip.label + 0.7 * (clip.number == seed))) + 1] += 0.5
    return tuple(map(float, chances))


def evaluated(tmp_path, *, answer=noisy, clips=CLIPS, index=CLIPS, left_out=("",), **changes):
    settings = EvaluationSettings.model_validate(OWN | changes)
    files = [
        write_answers(
            tmp_path / f"{seed}.parquet", clips, answer, [seed], left_out, experiment=settings.experiment
        )
        for seed in (1, 2)
    ]
    halves = [write_index(tmp_path / f"s0{at}.parquet", index[at::2]) for at in (0, 1)]
    evaluate(settings, [path.with_suffix(".h5") for path in halves], files, tmp_path / "metrics.parquet")
    return rows_of(tmp_path / "metrics.parquet")


def rows_of(path):
    rows = read_parquet(path).to_pylist()
    return lambda level="summary", metric="mae", left_out="": [
        row for row in rows if (row["level"], row["metric"], row["left_out"]) == (level, metric, left_out)
    ]


def mae_of(clips, seed):
    return np.mean([abs(noisy(clip, seed) - clip.label) for clip in clips])


def test_rows_of_seeds_their_mean_and_what_is_left_without_a_video(tmp_path):
    rows = evaluated(tmp_path)
    per_seed = [mae_of(TEST, seed) for seed in (1, 2)]
    assert [row["seed"] for row in rows("run")] == [1, 2]
    assert [row["value"] for row in rows("run")] == pytest.approx(per_seed, abs=1e-6)
    [summary] = rows()
    assert summary["value"] == pytest.approx(np.mean(per_seed), abs=1e-6)
    assert summary["sd"] == pytest.approx(np.std(per_seed, ddof=1), abs=1e-6)
    assert [summary[name] for name in ("n_seeds", "n_used", "n_expected", "n_units", "missing")] == [
        2,
        48,
        48,
        8,
        [],
    ]
    without = {row["group"]: row["value"] for row in rows("without")}
    for video, value in without.items():
        kept = [clip for clip in TEST if clip.video != video]
        assert value == pytest.approx(np.mean([mae_of(kept, seed) for seed in (1, 2)]), abs=1e-6)
    # videos are as long: the interval is Student's of their own means
    own = [np.mean([mae_of([c for c in TEST if c.video == v], seed) for seed in (1, 2)]) for v in without]
    wanted = stats.ttest_1samp(own, 0.0).confidence_interval(0.95)
    assert (summary["low"], summary["high"]) == pytest.approx(tuple(wanted), abs=1e-6)
    names = {row["metric"] for row in read_parquet(tmp_path / "metrics.parquet").to_pylist()}
    assert {"corr", "acc2_has0", "f1_has0", "acc2_non0", "f1_non0", "acc3", "acc5", "acc7"} < names
    median = np.median([c.label for c in TEST])
    assert rows(metric="mae_constant")[0]["value"] == pytest.approx(
        np.mean([abs(c.label - median) for c in TEST])
    )


def test_what_was_left_out_at_test_is_scored_apart(tmp_path):
    rows = evaluated(tmp_path, left_out=("", "audio", "text"))
    assert rows(left_out="text")[0]["value"] > rows()[0]["value"]
    assert rows("run", "corr", "audio")[0]["n_seeds"] == 1 and len(rows("without", "corr", "audio")) == 8


def test_classes_are_scored_as_classes(tmp_path):
    experiment = "mult-mosei_aligned_classification"
    rows = evaluated(tmp_path, answer=sure, task="classification", experiment=experiment)
    wanted = [
        np.mean([np.argmax(sure(clip, seed)) == np.sign(clip.label) + 1 for clip in TEST]) for seed in (1, 2)
    ]
    assert [row["value"] for row in rows("run", "acc3")] == pytest.approx(wanted)
    assert not rows(metric="mae") and rows(metric="f1_mmsa_compat") and rows(metric="acc3_constant")
    card = read_parquet_card(tmp_path / "metrics.parquet")
    assert [run["settings"]["seeds"] for run in card["extra"]["runs"]] == [[1], [2]]
    assert read_parquet(tmp_path / "metrics.parquet").schema.names == SCHEMA.names


def test_labelled_clips_without_an_answer_are_named_and_unlabelled_ones_do_not_count(tmp_path):
    bare = Clip("v1", 9, math.nan)
    rows = evaluated(tmp_path, clips=[*CLIPS[1:], bare], index=[*CLIPS, bare])
    [summary] = rows()
    assert (summary["n_used"], summary["n_expected"], summary["missing"]) == (47, 48, ["v0[0]"])
    assert summary["value"] == pytest.approx(np.mean([mae_of(TEST[1:], seed) for seed in (1, 2)]), abs=1e-6)


def test_what_is_undefined_says_why(tmp_path):
    rows = evaluated(tmp_path, answer=lambda clip, seed, left_out: 0.25)
    [summary] = rows(metric="corr")
    assert math.isnan(summary["value"]) and math.isnan(summary["low"]) and "all alike" in summary["reason"]
    assert all("all alike" in row["reason"] for row in rows("run", "corr")) and not rows()[0]["reason"]


def test_seeds_that_diverged_have_no_scores_and_say_so(tmp_path):
    experiment = "mult-mosei_aligned_classification"
    own = {"task": "classification", "experiment": experiment}
    rows = evaluated(tmp_path, answer=lambda clip, seed, way: sure(clip, seed) if seed == 1 else None, **own)
    [summary], (first, second) = rows(metric="acc3"), rows("run", "acc3")
    assert math.isfinite(first["value"]) and math.isnan(second["value"]) and math.isnan(summary["value"])
    assert "diverged with 1 of 2 seeds" in summary["reason"] and summary["n_used"] == 48
    for answer in ({"answer": lambda *_: None, **own}, {"answer": lambda *_: None}):
        rows = evaluated(tmp_path, **answer)
        [summary] = rows(metric="acc3")
        assert math.isnan(summary["value"]) and "2 of 2 seeds" in summary["reason"] and not summary["missing"]


def fails(tmp_path, match, **given):
    with pytest.raises(DataError, match=f"(?s){match}"):
        evaluated(tmp_path, **given)
    assert not (tmp_path / "metrics.parquet").exists()


def test_faults_of_the_files_are_clear_errors(tmp_path):
    fails(tmp_path, r"answers of seeds \[1, 2\].*seeds \[1, 2, 3\]", seeds=(1, 2, 3))
    fails(tmp_path, r"seeds \[1\]", seeds=(1,))
    fails(tmp_path, "v9.9., which is no test clip", clips=[*CLIPS, Clip("v9", 9, 1.0)])
    fails(tmp_path, "a clip twice", index=[*CLIPS, *CLIPS[:2]])
    fails(tmp_path, r"clip v0\[0\] answered twice with seed 1", clips=[*CLIPS, CLIPS[0]])
    fails(tmp_path, "no labelled test clip of sims", corpus="sims")
    fails(tmp_path, "48 answers that are none.*numbers", answer=lambda *_: math.nan)
    fails(tmp_path, "prediction not of every clip", answer=sure)
    fails(tmp_path, "not of every clip", task="classification")
    fails(tmp_path, "sum to 1", task="classification", answer=lambda *_: (0.5, 0.5, 0.5))


def test_other_experiments_and_clips_that_differ_between_seeds_are_refused(tmp_path):
    index = write_index(tmp_path / "s00.parquet", CLIPS)
    files = [write_answers(tmp_path / f"{seed}.parquet", CLIPS[seed - 1 :], noisy, [seed]) for seed in (1, 2)]
    settings = EvaluationSettings.model_validate(OWN)
    with pytest.raises(DataError, match=r"seed 1 and seed 2 answered different clips: v0\[0\] and 0 more"):
        evaluate(settings, [index], files, tmp_path / "metrics.parquet")
    other = settings.model_copy(update={"experiment": "tfn-mosei_unaligned_regression"})
    with pytest.raises(DataError, match=r"(?s)answers of coupled_mamba.*tfn"):
        evaluate(other, [index], files, tmp_path / "metrics.parquet")
