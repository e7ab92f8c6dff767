"""Accuracy and improvement over subjects: counted by hand, paired, complete or said not to be."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from answer_world import (
    METHODS,
    PATTERNS,
    RATIOS,
    SUBJECTS,
    missing_share,
    rating,
    segments,
    settings,
    spread,
    told,
    write_adapted,
    write_chosen,
    write_epochs,
    write_predictions,
)
from scipy import stats

from affectssm.errors import DataError
from affectssm.families.biosignals.stages.evaluate import evaluate, evaluate_adaptation
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.store.parquet import read_parquet, read_parquet_card

OWN = settings()
PARTS = {"s00": SUBJECTS[:2], "s01": SUBJECTS[2:]}
A_SUBJECT = 20  # segments


def guessed(seed: int):
    return lambda segment: spread(seed, *segment) < 0.7


def predictions(
    folder: Path, right=guessed, seeds: Sequence[int] = (1, 2), without=(), own=OWN
) -> list[Path]:
    return [
        write_predictions(
            folder / part / str(seed) / "predictions.parquet", own, seed,
            [segment for segment in segments(subjects) if (seed, *segment) not in without], right(seed),
        )
        for part, subjects in PARTS.items()
        for seed in seeds
    ]  # fmt: skip


def metrics(path: Path, **wanted: Any) -> list[dict[str, Any]]:
    """Rows with these values; ratio None is NaN."""
    ratio = wanted.pop("ratio", "any")
    rows = [row for row in read_parquet(path).to_pylist() if all(row[k] == v for k, v in wanted.items())]
    if ratio == "any":
        return rows
    return [row for row in rows if (math.isnan(row["ratio"]) if ratio is None else row["ratio"] == ratio)]


def evaluated(
    tmp_path: Path, files: Sequence[Path], epochs: Sequence[Path] | None = None, **more: Any
) -> Path:
    found = write_epochs(tmp_path / "epochs") if epochs is None else epochs
    evaluate(told(OWN | more), found, files, tmp_path / "metrics.parquet")
    return tmp_path / "metrics.parquet"


def test_a_subjects_accuracy_is_the_share_of_all_its_segments(tmp_path: Path) -> None:
    path = evaluated(tmp_path, predictions(tmp_path))
    by_seed = []
    for seed in (1, 2):
        counted = {s: sum(guessed(seed)(segment) for segment in segments([s])) for s in SUBJECTS}
        rows = {
            row["subject"]: row
            for row in metrics(path, level="subject", seed=seed)
            if row["metric"] == "accuracy"
        }
        assert {name: row["correct"] for name, row in rows.items()} == counted
        assert {row["segments"] for row in rows.values()} == {A_SUBJECT}
        assert all(row["value"] == pytest.approx(counted[name] / A_SUBJECT) for name, row in rows.items())
        by_seed.append(statistics.mean(counted.values()) / A_SUBJECT)
        [run] = metrics(path, level="run", metric="accuracy", seed=seed)
        assert run["value"] == pytest.approx(by_seed[-1])
    assert by_seed[0] != by_seed[1]
    [summary] = metrics(path, level="summary", metric="accuracy")
    assert summary["value"] == pytest.approx(statistics.mean(by_seed))
    assert summary["sd"] == pytest.approx(statistics.stdev(by_seed))
    assert math.isnan(summary["low"]) and math.isnan(summary["high"])  # four subjects
    assert (summary["n_seeds"], summary["n_used"], summary["n_expected"], summary["missing"]) == (2, 4, 4, [])


MANY = tuple(f"s{number:02d}" for number in range(1, 9))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 8])
def test_intervals_are_over_subjects_and_nothing_smaller(tmp_path: Path, count: int) -> None:
    """The t-interval of the subjects' accuracies, however many segments and seeds there are; none of fewer than six."""
    own = MANY[:count]
    epochs = write_epochs(tmp_path, shards={"s00": own})
    files = [
        write_predictions(
            tmp_path / f"{seed}.parquet", OWN, seed, segments(own),
            lambda segment: segment[2] <= int(segment[0][1:]) % 4,
        )
        for seed in (1, 2)
    ]  # fmt: skip
    [summary] = metrics(evaluated(tmp_path, files, epochs), level="summary", metric="accuracy")
    accuracies = [(1 + int(name[1:]) % 4) / 5 for name in own]
    assert summary["value"] == pytest.approx(statistics.mean(accuracies))
    if count < 6:
        assert math.isnan(summary["low"]) and math.isnan(summary["high"])
        return
    wanted = stats.ttest_1samp(accuracies, 0.0).confidence_interval(0.95)
    assert (summary["low"], summary["high"]) == pytest.approx(tuple(wanted))


