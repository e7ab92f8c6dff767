"""What is said of wanted weights without a network's library is what the extractors load."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from affectssm.features import bert_files, clip_face, mae_network, speech, wanted
from affectssm.features.base import make
from affectssm.features.wanted import in_languages, state_of, wanted_by
from affectssm.features.weights import Wanted, record, verified_folder
from affectssm.settings.base import at_scale
from affectssm.settings.features import SCALES, Features, settings_of
from affectssm.store.code import reachable
from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.stages import feature_modules

PINNED = "0123456789abcdef0123456789abcdef01234567"
WANTING = [name for name, spec in FEATURES.items() if spec.wants]


class _AskedError(Exception):
    """Carries what a load asked for."""


def _stop(_: object, asked: Wanted) -> None:
    raise _AskedError(asked)


def _settings(feature: str) -> dict[str, Any]:
    return settings_of(feature, at_scale(Features, SCALES["paper"]))


def _pinned(value: Any) -> Any:
    """Settings with every revision set."""
    if not isinstance(value, Mapping):
        return value
    return {name: PINNED if name == "revision" else _pinned(each) for name, each in value.items()}


@pytest.mark.parametrize("feature", WANTING)
def test_extractors_load_what_is_told(feature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bert_files, clip_face, mae_network, speech):
        monkeypatch.setattr(module, "verified_folder", _stop)
    settings = _pinned(_settings(feature))
    languages = [name for name, value in settings.items() if isinstance(value, Mapping)]
    for language in languages or [""]:
        told = wanted_by(feature, in_languages(settings, [language]))
        with pytest.raises(_AskedError) as caught:
            found = make(feature, settings)
            found.files(language)  # type: ignore[attr-defined]
        assert told == caught.value.args
        assert told[0].revision == PINNED


def test_networks_that_load_files_say_so() -> None:
    assert {name for name, spec in FEATURES.items() if spec.network} == set(WANTING)


def test_random_weights_are_not_wanted() -> None:
    assert not any(wanted_by(name, _settings(name) | {"weights": "random"}) for name in WANTING)
    assert wanted_by("optical_flow", _settings("optical_flow")) == ()


def test_every_language_is_wanted_where_nobody_says_which() -> None:
    assert [one.model for one in wanted_by("bert", _settings("bert"))] == [
        "google-bert/bert-base-uncased",
        "google-bert/bert-base-chinese",
    ]


def test_the_repositories_of_clip_are_those_of_its_registry() -> None:
    for (model, tag), repository in wanted._CLIP_REPOSITORIES.items():
        assert wanted._registered(model, tag) == repository
    settings = _settings("clip_face") | {"model": "ViT-B-32", "pretrained": "laion400m_e31"}
    assert ("ViT-B-32", "laion400m_e31") not in wanted._CLIP_REPOSITORIES
    assert wanted_by("clip_face", settings)[0].repository == "timm/vit_base_patch32_clip_224.laion400m_e31"


def test_no_extractors_code_rests_on_what_is_told() -> None:
    for feature in WANTING:
        assert "affectssm.features.wanted" not in reachable(*feature_modules(feature))


def test_nothing_large_is_imported() -> None:
    code = (
        "import sys; from affectssm.features.wanted import wanted_by, state_of\n"
        "from affectssm.settings.features import *; from affectssm.settings.base import at_scale\n"
        f"found = [wanted_by(name, settings_of(name, at_scale(Features, SCALES['paper']))) for name in {WANTING}]\n"
        "assert all(found)\n"
        "print(sorted({'torch', 'open_clip', 'transformers', 'huggingface_hub', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


MODEL = Wanted("org/model", "org/model", "MIT", ("config.json", "model.safetensors|pytorch_model.bin"))


def test_states_are_what_a_load_would_find(tmp_path: Path) -> None:
    def state(model: Wanted = MODEL) -> str:
        return state_of(tmp_path, model).state

    folder = tmp_path / "org" / "model"
    missing = state_of(tmp_path, MODEL)
    assert (missing.state, missing.found, missing.where) == ("missing", "no such folder", folder)
    assert missing.files == ("config.json", "model.safetensors or pytorch_model.bin")
    assert "hf download org/model" in missing.remedy and not missing.usable
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert state_of(tmp_path, MODEL).files == ("model.safetensors or pytorch_model.bin",)
    (folder / "pytorch_model.bin").write_bytes(b"weights")
    there = state_of(tmp_path, MODEL)
    assert (there.state, there.files, there.bytes) == ("unverified", ("config.json", "pytorch_model.bin"), 9)
    record(*verified_folder(tmp_path, MODEL))
    assert state() == "verified"
    other = Wanted(MODEL.model, MODEL.repository, MODEL.licence, MODEL.files, PINNED)
    assert state(other) == "verified", "nobody has noted a revision"
    lock = tmp_path / "org" / "model.lock.json"
    lock.write_text(json.dumps(json.loads(lock.read_text()) | {"revision": "f" * 40}))
    assert state(other) == "changed" and "revision ffff" in state_of(tmp_path, other).found
    (folder / "pytorch_model.bin").write_bytes(b"Weights")
    changed = state_of(tmp_path, MODEL)
    assert changed.state == "changed" and "pytorch_model.bin" in changed.found and "delete" in changed.remedy
    lock.write_text("{")
    assert state() == "changed" and "not readable" in state_of(tmp_path, MODEL).found


def test_hashes_may_be_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "org" / "model"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes(name.encode())
    record(*verified_folder(tmp_path, MODEL))
    asked: list[Path] = []

    def known(path: Path) -> str:
        asked.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    assert state_of(tmp_path, MODEL, known).state == "verified"
    assert asked == [folder / "config.json", folder / "model.safetensors"]
