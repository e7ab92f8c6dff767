"""The choice of step sizes and margins: on development subjects alone, the best, of equals the authors'."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from affectssm.adaptation.build import build_method
from affectssm.adaptation.fold_stream import FoldStream, tuned
from affectssm.adaptation.missing import draw
from affectssm.adaptation.stream import run_stream
from affectssm.errors import DataError
from affectssm.families.biosignals.stages import choose as stage
from affectssm.families.biosignals.stages.choose import choose, grid
from affectssm.families.biosignals.stages.chosen import Chosen, read_chosen
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.biosignals import ChoiceSettings, ProtocolSettings
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.run_files import resume_folder
from affectssm.training.segments import development_groups
from tests.families.biosignals.run_world import (
    LOOSE,
    METHODS,
    ORDERED,
    PROTOCOL,
    SEED,
    choosing,
    middling,
    run_settings,
    write_run,
    write_shard,
)
from tests.killed import killed_at
from tests.models.physio import SAMPLES, segments, trained
from tests.ssm.elsewhere import without_numba

SUBJECTS = ("s01", "s02", "s03")
ADAPTATION = AdaptationSettings.model_validate({"batch": 4, **LOOSE}).model_dump(mode="json")
PLAIN = AdaptationSettings.model_validate(ADAPTATION)
CHOICE = {
    "development_subjects": 1,
    "factors": [1.0, 30.0, 100.0],
    "entropy_margins": [0.4, 0.8],
    "ratios": [0.5, 0.8],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Epochs, and runs of both dimensions."""
    folder = tmp_path_factory.mktemp("choice")
    shard = write_shard(folder / "s00.h5", SUBJECTS)
    runs = [write_run(folder / "runs", [shard], run_settings(name)) for name in ("valence", "arousal")]
    store = open_store([shard])
    ((_, developed),) = development_groups(store.index, 1)
    return shard, runs, developed


def asked(methods, adaptation=ADAPTATION, **changes):
    return choosing(methods=methods, adaptation=adaptation, choice={**CHOICE, **changes})


def chosen(tmp_path, runs, shard, methods=METHODS, **changes) -> dict:
    out = tmp_path / "chosen.json"
    choose(asked(methods, **changes), [shard], runs, out)
    return json.loads(out.read_text())


def rated(tmp_path, rating):
    """The same epochs under other ratings."""
    return write_shard(tmp_path / "s00.h5", SUBJECTS, rating)


def answers(shard, run_dir, subject, method, setting, ratio) -> dict[tuple[str, int], bool]:
    """(trial, epoch) -> whether a method answers high, over all folds of a subject."""
    runs, store = FoldRuns(run_dir), open_store([shard])
    found = {}
    protocol = ProtocolSettings.model_validate(runs.settings["protocol"])
    folds = rated_folds(store.index, protocol, runs.part, runs.settings["dimension"])
    for fold in runs.folds(folds):
        stream = FoldStream(runs, store, fold)
        if stream.keys[0][1] != subject:
            continue
        masks = draw(stream.segments, ORDERED, SAMPLES, ratio, SEED)
        done = run_stream(stream.method(method, tuned(PLAIN, method, setting)), stream.batches(masks, 4))
        for (_, _, trial), number, p in zip(stream.keys, stream.rows, done.probabilities, strict=True):
            found[trial, int(store.index.number[number])] = bool(p[1] > 0.5)
    return found


def test_the_improvement_is_that_of_accuracy_over_none_in_points(world, tmp_path):
    shard, runs, subject = world
    found = chosen(tmp_path, runs, shard, ["none", "tent"])
    assert found["development_subjects"] == [f"deap/{subject}"]
    none = {
        (run, ratio): answers(shard, run, subject, "none", None, ratio)
        for run in runs
        for ratio in CHOICE["ratios"]
    }
    for line in found["tried"]:
        gains = []
        for dimension, run in zip(("valence", "arousal"), runs, strict=True):
            for ratio in CHOICE["ratios"]:
                right = []
                setting = {"learning_rate": line["learning_rate"]}
                for given in (answers(shard, run, subject, "tent", setting, ratio), none[run, ratio]):
                    right.append(
                        np.mean(
                            [(middling(dimension, subject, t) > 5) == high for (t, _), high in given.items()]
                        )
                    )
                gains.append(100 * (right[0] - right[1]))
        assert line["improvement"] == pytest.approx(np.mean(gains), abs=1e-9)
        assert (line["method"], line["entropy_margin"], line["folds"]) == ("tent", None, 4)
    rates = [line["learning_rate"] for line in found["tried"]]
    assert rates == pytest.approx([0.001, 0.03, 0.1])
    assert len({line["improvement"] for line in found["tried"]}) > 1
    best = max(line["improvement"] for line in found["tried"])
    assert found["chosen"]["tent"]["learning_rate"] in [
        line["learning_rate"] for line in found["tried"] if line["improvement"] == best
    ]