def test_subjects_that_are_all_alike_have_no_interval(tmp_path: Path) -> None:
    epochs = write_epochs(tmp_path, shards={"s00": MANY})
    files = [write_predictions(tmp_path / f"{seed}.parquet", OWN, seed, segments(MANY)) for seed in (1, 2)]
    [summary] = metrics(evaluated(tmp_path, files, epochs), level="summary", metric="accuracy")
    assert summary["value"] == 1.0 and math.isnan(summary["low"]) and math.isnan(summary["high"])


def test_who_was_not_rated_is_not_expected_and_segments_without_a_rating_do_not_count(tmp_path: Path) -> None:
    def holed(segment) -> float:
        unrated = segment[0] == "s02" or (segment[0], segment[1]) == ("s01", "s01_v01")
        return math.nan if unrated else rating(segment)

    epochs = write_epochs(tmp_path, ratings=holed)
    path = evaluated(
        tmp_path, predictions(tmp_path, lambda _: lambda segment: segment[1] != "s01_v01"), epochs
    )
    [summary] = metrics(path, level="summary", metric="accuracy")
    assert (summary["value"], summary["n_expected"], summary["missing"]) == (1.0, 3, [])
    assert {row["subject"]: row["segments"] for row in metrics(path, level="subject", metric="accuracy")} == {
        "s01": 15, "s03": 20, "s04": 20,
    }  # fmt: skip


@pytest.mark.parametrize(("equal", "share"), [("low", 0.0), ("high", 1.0)])
def test_the_side_of_equality_is_the_protocols(tmp_path: Path, equal: str, share: float) -> None:
    protocol = ProtocolSettings(equal=equal, folds=3).model_dump(mode="json")  # type: ignore[arg-type]
    own = OWN | {"protocol": protocol}
    epochs = write_epochs(tmp_path, ratings=lambda segment: 5.0)
    file = write_predictions(
        tmp_path / "p.parquet", own, 1, segments(), lambda segment: rating(segment) > 5
    )  # always "high"
    [summary] = metrics(
        evaluated(tmp_path, [file], epochs, seeds=[1], protocol=protocol), level="summary", metric="accuracy"
    )
    assert summary["value"] == share


def test_missing_subjects_and_segments_are_named(tmp_path: Path) -> None:
    gone = {(2, *segment) for segment in segments(["s02"])} | {(1, *segments(["s03"])[0])}
    path = evaluated(tmp_path, predictions(tmp_path, without=gone))
    [summary] = metrics(path, level="summary", metric="accuracy")
    assert (summary["n_used"], summary["n_expected"]) == (3, 4)
    assert summary["missing"] == ["s02 (no predictions)", "s03 (19 of 20 segments)"]
    others = [s for s in SUBJECTS if s != "s02"]
    rows = [row for row in metrics(path, level="subject", metric="accuracy") if row["subject"] in others]
    assert summary["value"] == pytest.approx(statistics.mean(row["value"] for row in rows))
    nobody = predictions(tmp_path / "no", without={(1, *segment) for segment in segments()})
    [summary] = metrics(evaluated(tmp_path, nobody), level="summary", metric="accuracy")
    assert math.isnan(summary["value"]) and summary["reason"] == "no subject was tested"


