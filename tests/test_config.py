"""What a user reads when the configuration is wrong, and what a partial configuration means."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from affectssm.errors import ConfigError
from affectssm.families.configuration import default, load_config
from affectssm.settings.corpora import CorpusSettings
from affectssm.settings.dialogues import TrainingSettings
from affectssm.settings.load import overlay, slice_json, validate


def refusal(given) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(given)
    return caught.value


def write(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_the_demo():
    assert load_config() == load_config({}) == default()()
    assert load_config({}).corpora.noxi.root == "demo"


@pytest.mark.parametrize("scale", default().presets)
def test_every_scale_is_complete(scale):
    config = load_config({"scale": scale})
    assert config.dialogue.training.steps == config.presets[scale]["dialogue"]["training"]["steps"]


def test_a_value_of_the_users_wins_over_the_scale_and_null_does_not():
    training = {"steps": 77, "steps_per_epoch": None}
    config = load_config({"scale": "tiny", "dialogue": {"training": training}})
    assert config.dialogue.training.steps == 77
    assert config.dialogue.training.steps_per_epoch == 2


def test_a_partial_section_keeps_its_own_defaults():
    config = load_config({"corpora": {"noxi_add": {"root": "/data"}}, "features": {"wav2vec2": {"batch": 2}}})
    assert config.corpora.noxi_add == CorpusSettings(root="/data", shards=1)
    assert config.features.wav2vec2.model == load_config().features.wav2vec2.model


def test_an_empty_section_is_its_defaults_but_an_empty_root_is_refused():
    assert load_config({"corpora": None, "tables": None}) == load_config()
    error = refusal({"corpora": {"noxi": {"root": None}}})
    assert error.where.endswith("corpora.noxi.root")
    assert error.found == "null: nothing after the colon"


@pytest.mark.parametrize(
    ("given", "key", "meant"),
    [
        ({"corpra": {}}, "corpra", "corpora"),
        ({"corpora": {"noxy": {}}}, "corpora.noxy", "noxi"),
        ({"features": {"wieghts": "random"}}, "features.wieghts", "weights"),
        ({"dialogue": {"training": {"warmup": 3}}}, "dialogue.training.warmup", "warmup_steps"),
        ({"learning_rate": 1}, "learning_rate", "dialogue.training.learning_rate"),
        ({"features": {"clock_hz": 25}}, "features.clock_hz", "dialogue.clock_hz"),
    ],
)
def test_an_unknown_key_answers_with_the_nearest_known_one(given, key, meant):
    error = refusal(given)
    assert error.where == f"configuration: {key}"
    assert error.remedy == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("given", "key", "became"),
    [
        ({"experiments": {"seeds": [1]}}, "experiments", "it is dialogue now"),
        ({"physiology": None}, "physiology", "it is biosignals now"),
        ({"memory": {"device": "cpu"}}, "memory", "dialogue.memory"),
        ({"timeline": {"clock_hz": 25}}, "timeline", "dialogue.clock_hz"),
        ({"features": {"sources": ["extracted"]}}, "features.sources", "dialogue.sources"),
        ({"evaluation": {"scorer": "official"}}, "evaluation", "dialogue.scorer"),
        ({"evaluation": {"bootstrap": 2000}}, "evaluation", "without resampling"),
    ],
)
def test_a_key_of_an_earlier_version_is_answered_with_what_became_of_it(given, key, became):
    error = refusal(given)
    assert error.where == f"configuration: {key}" and "no more" in error.found
    assert became in error.remedy


def test_an_old_file_is_told_of_all_its_keys():
    error = refusal({"memory": {}, "experiments": {}, "physiology": {}})
    for words in ("it is dialogue now", "it is biosignals now", "it is dialogue.memory now"):
        assert words in error.remedy


def test_an_unknown_key_like_no_other_lists_what_there_is():
    error = refusal({"tables": {"zzz": 1}})
    assert (error.expected, error.remedy) == ("one of allow_incomplete", "remove the key")


@pytest.mark.parametrize(
    ("given", "key", "found", "expected"),
    [
        ({"scale": "tinny"}, "scale", "'tinny'", "one of paper, demo, tiny"),
        ({"scale": ["demo"]}, "scale", "['demo']", "one of paper, demo, tiny"),
        ({"dialogue": {"clock_hz": 50}}, "dialogue.clock_hz", "50", "one of 25, 100"),
        (
            {"dialogue": {"training": {"batch": 0}}},
            "dialogue.training.batch",
            "0",
            "a whole number, at least 1",
        ),
        (
            {"dialogue": {"models": ["da-mamba"]}},
            "dialogue.models[0]",
            "'da-mamba'",
            "one of da_mamba, dat",
        ),
        (
            {"dialogue": {"seeds": 3}},
            "dialogue.seeds",
            "3",
            "a list of: a whole number, at least 0, length at least 1",
        ),
        (
            {"dialogue": {"seeds": [1, 1]}},
            "dialogue.seeds",
            "[1, 1]",
            "a list that names each value once",
        ),
        (
            {"features": {"wav2vec2": {"int8": "maybe"}}},
            "features.wav2vec2.int8",
            "'maybe'",
            "true or false",
        ),
        ({"features": {"wav2vec2": 3}}, "features.wav2vec2", "3", "a section of 'key: value' lines"),
        (
            {"dialogue": {"da_mamba": {"heads": 3}}},
            "dialogue.da_mamba",
            "heads is 3",
            "heads that divide d_model (32)",
        ),
        ({"features": {"weights": "pretrained"}}, "features", "weights is pretrained", "weights: random"),
        (
            {"dialogue": {"training": {"learning_rate": float("inf")}}},
            "dialogue.training.learning_rate",
            "inf",
            "a number, above 0",
        ),
    ],
)
def test_a_wrong_value_names_key_finding_and_what_is_allowed(given, key, found, expected):
    error = refusal(given)
    assert error.where == f"configuration: {key}"
    assert error.found == found
    assert error.expected.startswith(expected)


@pytest.mark.parametrize("value", [True, False])
def test_a_switch_is_not_read_as_a_number_or_a_word(value):
    assert "switch" in refusal({"corpora": {"noxi": {"shards": value}}}).expected
    assert "switch" in refusal({"dialogue": {"seeds": [value]}}).expected
    with pytest.raises(ValidationError, match="switch"):
        CorpusSettings(root=value)


def test_a_misspelt_scale_is_not_buried_under_the_keys_it_decides():
    error = refusal({"scale": "papr"})
    assert error.where == "configuration: scale"
    assert error.remedy == "did you mean paper?"
    nulls = refusal({"scale": "papr", "corpora": {"noxi": {"shards": None}}})  # as config.yaml leaves them
    assert nulls.remedy == error.remedy


def test_several_mistakes_are_all_named():
    error = refusal({"tables": {"a": 1}, "timeline": {"clock_hz": 7}})
    assert "tables.a" in str(error)
    assert "dialogue.clock_hz" in str(error)


def test_an_exponent_without_a_point_is_a_number(tmp_path):
    # YAML 1.1 reads 3e-3 as text
    path = write(tmp_path, "dialogue: {training: {learning_rate: 3e-3}}")
    assert load_config(path).dialogue.training.learning_rate == 0.003


def test_files_are_laid_over_one_another(tmp_path):
    base = write(tmp_path, "scale: tiny\ndialogue: {seeds: [1, 2], adapt_steps: 5}\n", "base.yaml")
    lab = write(tmp_path, "dialogue:\n  seeds: [7]\n")
    config = load_config([base, lab])
    assert (config.scale, config.dialogue.seeds, config.dialogue.adapt_steps) == ("tiny", (7,), 5)
    assert overlay({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}


def test_an_empty_file_is_the_demo(tmp_path):
    assert load_config(write(tmp_path, "")) == load_config()
    assert load_config(write(tmp_path, "# nothing yet\n")) == load_config()


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("scale: demo: x\n", "line 1", "mapping values are not allowed here"),
        ("corpora:\n\tnoxi: x\n", "line 2", "found character '\\t'"),
        ("scale: demo\nscale: tiny\n", "line 2", "the key 'scale' a second time"),
        ("- scale\n", "lab.yaml", "a list"),
        ("corpora: {noxi: {root: [a}}\n", "line 1", "expected ',' or ']'"),
    ],
)
def test_a_file_that_is_not_yaml_says_where(tmp_path, text, where, found):
    error = refusal(write(tmp_path, text))
    assert "lab.yaml" in error.where
    assert where in error.where
    assert error.found.startswith(found)


def test_a_missing_file_and_a_file_in_latin_1_are_said(tmp_path):
    assert refusal(tmp_path / "none.yaml").found == "No such file or directory"
    path = tmp_path / "latin.yaml"
    path.write_bytes("# Universität\n".encode("latin-1"))
    assert "UTF-8" in refusal(path).found


def test_a_slice_is_canonical_and_comes_back():
    training = load_config({"scale": "tiny"}).dialogue.training
    text = slice_json(training)
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert validate(TrainingSettings, json.loads(text), "--settings") == training


def test_random_weights_at_paper_scale_are_refused_and_the_remedy_is_named():
    error = refusal({"scale": "paper", "features": {"weights": "random"}})
    assert error.found == "features.weights is random" and "scale: demo" in error.remedy
    assert load_config({"scale": "demo", "features": {"weights": "random", "size": "full"}})


def test_many_wrong_keys_stay_readable_and_each_that_is_named_has_its_nearest():
    given = {"corpra": {}, "featurs": {}, **{f"zz{number}": 1 for number in range(55)}}
    error = refusal(given)
    assert error.remedy.startswith(
        "did you mean corpora?; then look at featurs (did you mean features?), zz0"
    )
    assert error.remedy.endswith("and 52 more")
    deep = refusal({"dialogue": {"training": {f"zz{number}": 1 for number in range(55)}}})
    assert max(map(len, str(deep).splitlines())) < 260


def test_the_papers_recipe_is_the_papers():
    training = load_config({"scale": "paper"}).dialogue.training
    assert (training.learning_rate, training.batch, training.warmup_steps) == (5e-5, 128, 500)
    assert (training.clip_norm, training.ema_decay, training.lambda_align) == (5.0, 0.999, 0.4)


MINE = {"voice": {"audio": ["wav2vec2"]}}


def test_a_source_of_a_labs_own_comes_beside_those_there_are():
    own = load_config({"dialogue": {"groups": MINE, "sources": ["voice", "extracted"]}}).dialogue
    assert list(own.groups["voice"]["audio"]) == ["wav2vec2"] and own.sources == ("voice", "extracted")
    assert own.groups["extracted"] == load_config().dialogue.groups["extracted"]


@pytest.mark.parametrize(
    ("own", "key", "found", "expected"),
    [
        ({"sources": ["voice"]}, "sources", "'voice'", "sources of dialogue.groups that there are (extracted, "),
        ({"ablation_source": "x"}, "ablation_source", "'x'", "sources of dialogue.groups"),
        ({"groups": {"voice": {"audio": ["wav2vec"]}}}, "groups", "'wav2vec'", "features of voice that there are"),
        ({"groups": {"voice": {"audio": ["engagement"]}}}, "groups", "'engagement'", "features of voice"),
        ({"groups": {"voice": {"audio": ["eeg"]}}}, "groups", "'eeg'", "features of voice"),
        ({"groups": {"voice": {}}}, "groups", "voice: none", "sources that name each feature once"),
        (
            {"groups": {"voice": {"a": ["clip"], "b": ["clip"]}}},
            "groups",
            "voice: clip, clip",
            "sources that name each feature once",
        ),
        ({"groups": {"my-voice": {"a": ["clip"]}}}, "groups.my-voice", "'my-voice'", "a section whose keys (text"),
    ],
)  # fmt: skip
def test_a_source_or_feature_that_there_is_not_is_refused_with_what_there_is(own, key, found, expected):
    error = refusal({"dialogue": own})
    assert error.where == f"configuration: dialogue.{key}"
    assert error.found == found
    assert error.expected.startswith(expected)


def test_a_family_that_is_left_out_has_neither_section_nor_corpora():
    config = load_config({"families": ["biosignals"]})
    assert not hasattr(config, "dialogue") and list(type(config.corpora).model_fields) == ["deap", "mahnob"]
    # what config.yaml says of it counts for nothing
    given = {"families": ["biosignals"], "dialogue": {"seeds": [1]}, "corpora": {"noxi": {"root": "/x"}}}
    assert load_config(given) == config
    assert not hasattr(load_config({"families": ["dialogue"]}), "biosignals")


def test_models_of_dialogues_learn_from_noxi():
    error = refusal({"corpora": {"noxi": {"root": "none"}}})
    assert "corpora.noxi.root" in error.expected and error.found == "none"
    assert load_config({"families": ["biosignals"], "corpora": {"noxi": {"root": "none"}}})
