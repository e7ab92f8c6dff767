"""Experiments by name, and what their jobs are told."""

from __future__ import annotations

import json

import pytest

from affectssm.errors import ConfigError
from affectssm.families.base import answer
from affectssm.families.configuration import load_config
from affectssm.families.video.catalogue import experiments_of, seeds_of
from affectssm.families.video.experiments import VARIANTS, Experiment, run_settings
from affectssm.plan.plan import Plan
from affectssm.store.code import reachable
from affectssm.vocabulary.stages import video_training_modules
from affectssm.vocabulary.targets import load

PLAIN = Experiment("", "mae", (0, 1))


def config(**video):
    return load_config({"families": ["video"], "corpora": {"affwild2": {"root": "demo"}}, "video": video})


def test_an_experiment_is_named_by_all_that_sets_it_apart():
    assert PLAIN.name == "mamba_va-mae" and PLAIN.parts == {"fold0": 0, "fold1": 1}
    assert Experiment("frame", "mae_video", (0,)).name == "mamba_va+frame-mae_video"
    assert Experiment("", "mae", (1, 2)).name == "mamba_va-mae-cross"


def test_controls_have_seeds_of_their_own_on_the_official_split_alone():
    asked = config(seeds=[1], control_seeds=[1, 2])
    assert seeds_of("affwild2_va", asked) == (1,) and seeds_of("affwild2_controls", asked) == (1, 2)
    assert {one.folds for one in experiments_of("affwild2_controls", asked)} == {(0,)}
    first = experiments_of("affwild2_controls", asked)[0]
    assert first in experiments_of("affwild2_va", asked), "its runs are shared"


def test_sources_have_a_row_each():
    found = experiments_of("affwild2_va", config(sources=["mae", "mae_video"], rows=["tcn"], folds=[0, 1]))
    assert [one.name for one in found] == [
        "mamba_va-mae",
        "mamba_va-mae-cross",
        "mamba_va-mae_video",
        "mamba_va-mae_video-cross",
        "mamba_va+tcn-mae",
        "mamba_va+tcn-mae_video",
    ]


@pytest.mark.parametrize(
    ("variant", "changed"),
    [
        ("frame", {"model_settings.parts": "frame"}),
        ("tcn", {"model_settings.parts": "tcn"}),
        ("mamba", {"model_settings.parts": "mamba"}),
        ("bidirectional", {"model_settings.bidirectional": True}),
        ("other_init", {"model_settings.init": "charon"}),
        ("other_fill", {"forward_fill": False}),
        ("reported", {"selection": "reported"}),
        ("exchanged", {"exchanged": True}),
    ],
)
def test_a_variant_changes_its_switch_alone(variant, changed):
    def flat(told):
        return {**told, **{f"model_settings.{name}": value for name, value in told["model_settings"].items()}}

    full = flat(run_settings(config(), PLAIN, 0, 1))
    other = flat(run_settings(config(), Experiment(variant, "mae", (0,)), 0, 1))
    found = {name: other[name] for name in other if other[name] != full[name]}
    assert found.pop("variant") == variant and found.pop("experiment") == f"mamba_va+{variant}-mae"
    found.pop("model_settings", None)
    assert found == changed


def test_every_variant_is_tried_here():
    tried = test_a_variant_changes_its_switch_alone.pytestmark[0].args[1]
    assert {variant for variant, _ in tried} == VARIANTS.keys() - {""}


def test_folds_have_the_windows_and_rates_of_their_recipe():
    asked = config()
    official, cross = (run_settings(asked, PLAIN, fold, 1) for fold in (0, 1))
    assert official["learning_rate"] == asked.video.official.learning_rate
    assert cross["learning_rate"] == asked.video.cross.learning_rate
    assert cross["model_settings"]["dropout"] == asked.video.cross.dropout


def test_a_run_is_told_nothing_of_tables_and_other_folds():
    one = run_settings(config(), PLAIN, 0, 1)
    other = config(seeds=[1, 9], rows=["tcn"], folds=[0], overlap=0.25)
    assert run_settings(other, Experiment("", "mae", (0,)), 0, 1) == one


def test_editing_tables_or_the_catalogue_retrains_nothing():
    code = reachable(*video_training_modules("mamba_va"))
    assert "affectssm.families.video.stages.models.mamba_va" in code
    assert "affectssm.families.video.stages.folds" in code
    assert not {name for name in code if ".tables" in name or name.endswith(("experiments", "catalogue"))}
    assert "affectssm.families.video.stages.evaluate" not in code


def test_every_job_is_told_what_its_model_knows_and_writes_it_as_it_was_told():
    plan = Plan({"families": ["video"], "corpora": {"affwild2": {"root": "demo-tiny"}}})
    family = next(job.family for job in plan.jobs if job.family.name == "video")
    for experiment in family.experiments:
        for part in family.experiment(experiment).parts:
            known = {
                "experiment": experiment,
                "part": part,
                "task": family.task(experiment, part),
                "seed": "1",
            }
            for step in family.steps:
                told = json.loads(json.dumps(answer([family], step.settings, known | {"seeds": [1, 2]})))
                assert load(step.model).model_validate(told).told() == told


def test_scores_and_traces_are_written_together_and_tables_are_made_of_the_scores():
    plan = Plan({"families": ["video"], "corpora": {"affwild2": {"root": "demo-tiny"}}})
    family = next(job.family for job in plan.jobs if job.family.name == "video")
    evaluation = next(step for step in family.steps if step.name == "evaluate")
    scores, traces = evaluation.writes.values()
    assert next(iter(evaluation.writes)) == "out" and "/seeds-" in scores
    assert traces == scores.replace("/seeds-", "/traces-")


@pytest.mark.parametrize(
    ("lacks", "video", "said"),
    [
        (["crops"], {}, "mae, of crops.*[mae_video]"),
        (["videos"], {"sources": ["mae_sound"]}, "mae_sound, of videos.*[mae]"),
        (["train"], {}, "has train.*leave 0 out of video.folds"),
        (["train", "val"], {}, "has train, val"),
    ],
)
def test_what_a_source_or_the_official_fold_needs_is_asked_for_before_anything_runs(lacks, video, said):
    given = {"families": ["video"], "corpora": {"affwild2": {"root": "/data", "lacks": lacks}}}
    with pytest.raises(ConfigError) as caught:
        load_config(given | {"video": video})
    for part in said.split(".*"):
        assert part in str(caught.value)


def test_what_is_not_needed_may_be_lacking():
    given = {"families": ["video"], "corpora": {"affwild2": {"root": "/data", "lacks": ["videos", "test"]}}}
    assert load_config(given)
    given["corpora"]["affwild2"]["lacks"] = ["crops", "train"]
    assert load_config(given | {"video": {"sources": ["mae_video"], "folds": [1, 2], "rows": []}})