def test_majority_is_what_one_answer_a_subject_would_score(tmp_path: Path) -> None:
    shares = {"s01": 0.25, "s02": 0.5, "s03": 0.75, "s04": 1.0}
    epochs = write_epochs(
        tmp_path, ratings=lambda segment: 8.0 if int(segment[1][-2:]) <= 4 * shares[segment[0]] else 1.0
    )
    path = evaluated(tmp_path, predictions(tmp_path), epochs)
    found = {row["subject"]: row["value"] for row in metrics(path, level="subject", metric="majority")}
    assert found == {"s01": 0.75, "s02": 0.5, "s03": 0.75, "s04": 1.0}


def test_a_segment_is_tested_once_a_seed(tmp_path: Path) -> None:
    files = predictions(tmp_path)
    for twice in (
        [*files, files[0]],
        [*files, write_predictions(tmp_path / "x" / "p.parquet", OWN, 2, segments(["s03"])[4:5])],
        [*files[1:], write_predictions(tmp_path / "y" / "p.parquet", OWN, 1, segments(["s01"])[:1] * 2)],
    ):
        with pytest.raises(DataError, match=r"segment deap/s0\d/s0\d_v01/\d tested twice"):
            evaluated(tmp_path, twice)


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3], [2, 3]])
def test_other_seeds_are_refused(tmp_path: Path, seeds: list[int]) -> None:
    with pytest.raises(DataError, match=r"seeds \[1, 2\]"):
        evaluated(tmp_path, predictions(tmp_path), seeds=seeds)


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    files = predictions(tmp_path, seeds=(1,))
    other = settings(model="tsception")
    looser = OWN | {"protocol": ProtocolSettings(threshold=4.0, folds=3).model_dump(mode="json")}
    strange = [("s09", "s09_v01", 0)]
    for own, tested, message in (
        (other, segments(["s01"]), "experiment tsception-deap_valence"),
        (looser, segments(["s01"]), "protocol"),
        (OWN, strange, "1 segments that are not among those of the truth"),
    ):
        odd = write_predictions(tmp_path / "odd" / "p.parquet", own, 2, tested)
        with pytest.raises(DataError, match=message):
            evaluated(tmp_path, [*files, odd])
    with pytest.raises(DataError, match="no segment of mahnob"):
        evaluated(tmp_path, files, corpus="mahnob")
    doubled = write_epochs(tmp_path / "twice", shards={"s00": SUBJECTS, "s01": SUBJECTS[:1]})
    with pytest.raises(DataError, match="a segment twice"):
        evaluated(tmp_path, files, doubled, seeds=[1])


def test_an_answer_is_a_probability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answer_world.answer", lambda segment, right: math.nan)
    files = predictions(tmp_path)
    with pytest.raises(DataError, match="no probabilities"):
        evaluated(tmp_path, files)


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    files = predictions(tmp_path)
    first = read_parquet(evaluated(tmp_path, files)).to_pydict()
    second = read_parquet(evaluated(tmp_path / "again", files[::-1])).to_pydict()
    assert str(first) == str(second)


# -- adaptation ----------------------------------------------------------------------------------------------


def gained(method: str, pattern: str, ratio: float, subject: str) -> float:
    """Subjects differ a lot; every method gains the same for all of them, more at higher ratios, nothing for none."""
    plain = {"s01": 0.3, "s02": 0.45, "s03": 0.6, "s04": 0.4}[subject]
    step = {"none": 0.0, "tent": -0.05, "bim_tta": 0.1}.get(method, 0.05)
    return plain + step * (2 if ratio == 0.8 else 1) * (1 if pattern == "modality" else 0)


def adaptation(
    folder: Path, accuracy=gained, seeds: Sequence[int] = (1, 2), **kind: Any
) -> tuple[list, list]:
    pairs = [
        write_adapted(folder / part / str(seed), OWN, seed, segments(subjects), accuracy, **kind)
        for part, subjects in PARTS.items()
        for seed in seeds
    ]
    return [adapted for adapted, _ in pairs], [streams for _, streams in pairs]