def test_labels_of_all_other_subjects_are_ignored_and_those_of_development_are_not(world, tmp_path):
    shard, runs, subject = world
    methods, once = ["none", "tent", "tltta"], {"factors": [100.0], "entropy_margins": [0.8]}

    def mirrored(mine):
        return lambda d, s, t: 10 - middling(d, s, t) if (s == subject) == mine else middling(d, s, t)

    before = chosen(tmp_path, runs, shard, methods, **once)
    others = chosen(tmp_path, runs, rated(tmp_path / "a", mirrored(False)), methods, **once)
    own = chosen(tmp_path, runs, rated(tmp_path / "b", mirrored(True)), methods, **once)
    assert others["chosen"] == before["chosen"] and others["tried"] == before["tried"]
    # with every label exchanged, every gain is a loss
    assert [line["improvement"] for line in own["tried"]] == [
        -line["improvement"] for line in before["tried"]
    ]
    assert any(line["improvement"] for line in own["tried"])


def test_a_pooled_fold_streams_the_segments_of_development_subjects_alone(world, tmp_path):
    _, _, subject = world
    pooled = run_settings(protocol={**PROTOCOL, "protocol": "pooled"})
    found = []
    for number in (0, 1):

        def rating(dimension, name, trial, exchanged=number):
            known = middling(dimension, name, trial)
            return 10 - known if exchanged and name != subject else known

        shard = rated(tmp_path / str(number), rating)
        run = write_run(tmp_path / str(number), [shard], pooled, "f00")
        found.append(chosen(tmp_path, [run], shard, ["none", "tent"], factors=[30.0, 100.0])["tried"])
    assert found[0] == found[1] and found[0][0]["folds"] == 1
    assert any(line["improvement"] for line in found[0])


def test_every_method_but_none_is_tried_with_its_grid(world, tmp_path):
    shard, runs, _ = world
    found = chosen(tmp_path, runs[:1], shard, factors=[1.0], ratios=[0.8])
    tried = [(line["method"], line["entropy_margin"]) for line in found["tried"]]
    assert tried == [
        ("tent", None), ("eata", 0.8), ("eata", 0.4), ("read", None), ("tltta", None), ("bim_tta", None),
    ]  # fmt: skip
    assert sorted(found["chosen"]) == sorted(METHODS[1:])
    assert set(found["chosen"]["tent"]) == {"learning_rate"}
    assert set(found["chosen"]["eata"]) == {"learning_rate", "entropy_margin"}
    assert found["card"]["stage"] == "adaptation/choose" and "reason" not in found
    assert read_chosen(tmp_path / "chosen.json") == Chosen(found["chosen"], found["development_subjects"])


def test_of_equals_the_nearest_to_the_authors_constants_is_chosen(world, tmp_path):
    """Steps too small to change an answer."""
    shard, runs, _ = world
    still = {name: {"learning_rate": 1e-12} for name in ("tent", "eata", "tltta")}
    given = AdaptationSettings.model_validate(
        {"batch": 4, **still, "eata": {"entropy_margin": 0.8, "learning_rate": 1e-12}}
    )
    out = tmp_path / "chosen.json"
    told = asked(["none", *still], given, factors=[10.0, 0.1, 1.0], entropy_margins=[0.6, 0.4, 0.8])
    choose(told, [shard], runs[:1], out)
    assert {line["improvement"] for line in json.loads(out.read_text())["tried"]} == {0.0}
    assert read_chosen(out).chosen == {
        "tent": {"learning_rate": 1e-12},
        "eata": {"learning_rate": 1e-12, "entropy_margin": 0.8},
        "tltta": {"learning_rate": 1e-12},
    }


def test_a_grid_begins_at_the_authors_constants():
    asked = ChoiceSettings(factors=(0.1, 10.0, 1.0, 100.0), entropy_margins=(0.4, 0.8))
    rates = [setting["learning_rate"] for setting in grid(PLAIN, "read", asked)]
    assert rates == pytest.approx([1e-4, 1e-5, 1e-3, 1e-2])
    pairs = [(s["learning_rate"], s["entropy_margin"]) for s in grid(AdaptationSettings(), "eata", asked)]
    assert pairs[:3] == [(2.5e-4, 0.8), (2.5e-4, 0.4), (pytest.approx(2.5e-5), 0.8)] and len(pairs) == 8


