"""What a user reads when the configuration is wrong, and what a partial configuration means."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from affectssm.errors import ConfigError
from affectssm.families.configuration import load_config
from affectssm.settings.config import Config, CorpusSettings, TrainingSettings
from affectssm.settings.load import overlay, slice_json, validate
from affectssm.settings.presets import SCALES


def refusal(given) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(given)
    return caught.value


def write(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_the_demo():
    assert load_config() == load_config({}) == Config()
    assert load_config({}).corpora.noxi.root == "demo"


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_is_complete(scale):
    config = load_config({"scale": scale})
    assert config.experiments.training.steps == SCALES[scale]["experiments"]["training"]["steps"]


def test_a_value_of_the_users_wins_over_the_scale_and_null_does_not():
    training = {"steps": 77, "steps_per_epoch": None}
    config = load_config({"scale": "tiny", "experiments": {"training": training}})
    assert config.experiments.training.steps == 77
    assert config.experiments.training.steps_per_epoch == 2


def test_a_partial_section_keeps_its_own_defaults():
    config = load_config({"corpora": {"noxi_add": {"root": "/data"}}, "features": {"wav2vec2": {"batch": 2}}})
    assert config.corpora.noxi_add == CorpusSettings(root="/data", shards=1)
    assert config.features.wav2vec2.model == Config().features.wav2vec2.model


def test_an_empty_section_is_its_defaults_but_an_empty_root_is_refused():
    assert load_config({"corpora": None, "tables": None}) == Config()
    error = refusal({"corpora": {"noxi": {"root": None}}})
    assert error.where.endswith("corpora.noxi.root")
    assert error.found == "null: nothing after the colon"


@pytest.mark.parametrize(
    ("given", "key", "meant"),
    [
        ({"corpra": {}}, "corpra", "corpora"),
        ({"corpora": {"noxy": {}}}, "corpora.noxy", "noxi"),
        ({"features": {"wieghts": "random"}}, "features.wieghts", "weights"),
        ({"experiments": {"training": {"warmup": 3}}}, "experiments.training.warmup", "warmup_steps"),
        ({"learning_rate": 1}, "learning_rate", "experiments.training.learning_rate"),
        ({"features": {"clock_hz": 25}}, "features.clock_hz", "timeline.clock_hz"),
    ],
)
def test_an_unknown_key_answers_with_the_nearest_known_one(given, key, meant):
    error = refusal(given)
    assert error.where == f"configuration: {key}"
    assert error.remedy == f"did you mean {meant}?"


@pytest.mark.parametrize("key", ["bootstrap", "bootstrap_seed"])
def test_a_key_of_an_earlier_version_is_answered_with_what_became_of_it(key):
    error = refusal({"evaluation": {key: 2000}})
    assert error.where == f"configuration: evaluation.{key}" and "no more" in error.found
    assert "remove the line" in error.remedy and "without resampling" in error.remedy


def test_an_unknown_key_like_no_other_lists_what_there_is():
    error = refusal({"tables": {"zzz": 1}})
    assert (error.expected, error.remedy) == ("one of allow_incomplete", "remove the key")


@pytest.mark.parametrize(
    ("given", "key", "found", "expected"),
    [
        ({"scale": "tinny"}, "scale", "'tinny'", "one of paper, demo, tiny"),
        ({"scale": ["demo"]}, "scale", "['demo']", "one of paper, demo, tiny"),
        ({"timeline": {"clock_hz": 50}}, "timeline.clock_hz", "50", "one of 25, 100"),
        (
            {"experiments": {"training": {"batch": 0}}},
            "experiments.training.batch",
            "0",
            "a whole number, at least 1",
        ),
        (
            {"experiments": {"models": ["da-mamba"]}},
            "experiments.models[0]",
            "'da-mamba'",
            "one of da_mamba, dat",
        ),
        (
            {"experiments": {"seeds": 3}},
            "experiments.seeds",
            "3",
            "a list of: a whole number, at least 0, length at least 1",
        ),
        (
            {"experiments": {"seeds": [1, 1]}},
            "experiments.seeds",
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
            {"experiments": {"da_mamba": {"heads": 3}}},
            "experiments.da_mamba",
            "heads is 3",
            "heads that divide d_model (32)",
        ),
        ({"features": {"weights": "pretrained"}}, "features", "weights is pretrained", "weights: random"),
        (
            {"experiments": {"training": {"learning_rate": float("inf")}}},
            "experiments.training.learning_rate",
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
    assert "switch" in refusal({"experiments": {"seeds": [value]}}).expected
    with pytest.raises(ValidationError, match="switch"):
        CorpusSettings(root=value)


def test_a_misspelt_scale_is_not_buried_under_the_keys_it_decides():
    error = refusal({"scale": "papr"})
    assert error.where == "configuration: scale"
    assert error.remedy == "did you mean paper?"


def test_several_mistakes_are_all_named():
    error = refusal({"tables": {"a": 1}, "timeline": {"clock_hz": 7}})
    assert "tables.a" in str(error)
    assert "timeline.clock_hz" in str(error)


def test_an_exponent_without_a_point_is_a_number(tmp_path):
    # YAML 1.1 reads 3e-3 as text
    path = write(tmp_path, "experiments: {training: {learning_rate: 3e-3}}")
    assert load_config(path).experiments.training.learning_rate == 0.003


def test_files_are_laid_over_one_another(tmp_path):
    base = write(tmp_path, "scale: tiny\nexperiments: {seeds: [1, 2], adapt_steps: 5}\n", "base.yaml")
    lab = write(tmp_path, "experiments:\n  seeds: [7]\n")
    config = load_config([base, lab])
    assert (config.scale, config.experiments.seeds, config.experiments.adapt_steps) == ("tiny", (7,), 5)
    assert overlay({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}


def test_an_empty_file_is_the_demo(tmp_path):
    assert load_config(write(tmp_path, "")) == Config()
    assert load_config(write(tmp_path, "# nothing yet\n")) == Config()


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
    training = load_config({"scale": "tiny"}).experiments.training
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
    deep = refusal({"experiments": {"training": {f"zz{number}": 1 for number in range(55)}}})
    assert max(map(len, str(deep).splitlines())) < 260


def test_the_papers_recipe_is_the_papers():
    training = load_config({"scale": "paper"}).experiments.training
    assert (training.learning_rate, training.batch, training.warmup_steps) == (5e-5, 128, 500)
    assert (training.clip_norm, training.ema_decay, training.lambda_align) == (5.0, 0.999, 0.4)
