"""The files generated from the configuration model: they are up to date, and they say the same as the model."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from affectssm.errors import ConfigError
from affectssm.families.configuration import default, load_config
from affectssm.settings.base import describe, fields, is_section
from affectssm.settings.docs import (
    check_generated,
    config_yaml,
    drift,
    generated_files,
    json_schema,
    option_reference,
    scale_values,
    write_generated,
)

REPOSITORY = Path(__file__).parents[1]


def leaves(tree: dict, above: tuple = ()) -> set[tuple]:
    """Return the keys of nested dicts that hold values."""
    found = set()
    for key, value in tree.items():
        found |= leaves(value, (*above, key)) if isinstance(value, dict) else {(*above, key)}
    return found


MODEL = default()
SCALES = MODEL.presets
VALUES = {key for key, field in fields(MODEL) if not is_section(field.annotation)}


def test_the_committed_files_are_those_of_the_model():
    difference = drift(MODEL, REPOSITORY)
    assert not difference, f"run `affectssm config --write`:\n{difference}"


def test_drift_shows_what_differs_and_writing_mends_it(tmp_path):
    (tmp_path / "Snakefile").touch()
    write_generated(MODEL, tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("clock_hz: 100", "clock_hz: 25"))
    assert "-  clock_hz: 25" in drift(MODEL, tmp_path)
    assert "+  clock_hz: 100" in drift(MODEL, tmp_path)
    with pytest.raises(ConfigError, match="clock_hz: 25"):
        check_generated(MODEL, tmp_path)
    assert write_generated(MODEL, tmp_path) == [path]
    assert drift(MODEL, tmp_path) == ""
    assert write_generated(MODEL, tmp_path) == []
    check_generated(MODEL, tmp_path)


def test_generated_files_are_written_into_the_repository_only(tmp_path):
    with pytest.raises(ConfigError, match="Snakefile"):
        write_generated(MODEL, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_config_yaml_is_the_default_with_every_key_explained():
    given = yaml.safe_load(config_yaml(MODEL))
    assert load_config(given) == MODEL()
    families = ("dialogue", "video", "clips", "recordings")
    for family in families:
        assert set(given[family].pop("groups")) == set(getattr(MODEL(), family).groups)
    assert set(given["recordings"]["items"].pop("groups")) == set(MODEL().recordings.items.groups)
    groups = {(family, "groups") for family in families} | {("recordings", "items", "groups")}
    assert leaves(given) == VALUES - groups
    body = [line for line in config_yaml(MODEL).splitlines() if not line.startswith("#")]
    assert all(len(line.split("  # ")[1]) > 1 for line in body)


@pytest.mark.parametrize("scale", SCALES)
def test_config_yaml_leaves_the_scales_keys_to_the_scale(scale):
    given = yaml.safe_load(config_yaml(MODEL)) | {"scale": scale}
    assert load_config(given) == load_config({"scale": scale})


def test_every_scale_decides_the_same_keys_and_they_exist():
    decided = [leaves(preset) for preset in SCALES.values()]
    assert decided[0] == decided[1] == decided[2]
    assert decided[0] <= VALUES
    assert all(len(scale_values(key, SCALES)) == 3 for key in decided[0])


@pytest.mark.parametrize("key", sorted(VALUES), ids=".".join)
def test_every_option_has_a_meaning_and_words_for_its_values(key):
    field = dict(fields(MODEL))[key]
    assert field.description
    assert describe(field)
    assert f"| `{'.'.join(key)}` |" in option_reference(MODEL)


def test_the_schema_accepts_what_the_model_accepts():
    validator = jsonschema.Draft202012Validator(yaml.safe_load(json_schema(MODEL)))
    validator.check_schema(validator.schema)
    for given in ({}, yaml.safe_load(config_yaml(MODEL)), {"scale": "tiny", "corpora": None}):
        assert validator.is_valid(given)
        load_config(given)
    for wrong in ({"corpra": {}}, {"scale": "tinny"}, {"corpora": {"noxi": {"root": None}}}, {"tables": 3}):
        assert not validator.is_valid(wrong)


def test_generated_files_end_in_one_newline_and_name_their_maker():
    for name, content in generated_files(MODEL).items():
        assert content.endswith("\n")
        assert not content.endswith("\n\n")
        assert name.endswith(".json") or "affectssm config --write" in content
