"""What a feature file looks like inside, and what cannot be written into one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from affectssm.store.card import read_card
from affectssm.store.shard_writer import ShardWriter, created, created_in_memory, need_room
from tests.store.helpers import CARD, fault, made


@pytest.mark.parametrize("create", [created, created_in_memory])
@pytest.mark.parametrize("sizes", [None, {"float32x3": 9, "float16x2": 4}])
def test_tables_and_index_of_a_file(tmp_path: Path, create: Callable, sizes: dict | None) -> None:
    tracks = {"b": made(0, 5), "a": made(1, 4, 2, np.float16)}
    with create(tmp_path / "x.h5") as file:
        writer = ShardWriter(file, sizes)
        writer.begin("ü", "c2")
        for who, track in tracks.items():
            writer.append(who, track)
        writer.begin("-1", "c1")
        writer.append("b", made(2, 4))
        writer.add_faults([fault("-1")])
        writer.close(CARD)
    with h5py.File(tmp_path / "x.h5") as file:
        assert set(file) == {"tables", "tracks", "recordings", "faults"}
        assert set(file["tables"]) == {"float32x3", "float16x2"}
        value = file["tables/float32x3/value"]
        np.testing.assert_array_equal(value, np.concatenate([made(0, 5).value, made(2, 4).value]))
        assert (value.chunks is None) == (sizes is not None)
        assert file["tables/float16x2/valid"][:].tolist() == tracks["a"].valid.tolist()
        assert file["recordings/id"].asstr()[:].tolist() == ["-1", "ü"]
        assert file["recordings/content"].asstr()[:].tolist() == ["c1", "c2"]
        assert file["tracks/participant"].asstr()[:].tolist() == ["b", "a", "b"]
        assert file["tracks/table"].asstr()[:].tolist() == ["float32x3", "float16x2", "float32x3"]
        for name, column in {"recording": [0, 1, 1], "first": [5, 0, 0], "rows": [4, 4, 5]}.items():
            assert file[f"tracks/{name}"][:].tolist() == column
        assert file["faults/recording"][:].tolist() == [0]
    assert read_card(tmp_path / "x.h5") == CARD


def test_a_recording_comes_once_and_its_tracks_one_after_another(tmp_path: Path) -> None:
    with created_in_memory(tmp_path / "x.h5") as file:
        writer = ShardWriter(file)
        writer.begin("1", "c")
        writer.append("a", made(0, 5))
        with pytest.raises(ValueError, match="a second time"):
            writer.begin("1", "c")
        writer.append("b", made(1, 5))
        with pytest.raises(ValueError, match="does not continue"):
            writer.append("a", made(0, 5))
        writer.close(CARD)


def test_nothing_is_left_of_a_file_in_memory_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), created_in_memory(tmp_path / "x.h5") as file:
        ShardWriter(file)
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


def test_room_is_asked_for_before_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_room(tmp_path, 0)
    monkeypatch.setattr(
        "affectssm.store.shard_writer.shutil.disk_usage", lambda _: SimpleNamespace(free=20 << 20)
    )
    need_room(tmp_path, 4 << 20)
    with pytest.raises(OSError, match="No space left"):
        need_room(tmp_path, 5 << 20)
