"""Which experiments of clips there are, and what they are told."""

from __future__ import annotations

import pytest

from affectssm.errors import ConfigError
from affectssm.families.clips.catalogue import TABLES, experiments_of
from affectssm.families.clips.experiments import Experiment, run_settings
from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.task import recipe_of
from affectssm.families.configuration import load_config
from affectssm.plan.plan import Plan

MODELS = ["coupled_mamba", "tfn", "lmf", "mult"]


def names(table: str, **clips) -> list[str]:
    return [one.name for one in experiments_of(table, load_config({"scale": "paper", "clips": clips}))]


def told(name: str, **clips) -> RunSettings:
    config = load_config({"scale": "paper", "clips": clips})
    (one,) = {e for table in TABLES for e in experiments_of(table, config) if e.name == name}
    return RunSettings.model_validate(run_settings(config, one, [1]))


def test_each_table_has_its_papers_rows():
    ends = ("mosei_aligned_regression", "mosei_unaligned_regression")
    assert names("mosei_regression") == [f"{model}-{end}" for end in ends for model in MODELS]
    assert names("sims_classification") == [f"{model}-sims_unaligned_classification" for model in MODELS]
    assert names("mosei_classification") == [f"{model}-mosei_unaligned_classification" for model in MODELS]
    end = "-mosei_unaligned_regression"
    assert names("coupled_state") == [f"coupled_mamba{v}{end}" for v in ("+d_state_128", "", "+d_state_32")]
    assert names("coupled_timescale") == [f"coupled_mamba{v}{end}" for v in ("+dt_rank_8", "", "+dt_rank_32")]
    assert names("coupled_attention") == [f"attention_fusion{end}", f"coupled_mamba{end}"]
    couplings = [f"coupled_mamba+coupling_{c}{end}" for c in ("sum", "layerwise", "mix", "pairwise", "none")]
    fusions = [
        f"{model}{end}" for model in ("average_fusion", "concat_fusion", "mamba_fusion", "coupled_mamba")
    ]
    assert names("coupled_fusion") == [*fusions, *couplings]
    ways = ["exchanged", *(f"{how}_{m}" for how in ("only", "without") for m in ("text", "audio", "vision"))]
    assert names("coupled_controls") == [
        f"coupled_mamba{end}",
        *(f"coupled_mamba+{way}{end}" for way in ways),
    ]
    assert names("coupled_efficiency") == []


def test_a_text_encoder_that_is_tuned_is_a_row_a_source_that_has_tokens():
    asked = {"tune_text": True, "sources": {"mosei": ["glove", "aligned", "extracted"]}}
    found = [name for name in names("mosei_regression", **asked) if "tuned" in name]
    assert found == [f"coupled_mamba+tuned-mosei_{source}_regression" for source in ("aligned", "extracted")]
    own = told(found[0], **asked)
    assert own.read == ("tokens", "audio", "vision") and own.tuned is not None and own.left_out == ()
    plan = Plan({"clips": asked}).families["clips"]
    assert plan.cut_settings("aligned")["groups"]["tokens"] == ["tokens"]
    assert plan.cut_settings("extracted")["groups"]["tokens"] == ["bert_tokens"]
    assert "tokens" not in plan.cut_settings("glove")["groups"]


def test_variants_set_what_they_are_named_after_and_nothing_else():
    end = "-mosei_unaligned_regression"
    plain = told(f"coupled_mamba{end}")
    assert plain.left_out == plain.modalities == ("text", "audio", "vision") and plain.patterns[0] == ""
    for variant, changed in (
        ("d_state_32", {"d_state": 32}),
        ("coupling_pairwise", {"coupling": "pairwise"}),
    ):
        own = told(f"coupled_mamba+{variant}{end}")
        assert own.model_settings.model_dump() == plain.model_settings.model_dump() | changed
        assert own.left_out == () and own.modalities == plain.modalities
    assert told(f"coupled_mamba+only_audio{end}").modalities == ("audio",)
    assert told(f"coupled_mamba+without_audio{end}").modalities == ("text", "vision")


def test_recipes_are_the_papers_and_the_baselines_have_their_own():
    own = recipe_of(told("coupled_mamba-mosei_unaligned_regression"), 16326)
    assert (own["batch"], own["learning_rate"], own["steps_per_epoch"]) == (1024, 5e-4, 16)
    assert (own["steps"], own["halved_every"], own["coupled_decay"]) == (16 * 150, 16 * 50, True)
    assert (
        recipe_of(told("coupled_mamba-mosei_unaligned_regression", training={"halved_every": 0}), 1)[
            "halved_every"
        ]
        >= 150
    )
    mult = recipe_of(told("mult-mosei_unaligned_regression"), 16326)
    assert (mult["batch"], mult["learning_rate"], mult["steps_per_epoch"]) == (4, 5e-4, 4082)


def test_a_source_without_a_modality_has_no_control_of_it():
    asked = {
        "groups": {"mute": {"text": ["aligned_text"], "vision": ["aligned_vision"]}},
        "sources": {"mosei": ["mute"]},
    }
    asked["sources"] |= {"sims": ["mute"], "simsv2": ["mute"]}
    found = names("coupled_controls", **asked)
    ways = ("", "+exchanged", "+only_text", "+only_vision", "+without_text", "+without_vision")
    assert found == [f"coupled_mamba{way}-mosei_mute_regression" for way in ways]
    assert told("coupled_mamba-mosei_mute_regression", **asked).left_out == ("text", "vision")


def test_what_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="table"):
        experiments_of("mosei_regresion", load_config({}))
    with pytest.raises(ConfigError, match="smell"):
        load_config({"clips": {"groups": {"odd": {"smell": ["aligned_text"]}}}})
    with pytest.raises(ConfigError, match="nowhere"):
        load_config({"clips": {"sources": {"mosei": ["nowhere"]}}})
    assert experiments_of("mosei_regression", load_config({"corpora": {"mosei": {"root": "none"}}})) == []
    assert (
        Experiment("tfn", "sims", "unaligned", "regression", "odd").name
        == "tfn+odd-sims_unaligned_regression"
    )
