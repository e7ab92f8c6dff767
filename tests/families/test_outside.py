"""Families that come from outside: found by module or entry point, refused in words, and covered by the code hash."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from affectssm.cli import main
from affectssm.errors import ConfigError
from affectssm.families.configuration import load_config
from affectssm.families.registry import find
from affectssm.plan import asked
from affectssm.plan.costs import START_S
from affectssm.plan.estimate import Estimate
from affectssm.plan.plan import Plan
from affectssm.store.code import code_hash
from affectssm.vocabulary import corpora, faults, features, outside, tables
from tests import stages
from tests.killed import killed_at

TESTS = Path(__file__).parents[1]
LAB = {"families": ["dialogue", "biosignals", "video", "clips", "recordings", "minilab"]}
KNOWN = (
    corpora.CORPORA, corpora.DEMOS, features.FEATURES, tables.PAGES, faults.CODES, outside._BROUGHT,
)  # fmt: skip


_WITH = "from minilab.family import Clips\nclass FAMILY(Clips):\n    {}"
_WITH_STEP = "import dataclasses\n" + _WITH.format(
    "steps = (dataclasses.replace(Clips.steps[0], {}), *Clips.steps[1:])"
)
_WITH_NEED = "from affectssm.vocabulary.needs import Need, everywhere\n" + _WITH_STEP.format(
    "needs=everywhere(Need({}))"
)


@pytest.fixture(autouse=True)
def lab(monkeypatch, tmp_path):
    """A folder on the path with a copy of minilab; what a test makes known is forgotten after it."""
    folder = tmp_path / "lab"
    shutil.copytree(TESTS / "minilab", folder / "minilab")
    monkeypatch.syspath_prepend(str(folder))
    before = [dict(known) for known in KNOWN]
    yield folder
    for known, kept in zip(KNOWN, before, strict=True):
        known.clear()
        known.update(kept)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("minilab", "theirlab")]:
        del sys.modules[name]


def theirlab(folder: Path, text: str) -> dict:
    """Write a module that is to hold a family; return the configuration that names it."""
    (folder / "theirlab.py").write_text(textwrap.dedent(text))
    return {"families": ["dialogue", "biosignals", "minilab", "theirlab"]}


def test_a_family_of_a_module_has_its_section_scales_corpora_jobs_and_tables():
    plan = Plan(LAB | {"scale": "tiny", "mini": {"ridges": [1, 10]}})
    clips = plan.families["mini"]
    assert list(clips.experiments) == ["ridge1-mini-demo", "ridge10-mini-demo"]
    assert plan.config.mini.seeds == (1,) and plan.config.mini.members == 5
    assert plan.owners["mini"] is clips and plan.tables.owners["mini_mae"] is clips
    assert {job.rule for job in plan.jobs} >= {
        "train_mini",
        "predict_mini",
        "evaluate_mini",
        "train_dialogue",
    }
    with pytest.raises(ConfigError, match="did you mean ridges"):
        load_config(LAB | {"mini": {"ridge": [1]}})


def test_nothing_of_the_others_runs_again_when_a_family_arrives():
    alone, beside = Plan({}), Plan(LAB)
    assert alone.checks.items() <= beside.checks.items()
    for one, other in zip(alone.jobs, beside.jobs, strict=False):
        assert one.rule == other.rule and one.outputs == other.outputs
        for name in one.family.experiments:
            if one.wildcards == ["experiment", "part", "seed"]:
                parts = getattr(one.family.experiment(name), "parts", ["main"])
                given = {"experiment": name, "part": next(iter(parts)), "seed": "1"}
                assert one.settings_words(given) == other.settings_words(given)
                assert one.code(given) == other.code(given)
    for corpus in alone.places.all:
        assert alone.places.discover_arguments(corpus) == beside.places.discover_arguments(corpus)
    for table in alone.tables.owners:
        assert alone.tables.table_arguments(table) == beside.tables.table_arguments(table)


def test_the_code_of_a_family_from_outside_counts_stage_by_stage(lab):
    names = ("minilab.train", "minilab.predict", "minilab.evaluate", "minilab.table:page")

    def hashes():
        from affectssm.store import code

        code._source.cache_clear()
        return {name: code_hash(name) for name in names}

    before = hashes()
    for module, changed in (
        ("train", {"minilab.train"}),
        ("family", set()),
        ("settings", set()),
        ("clips", set(names[:3])),
    ):
        file = lab / "minilab" / f"{module}.py"
        text = file.read_text()
        file.write_text(text + "\nEDITED = True\n")
        after = hashes()
        file.write_text(text)
        assert {name for name in names if after[name] != before[name]} == changed
    assert stages.hashes()  # the cache was emptied, not spoilt


def test_a_family_of_a_module_is_estimated_by_its_own_numbers():
    plan = asked.plan_of([], {"families": ["minilab"], "scale": "paper"})
    assert asked.describe(plan, ["mini_mae"], {"mini": "2000"}, {}, {}, {}) == []
    found = {stage.kind: stage for stage in Estimate(plan, ["mini_mae"]).stages}
    assert len(found["extract clip_vectors"].costs) == 4
    assert found["train_mini"].longest.hours * 3600 == pytest.approx(
        START_S + 0.02 * plan.config.mini.members
    )
    assert found["train_mini"].sure.startswith("scaled")
    job = next(one for one in plan.jobs if one.rule == "train_mini")
    assert [job.resources["mem_mb"]({}, attempt) for attempt in (1, 2)] == [2000, 4000]


def test_a_family_of_an_installed_package_comes_by_itself(lab):
    info = lab / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[affectssm.families]\nminis = minilab.family:Clips\n")
    plan = Plan({})
    assert plan.families["mini"].word == "minis"
    assert "--family minis" in plan.places.discover_arguments("mini")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise OSError('no licence')", "family theirlab(.|\n)*OSError: no licence(.|\n)*mend the module"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("x = 1", "no attribute 'FAMILY'"),
        ("FAMILY = 3", "FAMILY = 3(.|\n)*a subclass of affectssm.families.base.Family"),
        (
            "from affectssm.families.base import Family\nclass FAMILY(Family):\n    name = 'x'",
            "a description without corpora, tables, sections, steps, foresees, .*expected",
        ),
        (
            """
            import dataclasses
            from minilab.family import Clips
            class FAMILY(Clips):
                name, corpora, tables, demos, extractors, faults = "other", {}, {}, {}, (), {}
                steps = (dataclasses.replace(Clips.steps[0], code="hash_of_it"), *Clips.steps[1:])
            """,
            "family theirlab, step train(.|\n)*it asks for hash_of_it",
        ),
        (_WITH_STEP.format("run='minilab.train:fitt'"), "run of step train(.|\n)*no fitt in minilab.train, but fit"),
        (_WITH_STEP.format("run='minilab.trian:fit'"), "no module minilab.trian"),
        (_WITH_STEP.format("model='minilab.settings:RunSetting'"), "model of step train(.|\n)*but RunSettings"),
        (_WITH_STEP.format("out=''"), "minilab.train:fit takes settings, .*out(.|\n)*checkpoint, config, labels"),
        (_WITH_STEP.format("threads='cores'"), "it asks for cores"),
        (_WITH_NEED.format("cpu_s='hours'"), "it asks for hours"),
        (_WITH.format("tables = {'mini_mae': 'minilab.tabel:page'}"), "table mini_mae(.|\n)*no module minilab.tabel"),
        (_WITH.format("foresees = 'minilab.foreseen:nothing'"), "foresees(.|\n)*no nothing in minilab.foreseen"),
        (_WITH.format("name = 'mini-of-mine'"), "the name 'mini-of-mine'"),
        (_WITH.format("steps = Clips.steps[:1] * 2"), "the name 'train'"),
        (_WITH.format("settings = dict"), "settings = <class 'dict'>"),
        (
            "from minilab.family import Clips\nclass FAMILY(Clips):\n    name = 'features'",
            "it is called features, as a section that all share",
        ),
        (
            "from minilab.family import Clips\nclass FAMILY(Clips):\n    name = 'other'",
            "family theirlab(.|\n)*it brings a corpus mini, which minilab has",
        ),
        (
            """
            from minilab.family import Clips
            class FAMILY(Clips):
                name, corpora, demos, extractors, faults = "other", {}, {}, (), {}
                tables = {"noxi_ccc": "minilab.table:page"}
            """,
            "it brings a table noxi_ccc, which affectssm has",
        ),
        (
            """
            from minilab.family import Clips
            class FAMILY(Clips):
                corpora, tables, demos, extractors, faults = {}, {}, {}, (), {}
            """,
            "families minilab and theirlab(.|\n)*both are called mini",
        ),
    ],
)  # fmt: skip
def test_what_is_no_family_is_refused_in_words(lab, text, words):
    with pytest.raises(ConfigError, match=words):
        Plan(theirlab(lab, text))


def test_settings_that_a_step_s_model_refuses_are_refused_before_the_job_runs(lab):
    text = _WITH.format("def run_settings(self, experiment: str): return {'riddge': 1.0}")
    theirlab(lab, text)
    plan = Plan({"families": ["dialogue", "theirlab"]})
    train = next(job for job in plan.jobs if job.rule == "train_mini")
    with pytest.raises(ConfigError, match=r"what run_settings says for train_mini(.|\n)*did you mean ridge"):
        train.settings_words({"experiment": "ridge1-mini-demo", "part": "main", "seed": "1"})


def test_a_family_that_is_nowhere_is_refused_by_the_workflow_and_the_command_line(capsys):
    for word in ("mylab.tasks", "dialogues", "../x", ""):
        with pytest.raises(ConfigError, match=f"family {word}(.|\n)*one of dialogue, biosignals"):
            Plan({"families": ["dialogue", word]})
    assert main(["train", "mylab.tasks", "--out", "unused"]) == 1
    assert "family mylab.tasks" in capsys.readouterr().err
    assert main(["discover", "mini", "--family", "nolab", "--root", ".", "--out", "unused"]) == 1
    assert "family nolab" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["trian", "mylab.tasks"])
    assert "invalid choice: 'trian'" in capsys.readouterr().err


def test_a_step_of_a_broken_family_is_answered_with_what_is_broken(lab, capsys):
    theirlab(lab, "raise OSError('no licence')")
    assert main(["fuse", "theirlab", "--out", "unused"]) == 1
    assert "OSError: no licence" in capsys.readouterr().err


def test_a_killed_run_goes_on_with_the_next_resample(tmp_path, monkeypatch):
    Plan(LAB)
    from minilab import demo, train
    from minilab.settings import RunSettings

    from affectssm.corpora.discover import discover_corpus
    from affectssm.features.extract import Shard, extract_shard
    from affectssm.settings.corpora import settings_class
    from affectssm.training.run_files import CHECKPOINT, read_tensors

    demo.write_demo("mini-demo", tmp_path / "demo")
    root, place = tmp_path / "demo/mini", tmp_path / "corpora/mini-x"
    discover_corpus("mini", root, None, settings_class("mini")(), place)
    shard, tracks = Shard(place / "manifest.parquet", "s00", root), tmp_path / "features/mini-x"
    for feature in ("clip_vectors", "clip_sentiment"):
        extract_shard(
            feature, shard, {}, tracks / feature / "s00.h5", tracks / feature / "s00.faults.parquet"
        )
    told = RunSettings(experiment="x", ridge=1.0, members=4, seed=1)

    def fit(out):
        train.fit(told, [tracks], [tracks], place / "manifest.parquet", tmp_path / out)
        return read_tensors(tmp_path / out / CHECKPOINT)["weights"].numpy()

    whole = fit("runs/1")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        killed_at(patch, train, "solve", 3)
        fit("runs/2")
    with monkeypatch.context() as patch:
        calls = killed_at(patch, train, "solve", None)
        np.testing.assert_array_equal(fit("runs/2"), whole)
    assert len(calls) == 2
    assert not list(tmp_path.glob("runs/.*"))


@pytest.mark.parametrize(
    ("name", "target", "said"),
    [
        ("va_guess", "Vectors", '"mini", "affwild2"'),
        ("lab_py_feat_aus", "Vectors", ""),
        ("PyFeatVA", "Vectors", ""),
        ("face", "FaceMultitaskV2", ""),
    ],
)
def test_an_encoder_that_saw_a_corpus_is_refused_for_it(lab: Path, name: str, target: str, said: str) -> None:
    extractor = lab / "minilab" / "extractors.py"
    extractor.write_text(extractor.read_text() + "\nclass FaceMultitaskV2(Vectors):\n    pass\n")
    theirlab(
        lab,
        f"""
        from affectssm.vocabulary.features import Spec
        from minilab.family import Clips
        class FAMILY(Clips):
            corpora, demos, tables, faults = {{}}, {{}}, {{}}, {{}}
            extractors = (Spec("{name}", "minilab.extractors:{target}", "vectors", trained_on=({said})),)
        """,
    )
    find("theirlab")
    features.refuse_trained_on(["mae", "clip_face", "wav2vec2"], "affwild2")
    features.refuse_trained_on([name], "noxi")
    with pytest.raises(ConfigError, match=rf"(?s)feature {name}.*trained on labels of affwild2") as caught:
        features.refuse_trained_on(["mae", name], "affwild2")
    assert "leave it out" in caught.value.remedy
    assert features.trained_on(name)[-1] == "affwild2"