@pytest.mark.parametrize(
    ("count", "kept", "reason"),
    [(0, 2, "no development subjects"), (1, 0, "no run tests a development subject")],
)
def test_without_anybody_to_choose_on_the_authors_constants_stand(world, tmp_path, count, kept, reason):
    shard, runs, subject = world
    found = chosen(tmp_path, runs[:kept], shard, development_subjects=count)
    assert found["chosen"] == {} and found["tried"] == [] and reason in found["reason"]
    assert found["development_subjects"] == ([f"deap/{subject}"] if count else [])


def test_runs_that_test_nobody_of_development_change_nothing(world, tmp_path):
    shard, runs, subject = world
    rest = write_shard(tmp_path / "s01.h5", ["s04"])
    more = write_run(tmp_path / "runs", [rest], run_settings(), "s01")
    store = open_store([shard, rest])
    assert development_groups(store.index, 1) == {("deap", subject)}
    out = tmp_path / "chosen.json"
    once = {"factors": [30.0], "ratios": [0.5]}
    choose(asked(["none", "tent"], **once), [rest, shard], [more, *runs], out)
    both = json.loads(out.read_text())
    assert both["tried"] == chosen(tmp_path, runs, shard, ["none", "tent"], **once)["tried"]


def test_a_killed_choice_goes_on_and_ends_as_an_undisturbed_one(world, tmp_path, monkeypatch):
    shard, runs, _ = world
    asked = (tmp_path, runs, shard, METHODS[:3])
    few = {"factors": [1.0, 30.0], "entropy_margins": [0.8], "ratios": [0.8]}
    undisturbed = chosen(*asked, **few)
    seen = killed_at(monkeypatch, stage, "try_fold", 4)
    (tmp_path / "chosen.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        chosen(*asked, **few)
    kept = resume_folder(tmp_path / "chosen.json")
    assert len(list(kept.iterdir())) == 3 and not (tmp_path / "chosen.json").exists()
    again = chosen(*asked, **few)
    names = [(stream.runs.folder, stream.fold.name) for stream, *_ in seen]
    assert names[4:] == [names[3]]
    assert again["tried"] == undisturbed["tried"] and again["card"]["id"] == undisturbed["card"]["id"]
    assert not kept.exists()


@pytest.mark.parametrize(
    ("kept", "names"), [(0, ["reference"]), (1, ["numba", "reference"]), (2, ["numba"])], ids=str
)
def test_the_card_of_a_resumed_choice_names_the_scan_backends_of_all_its_folds(
    world, tmp_path, monkeypatch, kept, names
):
    """Of two, ``kept`` were done before the kill."""
    shard, runs, _ = world
    asked = (tmp_path, runs[:1], shard, METHODS[:2])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        seen = killed_at(patch, stage, "try_fold", kept + 1)
        killed_at(patch, stage, "write_json", 1)
        chosen(*asked, ratios=[0.8])
    folder = resume_folder(tmp_path / "chosen.json")
    assert len(seen) == min(kept + 1, 2) and len(list(folder.glob("*"))) == kept
    without_numba(monkeypatch)
    assert chosen(*asked, ratios=[0.8])["card"]["scan_backends"] == names


def test_a_choice_that_is_none_is_refused(tmp_path):
    (tmp_path / "chosen.json").write_text("[]")
    for path in (tmp_path / "chosen.json", tmp_path / "absent.json"):
        with pytest.raises(DataError, match="choose again"):
            read_chosen(path)


@pytest.mark.parametrize("name", METHODS[1:])
def test_a_retuned_method_is_a_fresh_one_with_those_constants(name):
    settings = tuned(PLAIN, name, {"learning_rate": 0.02})
    batches, source = [segments(6, seed=seed) for seed in (1, 2)], [segments(8, seed=9)]
    held = build_method(name, trained(torch.float32), PLAIN, source)
    before = run_stream(held, batches).probabilities
    held.retune(settings)
    found = run_stream(held, batches).probabilities
    fresh = run_stream(build_method(name, trained(torch.float32), settings, source), batches).probabilities
    assert torch.equal(found, fresh) and not torch.equal(found, before)
