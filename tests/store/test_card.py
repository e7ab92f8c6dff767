"""The card: its id follows what decides a file's content, and every kind of file gives it back."""

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from affectssm.errors import DataError
from affectssm.store.card import card_id, dumps, fingerprint, make_card, read_card, sha256
from affectssm.store.parquet import read_parquet_card, write_parquet


def card(**changes):
    known = {"stage": "test", "modules": ["affectssm.errors"], "settings": {"a": 1}}
    return make_card(**{**known, **changes})


def test_the_id_follows_what_decides_the_content() -> None:
    one = card()
    others = [
        card(stage="x"),
        card(settings={"a": 2}),
        card(seed=1),
        card(modules=["affectssm.ssm.reference"]),
    ]
    assert len({one["id"], *(other["id"] for other in others)}) == 5
    assert card()["id"] == one["id"] == card_id(one)
    assert card_id({**one, "host": "elsewhere", "written": "never", "packages": {}}) == one["id"]
    assert card_id({**one, "format": one["format"] + 1}) != one["id"]


def test_inputs_count_by_their_card_or_their_bytes(tmp_path: Path) -> None:
    plain, carded = tmp_path / "a.txt", tmp_path / "b.json"
    plain.write_text("x")
    carded.write_text(json.dumps({"card": {"id": "feed"}, "more": 1}))
    found = card(inputs=[plain, carded])["inputs"]
    assert {Path(name).name: value for name, value in found.items()} == {
        "a.txt": f"sha256:{sha256(plain)}",
        "b.json": "feed",
    }
    assert fingerprint(plain) == f"sha256:{sha256(plain)}"


def write(path: Path, text: str) -> None:
    """Write a file of a kind with a card."""
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.attrs["card"] = text
    elif path.suffix == ".safetensors":
        save_file({"a": np.zeros(1, np.float32)}, path, {"card": text})
    elif path.suffix == ".parquet":
        write_parquet(path, {"a": [1]}, pa.schema([("a", pa.int8())]), json.loads(text))
    else:
        path.write_text(json.dumps({"card": json.loads(text)}))


@pytest.mark.parametrize("suffix", ["h5", "parquet", "safetensors", "json"])
def test_every_kind_of_file_gives_its_card_back(tmp_path: Path, suffix: str) -> None:
    path, made = tmp_path / f"x.{suffix}", card(note="ü / \n")
    write(path, dumps(made))
    assert read_card(path) == made and fingerprint(path) == made["id"]
    if suffix == "parquet":
        assert read_parquet_card(path) == made


@pytest.mark.parametrize("suffix", ["h5", "parquet", "safetensors", "json"])
def test_a_torn_file_is_refused_and_another_kind_carries_none(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00torn")
    with pytest.raises(DataError, match="not readable"):
        read_card(path)
    assert read_card(tmp_path / "x.csv") is None
    (tmp_path / "list.json").write_text("[1]")
    assert read_card(tmp_path / "list.json") is None