def adapted_metrics(
    tmp_path: Path, files: tuple[list, list], chosen: Path | None = None, **more: Any
) -> Path:
    epochs = write_epochs(tmp_path / "epochs")
    chosen = chosen or write_chosen(tmp_path / "chosen.json")
    evaluate_adaptation(told(OWN | more), epochs, *files, chosen, tmp_path / "adapted-metrics.parquet")
    return tmp_path / "adapted-metrics.parquet"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted")
    return adapted_metrics(folder, adaptation(folder))


def test_an_improvement_is_paired_by_subject(scored: Path) -> None:
    """A gain is a subject's own, however much subjects differ; a constant one has no spread, and so no interval."""
    for method, pattern, ratio, points in (
        ("bim_tta", "modality", 0.2, 10.0),
        ("bim_tta", "modality", 0.8, 20.0),
        ("bim_tta", "modality", None, 12.5),
        ("tent", "modality", None, -6.25),
        ("bim_tta", "channel", None, 0.0),
    ):
        [row] = metrics(
            scored, level="summary", metric="improvement", method=method, pattern=pattern, ratio=ratio
        )
        assert row["value"] == pytest.approx(points) and math.isnan(row["low"]) and math.isnan(row["high"])
        assert row["sd"] == pytest.approx(0.0)
        assert (row["n_used"], row["n_expected"], row["n_seeds"]) == (3, 3, 2)
    [plain] = metrics(
        scored, level="summary", metric="accuracy", method="none", pattern="modality", ratio=0.4
    )
    assert plain["value"] == pytest.approx(0.45)
    assert not metrics(scored, metric="improvement", method="none")


