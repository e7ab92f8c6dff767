"""From predictions to numbers, beside an independent computation; and three people over time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from affectssm.errors import DataError
from affectssm.families.video.stages.evaluate import evaluate
from affectssm.families.video.stages.folds import divide
from affectssm.families.video.stages.traces import MAX_POINTS, ranked, traces_beside
from affectssm.store.parquet import read_parquet
from affectssm.timeline.index import read_windows
from tests.families.video.small_videos import (
    COLUMNS,
    VIDEOS,
    Video,
    agreement,
    evaluation_settings,
    label_valid,
    predicted,
    truth,
    write_predictions,
    write_world,
)

VAL = [video for video in VIDEOS if video.split == "val" and "crops" not in video.without]


def run(world, tmp_path, videos=VAL, skip=(), fold=0, seeds=(1, 2)):
    """Evaluate made predictions; the rows of the metrics, and the traces."""
    paths = [
        write_predictions(tmp_path / f"{seed}.parquet", seed, videos, fold, skip) for seed in reversed(seeds)
    ]
    out = tmp_path / "seeds-1-2.parquet"
    own = evaluation_settings(folds=(fold,), seeds=seeds)
    evaluate(
        own, paths, world.features, world.manifests, world.missing, world.windows, out, traces_beside(out)
    )
    return read_parquet(out).to_pylist(), read_parquet(tmp_path / "traces-1-2.parquet").to_pandas()


def one(rows, metric, level="summary", seed=-1):
    return next(r for r in rows if (r["metric"], r["level"], r["seed"]) == (metric, level, seed))


def by_hand(videos, seed, column):
    """CCC of all valid frames together, and the mean of each person's own."""
    people = [(video, person) for video in videos for person in video.names]
    kept = [label_valid(*each) for each in people]
    pairs = [
        (predicted(*each, seed)[valid, column], truth(*each)[valid, column])
        for each, valid in zip(people, kept, strict=True)
    ]
    together = agreement(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
    return together, float(np.mean([agreement(*pair) for pair in pairs]))


def test_scores_are_ccc_of_all_valid_frames_and_their_mean(world, tmp_path):
    rows, _ = run(world, tmp_path)
    for place, ending in enumerate(("", "_video")):
        for seed in (1, 2):
            own = [by_hand(VAL, seed, column)[place] for column in (0, 1)]
            found = [one(rows, name + ending, "run", seed)["value"] for name in (*COLUMNS, "average")]
            assert found == pytest.approx([*own, np.mean(own)], abs=1e-6)
        per_seed = [np.mean([by_hand(VAL, seed, c)[place] for c in (0, 1)]) for seed in (1, 2)]
        average = one(rows, f"average{ending}")
        assert average["value"] == pytest.approx(np.mean(per_seed), abs=1e-6)
        assert average["sd"] == pytest.approx(np.std(per_seed, ddof=1), abs=1e-6)
        assert np.isnan(average["low"]), "three videos"
        assert (average["n_seeds"], average["n_used"], average["n_expected"]) == (2, 3, 4)


def test_intervals_leave_whole_videos_out(tmp_path):
    people = ("video100_left", "video100_right")
    videos = [
        Video("video100", "val", 30, 25.0, people),
        *(Video(f"video10{i}", "val", 30 + i, 30.0) for i in range(1, 7)),
    ]
    rows, _ = run(write_world(tmp_path / "w", [*VIDEOS[:6], *videos]), tmp_path, videos)

    def mean_of(kept, columns):
        return np.mean([by_hand(kept, seed, column)[0] for seed in (1, 2) for column in columns])

    for metric, columns in (("valence", [0]), ("arousal", [1]), ("average", [0, 1])):
        without = [mean_of([v for v in videos if v is not left], columns) for left in videos]
        half = stats.t.ppf(0.975, 6) * np.sqrt(6 * np.var(without))
        found, value = one(rows, metric), mean_of(videos, columns)
        assert (found["low"], found["high"]) == pytest.approx((value - half, value + half), abs=1e-6)
        assert (found["n_used"], found["n_expected"]) == (7, 7)


def test_a_fold_of_the_cross_validation_scores_its_own_videos(world, tmp_path):
    own = divide(read_windows(world.windows / "labelled.parquet").targets, 2, 3).report
    videos = [video for video in VIDEOS if (video.name, video.names[0]) in own]
    rows, traces = run(world, tmp_path, videos, fold=2)
    expected = np.mean([by_hand(videos, seed, 0)[0] for seed in (1, 2)])
    assert one(rows, "valence")["value"] == pytest.approx(expected, abs=1e-6)
    assert {row["cell"] for row in rows} == {"fold2"} and one(rows, "valence")["missing"] == []
    assert one(rows, "valence")["n_expected"] == len(videos) == 4
    assert traces.empty, "the official split's alone are shown"


def test_who_is_missing_is_named_with_the_reason(world, tmp_path):
    rows, traces = run(world, tmp_path, skip={"video10_1_right", "video12"})
    for metric in (*COLUMNS, "average"):
        row = one(rows, metric)
        assert row["missing"] == [
            "video10_1/video10_1_right (no predictions)",
            "video12/video12 (no predictions)",
            "video13/video13 (no crops)",
        ]
        assert (row["n_used"], row["n_expected"]) == (1, 4) and np.isfinite(row["value"])
    assert set(traces.participant) == {"video10", "video10_1_left"}


def test_a_missing_seed_is_an_error(world, tmp_path):
    path = write_predictions(tmp_path / "1.parquet", 1, VAL)
    with pytest.raises(DataError, match=r"predictions of seeds \[1\]"):
        evaluate(
            evaluation_settings(),
            [path],
            world.features,
            world.manifests,
            world.missing,
            world.windows,
            tmp_path / "seeds-1-2.parquet",
            tmp_path / "traces-1-2.parquet",
        )


def test_traces_are_of_the_best_the_median_and_the_worst_of_the_first_seed(world, tmp_path):
    _, traces = run(world, tmp_path)
    people = {person: video for video in VAL for person in video.names}
    own = {}
    for person, video in people.items():
        kept = label_valid(video, person)
        own[person] = [
            agreement(predicted(video, person, 1)[kept, c], truth(video, person)[kept, c]) for c in (0, 1)
        ]
    order = sorted(own, key=lambda person: -np.mean(own[person]))
    shown = traces.drop_duplicates(["rank", "participant"])
    expected = {"best": order[0], "median": order[1], "worst": order[3]}
    assert dict(zip(shown["rank"], shown["participant"], strict=True)) == expected
    assert set(traces["of"]) == {4} and set(traces["seed"]) == {1}
    for (person, name), trace in traces.groupby(["participant", "column"]):
        video, column = people[person], COLUMNS.index(name)
        valid, values = label_valid(video, person), truth(video, person)[:, column]
        np.testing.assert_array_equal(trace["target"], np.where(valid, values, np.float32("nan")))
        np.testing.assert_array_equal(trace["prediction"], predicted(video, person, 1)[:, column])
        np.testing.assert_allclose(trace["time_s"], (np.arange(video.frames) + 0.5) / video.rate)
        assert trace["ccc"].iloc[0] == pytest.approx(own[person][column], abs=1e-6)


def test_traces_of_long_videos_are_thinned(tmp_path):
    long = Video("video200", "val", 2 * MAX_POINTS + 7, 30.0)
    _, traces = run(write_world(tmp_path / "w", [*VIDEOS[:4], long]), tmp_path, [long])
    assert set(traces["rank"]) == {"best"}
    trace = traces[traces.column == "valence"]
    assert trace.frame.tolist() == list(range(0, long.frames, 3)) and len(trace) <= MAX_POINTS
    assert trace["ccc"].iloc[0] == pytest.approx(
        agreement(
            predicted(long, "video200", 1)[label_valid(long, "video200"), 0],
            truth(long, "video200")[label_valid(long, "video200"), 0],
        ),
        abs=1e-6,
    ), "of all frames"


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([], {}),
        ([0.3], {"best": 0}),
        ([0.3, 0.5], {"best": 1, "worst": 0}),
        ([0.3, 0.5, 0.1], {"best": 1, "median": 0, "worst": 2}),
        ([0.3, float("nan"), 0.5, 0.1], {"best": 2, "median": 0, "worst": 3}),
        ([0.2, 0.2, 0.2], {"best": 0, "median": 1, "worst": 2}),
    ],
)
def test_ranks(means, expected):
    seats = [(f"video{i}", f"video{i}") for i in range(len(means))]
    found = ranked(dict(zip(seats, means, strict=True)))
    assert found == {rank: seats[i] for rank, i in expected.items()}
    assert list(found) == list(expected)
