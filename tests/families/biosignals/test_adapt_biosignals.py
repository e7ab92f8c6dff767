"""The stage that adapts the folds of a part: what it answers, what it may depend on, and that it survives a kill."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
import torch

from affectssm.adaptation import fold_stream
from affectssm.adaptation.build import build_method
from affectssm.adaptation.fold_stream import FoldStream, tuned
from affectssm.adaptation.missing import draw
from affectssm.adaptation.stream import run_stream
from affectssm.errors import ConfigError, DataError
from affectssm.families.biosignals.run_settings import AdaptationRunSettings
from affectssm.families.biosignals.stages import adapt as stage
from affectssm.families.biosignals.stages.adapt import ADAPTED, STREAMS
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.store.atomic import write_json
from affectssm.store.parquet import read_parquet, read_parquet_card, write_parquet
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.run_files import resume_folder
from affectssm.training.segments import rows_learnt
from affectssm.vocabulary.methods import METHODS as REGISTERED
from affectssm.vocabulary.stages import adaptation_modules, choice_modules
from tests.families.biosignals.run_world import (
    EPOCHS,
    LOOSE,
    METHODS,
    ORDERED,
    PROTOCOL,
    SEED,
    fold_model,
    middling,
    run_settings,
    write_masks_of,
    write_run,
    write_shard,
)
from tests.killed import killed_at
from tests.models.physio import SAMPLES
from tests.ssm.elsewhere import without_numba

MISSING = {"patterns": ["modality", "sample"], "ratios": [0.5, 0.8]}
WITHIN = ProtocolSettings.model_validate(PROTOCOL)
FEWER = {"patterns": ["sample"], "ratios": [0.8]}
ADAPTATION = AdaptationSettings.model_validate({"batch": 4, **LOOSE}).model_dump(mode="json")
CHOSEN = {"tent": {"learning_rate": 0.03}, "bim_tta": {"learning_rate": 0.01, "entropy_margin": 0.9}}


def made(folder, rating=middling, **changes):
    """The files before the stage, and how it is called."""
    shard = write_shard(folder / "s00.h5", ["s01", "s02"], rating)
    given = {
        "settings": {**run_settings(), "methods": METHODS}, "adaptation": ADAPTATION, "missing": MISSING,
        "chosen": CHOSEN, "epochs": [shard], "run_dir": write_run(folder / "runs", [shard], run_settings()),
        **changes,
    }  # fmt: skip
    given["masks"] = write_masks_of(folder, shard, given["missing"])
    return SimpleNamespace(**given, adapted=folder / "adapted.parquet", streams=folder / "streams.parquet")


def fewer(folder, rating=middling):
    """The same with fewer streams."""
    settings = {**run_settings(), "methods": ["none", "eata"]}
    return made(folder, rating, settings=settings, missing=FEWER)


def same_streams(found: tuple[pa.Table, pa.Table], done) -> bool:
    """Whether fewer streams are what they are among all."""
    return all(
        one.to_pylist()
        == [row for row in rows(all_, pattern="sample", ratio=0.8) if row["method"] in ("none", "eata")]
        for one, all_ in zip(found, done[1:], strict=True)
    )


def adapt(world, left_out=()) -> None:
    """Run the stage."""
    told = world.settings | {"adaptation": world.adaptation, "missing": world.missing, "choice": {}}
    chosen = world.adapted.with_name("chosen.json")
    write_json(chosen, {"chosen": world.chosen, "development_subjects": list(left_out)})
    stage.adapt(
        AdaptationRunSettings.model_validate(told), world.epochs, world.run_dir, world.masks, chosen, world.adapted,
        world.streams,
    )  # fmt: skip


def adapted(world) -> tuple[pa.Table, pa.Table]:
    adapt(world)
    return read_parquet(world.adapted), read_parquet(world.streams)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    world = made(tmp_path_factory.mktemp("adapted"))
    return world, *adapted(world)


def streams_of(world):
    runs, store = FoldRuns(world.run_dir), open_store(world.epochs)
    return [
        FoldStream(runs, store, fold)
        for fold in runs.folds(rated_folds(store.index, WITHIN, runs.part, "valence"))
    ]


def rows(table: pa.Table, **wanted) -> list[dict]:
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in wanted.items())]


def test_the_control_is_the_stream_as_it_is_and_changes_no_other(tmp_path, done):
    settings = {**run_settings(), "methods": ["none", "eata"]}
    world = made(tmp_path, settings=settings, missing={**FEWER, "control": True})
    answers, streams = adapted(world)
    found = rows(streams, pattern="nothing")
    assert found and {(row["ratio"], row["missing_share"]) for row in found} == {(0.0, 0.0)}
    assert {row["method"] for row in found} == {"none", "eata"}
    stream = streams_of(world)[0]
    with torch.no_grad():
        batches = stream.batches(None, 4)
        plain = torch.cat([stream.method("none", AdaptationSettings()).model(x).logits for x in batches])
    own = rows(answers, pattern="nothing", method="none", fold=stream.fold.name)
    np.testing.assert_allclose([row["high"] for row in own], plain.softmax(dim=1)[:, 1], atol=1e-6)
    others = [table.filter(pa.compute.not_equal(table["pattern"], "nothing")) for table in (answers, streams)]
    assert same_streams(tuple(others), done)
    assert not list((tmp_path / "masks").rglob("nothing*"))  # there is nothing to draw


def test_every_tested_segment_is_answered_once_a_stream_in_one_order(done):
    _, answers, streams = done
    assert answers.schema.equals(ADAPTED) and streams.schema.equals(STREAMS)
    folds = {row["fold"] for row in streams.to_pylist()}
    assert folds == {f"deap-{s}-{n}" for s in ("s01", "s02") for n in (0, 1)}
    tested = set()
    for fold in folds:
        orders = {}
        for row in rows(answers, fold=fold):
            stream = row["pattern"], row["ratio"], row["method"]
            orders.setdefault(stream, []).append((row["subject"], row["trial"], row["epoch"]))
        assert list(orders) == [
            (p, r, m) for p in MISSING["patterns"] for r in MISSING["ratios"] for m in METHODS
        ]
        order = orders["modality", 0.5, "none"]
        assert all(other == order for other in orders.values())
        assert len(set(order)) == len(order) and order != sorted(order)
        assert not tested & set(order)
        tested |= set(order)
    assert len(tested) == 7 * EPOCHS  # a trial has no rating
    assert all(0 <= row["high"] <= 1 for row in answers.to_pylist())


def test_the_streams_are_described_as_they_were(done):
    _, answers, streams = done
    keys = ("fold", "pattern", "ratio", "method")
    assert len(streams) == 4 * 4 * len(METHODS)
    for row in streams.to_pylist():
        mine = rows(answers, **{key: row[key] for key in keys})
        assert row["segments"] == len(mine) and row["batches"] == -(-len(mine) // 4)
        high = np.mean([line["high"] > 0.5 for line in mine])
        assert row["majority_share"] == pytest.approx(max(high, 1 - high))
        assert row["subject"] == mine[0]["subject"]
        assert row["refused"] == 0 and (row["method"] != "none" or row["updates"] == row["used"] == 0)
        assert row["collapsed"] == (row["late_majority_share"] >= 0.95)
        assert 0 < row["missing_share"] <= 1 - 1 / 3 or row["pattern"] != "modality"
    for name in METHODS[1:]:
        assert sum(row["updates"] for row in rows(streams, method=name)) > 8


def test_none_is_the_trained_model_under_the_same_masks(done):
    world, answers, _ = done
    runs, store = FoldRuns(world.run_dir), open_store(world.epochs)
    numbers = {
        (*key[1:], int(e)): n
        for n, (key, e) in enumerate(zip(store.index.key, store.index.number, strict=True))
    }
    for number, fold in enumerate(runs.names):
        scaler, model = runs.scaler(fold), fold_model(number)
        for pattern, ratio in (("modality", 0.5), ("sample", 0.8)):
            mine = rows(answers, fold=fold, pattern=pattern, ratio=ratio, method="none")
            at = np.array([numbers[row["subject"], row["trial"], row["epoch"]] for row in mine])
            ids = [f"deap/{row['subject']}/{row['trial']}/{row['epoch']}" for row in mine]
            flags = draw(ids, ORDERED, SAMPLES, ratio, SEED, pattern).present
            signals, begin = {}, 0
            for name, count in ORDERED.items():
                x = scaler.apply(name, store.values(name, at), store.index.there[name][at])
                units = {"modality": 1, "sample": count * SAMPLES}[pattern]
                kept = flags[:, begin : begin + units].reshape(
                    len(at), -1, SAMPLES if pattern == "sample" else 1
                )
                signals[name], begin = torch.from_numpy(x * kept), begin + units
            with torch.no_grad():
                expected = model(signals).logits.softmax(1)[:, 1]
            torch.testing.assert_close(
                torch.tensor([row["high"] for row in mine]), expected, atol=1e-5, rtol=0
            )


def test_a_method_starts_every_stream_as_trained_with_its_chosen_constants(done):
    world, answers, _ = done
    stream = streams_of(world)[2]
    masks = draw(stream.segments, ORDERED, SAMPLES, 0.8, SEED, "sample")
    plain = AdaptationSettings.model_validate(ADAPTATION)
    for name in ("tent", "eata", "bim_tta"):
        settings = tuned(plain, name, CHOSEN.get(name))
        found = run_stream(stream.method(name, settings), stream.batches(masks, 4)).probabilities[:, 1]
        mine = rows(answers, fold=stream.fold.name, pattern="sample", ratio=0.8, method=name)
        assert [row["high"] for row in mine] == found.tolist()
        if name in CHOSEN:
            other = run_stream(stream.method(name, plain), stream.batches(masks, 4)).probabilities[:, 1]
            assert not torch.equal(other, found)


def test_chosen_constants_take_the_place_of_the_methods_own_alone():
    plain = AdaptationSettings.model_validate(ADAPTATION)
    settings = tuned(plain, "bim_tta", {"learning_rate": 0.5, "entropy_margin": None})
    assert settings.bim_tta.learning_rate == 0.5
    assert settings.bim_tta.entropy_margin == plain.bim_tta.entropy_margin
    assert settings.model_dump(exclude={"bim_tta"}) == plain.model_dump(exclude={"bim_tta"})
    assert tuned(plain, "tent", None) == tuned(plain, "none", {}) == plain


def test_twice_is_the_same_to_the_last_bit(done, tmp_path):
    world = SimpleNamespace(**{**vars(done[0]), "settings": {**done[0].settings, "methods": METHODS[3:]}})
    world.adapted, world.streams = tmp_path / "a.parquet", tmp_path / "s.parquet"
    for found, before in zip(adapted(world), done[1:], strict=True):
        assert found.to_pylist() == [row for row in before.to_pylist() if row["method"] in METHODS[3:]]


def test_no_label_of_a_test_segment_is_looked_at(done, tmp_path):
    """All ratings are others: those of what a fold tests, and those of what it learnt from."""

    def other(dimension, subject, trial):
        return middling(dimension, subject, trial) + (-4.0 if trial in ("v0", "v3") else 1.5)

    world = fewer(tmp_path, other)
    old, new = (open_store(w.epochs).index.labels["valence"] for w in (done[0], world))
    assert (old[~np.isnan(old)] != new[~np.isnan(new)]).all()
    assert same_streams(adapted(world), done)


def test_a_killed_job_goes_on_and_ends_as_an_undisturbed_one(done, tmp_path, monkeypatch):
    world = fewer(tmp_path)
    seen = killed_at(monkeypatch, stage, "adapt_fold", 3)
    with pytest.raises(KeyboardInterrupt):
        adapt(world)
    assert not world.adapted.exists() and not world.streams.exists()
    kept = resume_folder(world.adapted)
    assert sorted(path.name for path in kept.iterdir()) == [
        f"{n}.{what}.parquet" for n in (0, 1) for what in ("adapted", "streams")
    ]
    (kept / "1.streams.parquet").write_bytes(b"PAR1 and no more")
    again = adapted(world)
    names = [stream.fold.name for stream, *_ in seen]
    assert names[3:] == [names[1], names[2], "deap-s02-1"]
    assert same_streams(again, done)
    assert again[0].schema.equals(ADAPTED) and again[1].schema.equals(STREAMS)
    assert not kept.exists()


@pytest.mark.parametrize(
    ("kept", "names"), [(0, ["reference"]), (1, ["numba", "reference"]), (4, ["numba"])], ids=str
)
def test_the_card_of_a_resumed_job_names_the_scan_backends_of_all_its_folds(
    tmp_path, monkeypatch, kept, names
):
    """Of four, ``kept`` were done before the kill."""
    world = fewer(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        seen = killed_at(patch, stage, "adapt_fold", kept + 1)
        killed_at(patch, stage, "write_parquet", 1)
        adapt(world)
    assert len(seen) == min(kept + 1, 4)
    without_numba(monkeypatch)
    adapt(world)
    for out in (world.adapted, world.streams):
        assert read_parquet_card(out)["scan_backends"] == names


def test_folds_kept_without_names_of_scan_backends_are_taken_up(tmp_path, monkeypatch):
    world = fewer(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(stage.FinishedFolds, "clear", lambda self: None)
        adapt(world)
    for file in resume_folder(world.adapted).glob("0.*"):
        card, table = read_parquet_card(file), read_parquet(file)
        assert card.pop("scan_backends") == ["numba"]
        write_parquet(file, table, table.schema, card)
    monkeypatch.setattr(stage, "adapt_fold", None)
    adapt(world)
    assert read_parquet_card(world.adapted)["scan_backends"] == ["numba"]


def test_a_scan_backend_that_cannot_run_is_named_by_its_own_key(tmp_path):
    world = fewer(tmp_path)
    world.settings["training"] = {**world.settings["training"], "scan_backend": "mamba_ssm"}
    with pytest.raises(ConfigError, match=r"'mamba_ssm' cannot run here: .*cpu") as error:
        adapt(world)
    assert error.value.where == "biosignals.training.scan_backend"


def test_what_was_kept_for_other_settings_is_not_taken_up(tmp_path, monkeypatch):
    world = fewer(tmp_path)
    seen = killed_at(monkeypatch, stage, "adapt_fold", 2)
    with pytest.raises(KeyboardInterrupt):
        adapt(world)
    world.chosen = {"eata": {"learning_rate": 0.02}}
    adapted(world)
    assert [stream.fold.name for stream, *_ in seen[2:]] == FoldRuns(world.run_dir).names


def test_the_card_says_what_the_answers_are_made_of(done):
    world, _, _ = done
    card = read_parquet_card(world.adapted)
    assert card == read_parquet_card(world.streams)
    assert card["stage"] == "adaptation/trials" and card["settings"]["seed"] == SEED
    assert card["settings"]["chosen"] == CHOSEN and card["settings"]["adaptation"] == ADAPTATION
    assert len(card["inputs"]) == 2 + len(world.masks)
    assert card["scan_backends"] == ["numba"] and card["extra"]["run"]["stage"] == "training/trials"


def test_eata_looks_back_at_whole_training_segments_as_many_as_set(done, monkeypatch):
    world, _, _ = done
    stream, taken = streams_of(world)[0], []

    def spied(name, model, settings, source=None):
        taken.append([dict(batch) for batch in source])
        return build_method(name, model, settings, taken[-1])

    monkeypatch.setattr(fold_stream, "build_method", spied)
    numbers = rows_learnt(stream.store.index, stream.fold)
    everything = stream.data.values(numbers)["eeg"]
    for wanted in (4, 1000):
        settings = AdaptationSettings.model_validate({"eata": {"fisher_samples": wanted, "fisher_batch": 3}})
        stream.method("eata", settings)
        found = torch.cat([batch["eeg"] for batch in taken[-1]])
        assert len(found) == min(wanted, len(numbers)) and len(taken[-1][0]["eeg"]) == 3
        places = [int((everything == x).all(dim=(1, 2)).nonzero()) for x in found]
        assert len(set(places)) == len(places) and places != sorted(places)


def test_a_fold_over_several_subjects_streams_them_together(tmp_path):
    shards = [write_shard(tmp_path / f"s0{n}.h5", [f"s0{n + 1}"]) for n in (0, 1)]
    settings = run_settings(protocol={**PROTOCOL, "protocol": "pooled"})
    missing = {"patterns": ["modality"], "ratios": [0.5]}
    world = SimpleNamespace(
        settings={**settings, "methods": ["none", "tent"]}, adaptation=ADAPTATION, missing=missing, chosen={},
        epochs=shards,
        run_dir=write_run(tmp_path / "runs", shards, settings, "f01"), adapted=tmp_path / "a.parquet",
        masks=[file for shard in shards for file in write_masks_of(tmp_path, shard, missing)],
        streams=tmp_path / "s.parquet",
    )  # fmt: skip
    answers, streams = adapted(world)
    assert {row["fold"] for row in streams.to_pylist()} == {"pooled-1"}
    assert {row["subject"] for row in streams.to_pylist()} == {""}
    assert {row["subject"] for row in answers.to_pylist()} == {"s01", "s02"}
    world.masks = world.masks[:1]
    world.chosen = {"tent": {"learning_rate": 1.0}}
    with pytest.raises(DataError, match="no mask for segment deap/s02"):
        adapt(world)


def test_what_does_not_belong_together_is_refused(done, tmp_path):
    world = SimpleNamespace(**vars(done[0]))
    world.adapted, world.streams = tmp_path / "a.parquet", tmp_path / "s.parquet"
    world.settings = {**world.settings, "seed": 6}
    with pytest.raises(DataError, match="a run of bimamba_tta-deap_valence seed 5"):
        adapt(world)
    world.settings = done[0].settings
    world.epochs = [write_shard(tmp_path / "s00.h5", ["s01"])]
    with pytest.raises(DataError, match="fold deap-s02-0"):
        adapt(world)
    world.epochs = done[0].epochs
    world.settings = {**world.settings, "methods": ["none", "cotta"]}
    with pytest.raises(ConfigError, match="no method of this name"):
        adapt(world)


def test_the_code_of_every_method_counts():
    used = set(REGISTERED.values())
    assert used <= set(adaptation_modules("bimamba_tta", REGISTERED))
    assert used <= set(choice_modules(["bimamba_tta"], REGISTERED))


def test_folds_that_test_development_subjects_alone_are_not_adapted_to(tmp_path):
    """They chose the constants; a part of nobody else gives tables without a row."""
    world = fewer(tmp_path)
    for left_out, held in ((["deap/s01"], {"s02"}), (["deap/s01", "deap/s02"], set())):
        adapt(world, left_out)
        answers, streams = read_parquet(world.adapted), read_parquet(world.streams)
        assert {row["subject"] for row in answers.to_pylist()} == held
        assert {row["subject"] for row in streams.to_pylist()} == held
        assert answers.schema.equals(ADAPTED) and streams.schema.equals(STREAMS)