def test_the_interval_of_an_improvement_is_paired(tmp_path: Path) -> None:
    """Accuracies differ by 70 points between subjects, gains by 15; unpaired the interval would be far wider."""

    def accuracy(method: str, pattern: str, ratio: float, subject: str) -> float:
        number = int(subject[1:])
        return 0.1 * number + (0.05 * (number % 4) if method == "bim_tta" else 0.0)

    epochs = write_epochs(tmp_path, shards={"s00": MANY})
    pair = write_adapted(
        tmp_path / "s00/1", OWN, 1, segments(MANY), accuracy, ("none", "bim_tta"), ("modality",), (0.2,)
    )
    chosen = write_chosen(tmp_path / "chosen.json", development=("s08",))
    out = tmp_path / "metrics.parquet"
    evaluate_adaptation(told(OWN | {"seeds": [1]}), epochs, [pair[0]], [pair[1]], chosen, out)
    [row] = metrics(out, level="summary", metric="improvement", method="bim_tta", ratio=0.2)
    wanted = stats.ttest_1samp([5.0 * (number % 4) for number in range(1, 8)], 0.0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx(tuple(wanted))
    assert row["high"] - row["low"] < 20


def test_every_method_pattern_and_ratio_has_its_rows(scored: Path) -> None:
    accuracies = metrics(scored, level="summary", metric="accuracy")
    cells = {(row["method"], row["pattern"], row["ratio"]) for row in accuracies}
    assert cells == {(m, p, r) for m in METHODS for p in PATTERNS for r in RATIOS} and len(accuracies) == len(
        cells
    )
    gains = metrics(scored, level="summary", metric="improvement")
    assert len(gains) == 5 * 3 * (4 + 1)


def test_development_subjects_are_left_out_and_the_card_names_them(scored: Path) -> None:
    assert {row["subject"] for row in metrics(scored, level="subject")} == {"s01", "s02", "s03"}
    card = read_parquet_card(scored)
    assert card is not None
    assert card["extra"]["chosen"]["development_subjects"] == ["deap/s04"]
    assert card["extra"]["chosen"]["chosen"]["tent"] == {"learning_rate": 0.01}
    assert any(name.endswith("chosen.json") for name in card["inputs"])


def test_an_unknown_development_subject_is_refused(tmp_path: Path) -> None:
    files = adaptation(tmp_path, methods=("none",), patterns=("modality",), ratios=(0.2,))
    for name in ("s09", "s1/x"):
        with pytest.raises(DataError, match=f"development subject deap/{name}"):
            adapted_metrics(tmp_path, files, write_chosen(tmp_path / "c.json", development=[name]))
    with pytest.raises(DataError, match="development subject mahnob/s01"):
        adapted_metrics(tmp_path, files, write_chosen(tmp_path / "c.json", "mahnob", ["s01"]))
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(DataError, match=r"chosen.json of a finished choice"):
        adapted_metrics(tmp_path, files, tmp_path / "c.json")


def test_streams_are_summed_up(scored: Path) -> None:
    found = {
        row["metric"]: row["value"]
        for row in metrics(scored, level="streams", method="tent", pattern="channel")
    }
    streams = 3 * 4 * 2  # subjects without the development subject, ratios, seeds
    assert found == pytest.approx(
        {
            "streams": streams, "segments": 20 * streams, "batches": 2 * streams, "updates": 3 * streams,
            "used": 12 * streams, "refused": 0, "majority_share": 0.6, "mean_entropy": 0.5, "collapsed": 1.0,
        }
    )  # fmt: skip
    plain = {
        row["metric"]: row["value"]
        for row in metrics(scored, level="streams", method="none", pattern="sample")
    }
    assert (plain["updates"], plain["collapsed"]) == (0, 0)


def test_the_share_really_missing_is_that_of_the_streams(scored: Path) -> None:
    shares = {(row["pattern"], row["ratio"]): row["value"] for row in metrics(scored, level="masks")}
    assert len(shares) == 12
    assert shares == {key: pytest.approx(missing_share(*key)) for key in shares}


def test_a_ratio_without_a_subject_leaves_that_subject_out_of_all(tmp_path: Path) -> None:
    files = adaptation(tmp_path, methods=("none", "tent"), patterns=("modality",), ratios=(0.2, 0.8))
    short = [s for s in segments(SUBJECTS[2:]) if s[0] != "s03"]
    for list_, path in zip(
        files, write_adapted(
            tmp_path / "s01" / "2", OWN, 2, short, gained, ("none", "tent"), ("modality",), (0.2, 0.8)
        ), strict=True,
    ):  # fmt: skip
        assert path in list_
    [row] = metrics(
        adapted_metrics(tmp_path, files), level="summary", method="tent", metric="improvement", ratio=None
    )
    assert (row["n_used"], row["n_expected"], row["missing"]) == (2, 3, ["s03 (no predictions)"])


def test_methods_answer_the_same_segments(tmp_path: Path) -> None:
    tested, ratio = segments(), {"patterns": ("modality",), "ratios": (0.4,)}
    both = write_adapted(tmp_path / "a" / "1", OWN, 1, tested, gained, methods=("none",), **ratio)
    less = write_adapted(tmp_path / "b" / "1", OWN, 1, tested[1:], gained, methods=("tent",), **ratio)
    with pytest.raises(
        DataError, match=r"tent, modality 0.4, seed 1: no answer to deap/s01/s01_v01/0 and 0 more"
    ):
        adapted_metrics(tmp_path, ([both[0], less[0]], [both[1], less[1]]), seeds=[1])
    alone = write_adapted(tmp_path / "c" / "1", OWN, 1, tested, gained, methods=("tent",), **ratio)
    with pytest.raises(DataError, match="without none"):
        adapted_metrics(tmp_path, ([alone[0]], [alone[1]]), seeds=[1])


def test_streams_of_other_seeds_are_refused(tmp_path: Path) -> None:
    adapted, streams = adaptation(tmp_path, methods=("none",), patterns=("modality",), ratios=(0.2,))
    with pytest.raises(DataError, match=r"answers of seeds \[1\]"):
        adapted_metrics(tmp_path, (adapted, streams[::2]))


def test_where_everybody_chose_there_is_no_number_and_the_reason_is_given(tmp_path: Path) -> None:
    files = adaptation(tmp_path, methods=("none", "tent"), patterns=("modality",), ratios=(0.2,))
    chosen = write_chosen(tmp_path / "c.json", development=SUBJECTS)
    [row] = metrics(
        adapted_metrics(tmp_path, files, chosen), level="summary", metric="improvement", ratio=None
    )
    assert math.isnan(row["value"]) and (row["n_expected"], row["reason"]) == (0, "no subject to test")
