"""Pretrained weights are named when they are missing and verified when they are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affectssm.errors import ConfigError, DataError
from affectssm.features.weights import Wanted, loading, record, verified_folder

MODEL = Wanted(
    "org/model", "org/model", "CC BY-NC-SA 4.0", ("config.json", "model.safetensors|pytorch_model.bin")
)
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights" / "org" / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"weights")
    return tmp_path / "weights"


def test_missing_weights_say_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        verified_folder(tmp_path, MODEL)
    text = str(caught.value)
    for part in (
        str(tmp_path / "org" / "model"),
        "config.json",
        "model.safetensors or pytorch_model.bin",
        "CC BY-NC-SA 4.0",
    ):
        assert part in text
    assert "hf download org/model" in caught.value.remedy and "weights: random" in caught.value.remedy


def test_the_missing_file_alone_is_named(weights: Path) -> None:
    (weights / "org" / "model" / "pytorch_model.bin").unlink()
    with pytest.raises(ConfigError, match=r"without model\.safetensors or pytorch_model\.bin"):
        verified_folder(weights, MODEL)


def test_the_first_load_records_and_later_ones_verify(weights: Path) -> None:
    folder, entry = verified_folder(weights, MODEL)
    lock = weights / "org" / "model.lock.json"
    assert not lock.exists(), "nothing has been loaded yet"
    record(folder, entry)
    assert json.loads(lock.read_text()) == entry
    assert entry["revision"] == "" and entry["licence"] == "CC BY-NC-SA 4.0"
    assert verified_folder(weights, MODEL) == (folder, entry)
    (folder / "pytorch_model.bin").write_bytes(b"other")
    with pytest.raises(DataError, match=r"model\.lock\.json"):
        verified_folder(weights, MODEL)
    assert json.loads(lock.read_text()) == entry


def test_the_revision_the_client_noted_is_recorded_and_compared(weights: Path) -> None:
    note = weights / "org" / "model" / ".cache" / "huggingface" / "download" / "config.json.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{REVISION}\netag\n0\n")
    asked = Wanted(MODEL.model, MODEL.repository, MODEL.licence, MODEL.files, "f" * 40)
    with pytest.raises(ConfigError, match="revision ffff"):
        verified_folder(weights, asked)
    assert verified_folder(weights, MODEL)[1]["revision"] == REVISION


def test_a_broken_download_is_one_clear_error_and_is_not_recorded(weights: Path) -> None:
    folder, _ = verified_folder(weights, MODEL)
    with pytest.raises(DataError, match="cannot be loaded: ValueError: torn"), loading(folder, MODEL):
        raise ValueError("torn")
    assert not (weights / "org" / "model.lock.json").exists()


def test_a_lock_that_is_no_json_is_one_clear_error(weights: Path) -> None:
    (weights / "org" / "model.lock.json").write_text("{")
    with pytest.raises(DataError, match="not readable"):
        verified_folder(weights, MODEL)
