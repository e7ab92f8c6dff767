"""The list of features is complete, and reading it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from affectssm.errors import ConfigError
from affectssm.settings.features import Features, completed, settings_of
from affectssm.store.code import code_hash
from affectssm.vocabulary.features import FEATURES, in_fold, spec
from affectssm.vocabulary.stages import feature_modules


def test_reading_the_list_imports_nothing_heavy() -> None:
    code = (
        "import sys; import affectssm.vocabulary.features;"
        "print([name for name in ('torch', 'cv2', 'av', 'mediapipe', 'transformers', 'h5py') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_has_code(feature: str) -> None:
    assert len(code_hash(*feature_modules(feature))) == 16


def test_editing_one_extractor_is_not_editing_another() -> None:
    hashes = {
        code_hash(spec(name).target) for name in ("wav2vec2", "clip_face", "optical_flow", "face_track")
    }
    assert len(hashes) == 4


def test_settings_are_the_features_own() -> None:
    features = Features(weights="random", size="small", clip_face={"fps": 5.0}, face_track={"zoom": 1})
    assert settings_of("optical_flow", features) == features.optical_flow.model_dump()
    assert settings_of("clip", features) == {}
    speech = settings_of("wav2vec2", features)
    assert speech["model"] == "facebook/wav2vec2-base-960h"
    assert (speech["weights"], speech["size"]) == ("random", "small")


def test_what_is_not_given_has_its_default_in_sections_too() -> None:
    found = completed("bert", {"english": {"model": "a/b"}, "tokens": 9})
    assert found["english"] == {"model": "a/b", "revision": ""} and found["tokens"] == 9
    assert found["chinese"] == completed("bert", {})["chinese"]


def test_a_feature_of_a_fold_goes_by_its_fold_too() -> None:
    assert in_fold("mae", 3) == "mae" and in_fold("mae_tuned", 3) == "mae_tuned-fold3"
    assert spec("mae_tuned-fold3") is spec("mae_tuned")
    for name in ("mae-fold3", "mae_tuned-fold", "mae_tuned-foldx", "mae_tuned-3"):
        with pytest.raises(ConfigError, match="no such feature"):
            spec(name)


def test_an_unknown_feature_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="wav2vec2"):
        spec("wav2vec")
