"""Models by name, and what the paper's scale amounts to."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from affectssm.errors import ConfigError
from affectssm.families.configuration import load_config
from affectssm.models.build import parameter_count
from affectssm.training.frame_models import build_model

EXTRACTED = {
    "wav2vec2": 768,
    "speech_emotion": 1024,
    "clip_face": 512,
    "optical_flow": 48,
    "landmark_flow": 478,
}
MULTIMEDIATE = {"egemapsv2": 88, "w2vbert2": 1024, "clip": 512, "openface2": 714, "openpose": 139}
SOURCES = {"extracted": EXTRACTED, "multimediate": MULTIMEDIATE}


def paper_parameters(name: str, dims: dict[str, int]) -> int:
    """Parameters of a model at paper scale; no weight is allocated."""
    with torch.device("meta"):
        settings = getattr(load_config({"scale": "paper"}).dialogue, name)
        return parameter_count(build_model(name, settings, dims, groups(dims)))


def groups(dims: dict[str, int]) -> dict[str, list[str]]:
    names = list(dims)
    return {"audio": names[:2], "visual": names[2:]}


@pytest.mark.parametrize("source", SOURCES)
def test_da_mamba_at_paper_scale_has_the_papers_28_7_million_parameters(source):
    assert paper_parameters("da_mamba", SOURCES[source]) == pytest.approx(28.7e6, rel=0.03)


def test_dat_at_paper_scale_has_the_released_codes_66_8_million_parameters():
    assert paper_parameters("dat", MULTIMEDIATE) == 66_780_673


def test_settings_may_be_given_as_a_dict_and_are_checked():
    settings = load_config({"scale": "tiny"}).dialogue.da_mamba.model_dump()
    assert parameter_count(build_model("da_mamba", settings, {"a": 3}, {"audio": ["a"], "visual": []}))
    with pytest.raises(ValueError, match="blcoks"):
        build_model("da_mamba", settings | {"blcoks": 2}, {"a": 3}, {"audio": ["a"], "visual": []})


def test_an_unknown_model_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"da_mamba, dat"):
        build_model("da_manba", {}, {}, {})


def test_the_names_of_models_import_none():
    module = "affectssm.training.frame_models"
    code = f"import sys, {module}; print([m for m in sys.modules if m.endswith(('da_mamba', '.dat'))])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
