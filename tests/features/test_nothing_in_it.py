"""A file that gives no row of a feature says so, whatever the extractor; rows that are not finite are masked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.corpora.checksums import files_of, fingerprint
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.features.base import Extractor, Source
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.features import completed
from affectssm.store.card import make_card
from affectssm.store.faults import Fault, read_faults
from affectssm.store.shards import ShardReader, Track
from affectssm.vocabulary.features import spec
from tests.corpora.trees import stream, wav
from tests.features.helpers import row
from tests.media.synthetic import regular, write_media


class Given(Extractor):
    """Yields the blocks it was given, whatever they are."""

    blocks: list[Track] = []  # noqa: RUF012 - set by each test

    def extract(self, source: Source) -> Iterator[Track]:
        source.note("silent_audio", "a note before", "", "ignored")
        yield from self.blocks


def extract(
    folder: Path, feature: str, path: Path, kind: str = "", **known: Any
) -> tuple[ShardReader, list[Fault]]:
    """Extract a feature of one file, and its face track first where it has one."""
    kind = kind or spec(feature).kind
    described = row(path.name, kind, **known)
    held = files_of(described, path.parent)
    described = StreamRow(
        **{
            **described.__dict__,
            "bytes": sum(each.stat().st_size for each in held),
            "checksum": fingerprint(held, "sha256"),
        }
    )
    manifest, out = folder / "manifest.parquet", folder / f"{feature}.h5"
    write_manifest(manifest, [described], make_card("test", ["affectssm.errors"], {}))
    faces = None
    if spec(feature).needs_faces:
        extract(folder, "face_track", path, **known)
        faces = folder / "face_track.h5"
    faults = out.with_suffix(".faults.parquet")
    settings = completed(feature, {})
    extract_shard(feature, Shard(manifest, "s00", path.parent), settings, out, faults, faces)
    return ShardReader(out), read_faults(faults)


@pytest.mark.parametrize("feature", ["wav2vec2", "speech_emotion"])
@pytest.mark.parametrize("samples", [0, 1, 320, 399])
def test_too_little_sound_for_a_row(tmp_path: Path, feature: str, samples: int) -> None:
    path = tmp_path / "short.wav"
    wav(path, samples / 16000)
    assert path.stat().st_size == 44 + 2 * samples
    reader, faults = extract(tmp_path, feature, path, rate=16000.0, frames=samples)
    assert reader.recordings == ["001"] and reader.keys() == []
    (fault,) = [fault for fault in faults if fault.code in ("no_rows", "unreadable_media")]
    assert fault.action == "quarantined" and fault.stream == "audio"
    if fault.code == "no_rows":
        assert feature in fault.found and f"{samples} samples" in fault.found
        assert "400 samples" in fault.expected


def test_the_least_sound_gives_one_row(tmp_path: Path) -> None:
    wav(tmp_path / "a.wav", 400 / 16000)
    reader, faults = extract(tmp_path, "wav2vec2", tmp_path / "a.wav")
    assert reader.info("001", "expert").rows == 1
    assert "no_rows" not in {fault.code for fault in faults}


@pytest.mark.parametrize("feature", ["face_track", "optical_flow", "landmark_flow", "clip_face", "mae_video"])
@pytest.mark.parametrize("pictures", [0, 1])
def test_too_few_pictures_for_a_row(tmp_path: Path, feature: str, pictures: int) -> None:
    path = tmp_path / "a.mp4"
    if pictures:
        write_media(path, regular(pictures, 25))
    else:
        write_media(path, audio=np.zeros(1600, np.float32))
    reader, faults = extract(tmp_path, feature, path)
    codes = {fault.code for fault in faults}
    with ShardReader(tmp_path / "face_track.h5") as faces:
        tracked = bool(faces.keys())
    if pictures and feature in ("face_track", "clip_face"):
        assert reader.info("001", "expert").rows == 1
    elif pictures:
        assert reader.keys() == [] and codes == {"no_rows"}
        assert ("one picture of a face" if feature == "mae_video" else "two pictures") in faults[0].expected
    else:
        assert reader.keys() == [] and not tracked
        assert codes == (
            {"unreadable_media"} if feature == "face_track" else set()
        )  # the face track has said it


@pytest.mark.parametrize("feature", ["egemapsv2", "openpose", "engagement"])
def test_streams_and_labels_without_a_row(tmp_path: Path, feature: str) -> None:
    if feature == "engagement":
        path = tmp_path / "a.csv"
        path.write_text("")
    else:
        path = stream(tmp_path, "a", 88, rows=0)
    reader, faults = extract(tmp_path, feature, path, frames=0)
    assert reader.keys() == []
    assert [(fault.code, fault.stream) for fault in faults] == [("no_rows", spec(feature).kind)]


def block(value: np.ndarray, first: float = 0.0, rate: float = 10.0) -> Track:
    return Track(value, first + np.arange(len(value)) / rate, np.ones(len(value), bool), rate)


def given(monkeypatch: pytest.MonkeyPatch, *blocks: Track) -> None:
    monkeypatch.setattr("affectssm.features.extract.make", Given)
    monkeypatch.setattr(Given, "blocks", list(blocks))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_rows_that_are_not_finite_are_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: type, bad: float
) -> None:
    value = np.ones((4, 3), dtype)
    value[1, 2] = bad
    given(monkeypatch, block(value), block(np.ones((2, 3), dtype), 1.0))
    (tmp_path / "a").write_bytes(b"1")
    reader, faults = extract(tmp_path, "wav2vec2", tmp_path / "a")
    track = reader.track("001", "expert")
    assert track.valid.tolist() == [True, False, True, True, True, True]
    assert track.value.dtype == dtype and not track.value[1].any() and np.isfinite(track.value).all()
    assert [(fault.code, fault.found) for fault in faults] == [
        ("feature_not_finite", "1 of 6 rows of wav2vec2"),
        ("silent_audio", "a note before"),
    ]


BROKEN = {
    "times that stand still": (Track(np.ones((2, 1), np.float32), np.zeros(2), np.ones(2, bool), 1.0),),
    "times that are not finite": (
        Track(np.ones((2, 1), np.float32), np.array([0, np.inf]), np.ones(2, bool), 1.0),
    ),
    "a block before the one before": (
        block(np.ones((2, 1), np.float32), 5),
        block(np.ones((2, 1), np.float32)),
    ),
    "another dimension": (block(np.ones((2, 1), np.float32)), block(np.ones((2, 2), np.float32), 5)),
    "another type": (block(np.ones((2, 1), np.float32)), block(np.ones((2, 1), np.float16), 5)),
    "another rate": (block(np.ones((2, 1), np.float32)), block(np.ones((2, 1), np.float32), 5, 11.0)),
    "no rate": (block(np.ones((2, 1), np.float32), rate=np.inf),),
    "another shape": (Track(np.ones((2, 1), np.float32), np.arange(3.0), np.ones(3, bool), 1.0),),
}


@pytest.mark.parametrize("name", BROKEN)
def test_blocks_that_are_no_track_are_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given(monkeypatch, *BROKEN[name])
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(ValueError, match="a block"):
        extract(tmp_path, "wav2vec2", tmp_path / "a")
    monkeypatch.setenv("AFFECTSSM_RAISE_UNEXPECTED", "0")
    reader, faults = extract(tmp_path, "wav2vec2", tmp_path / "a")
    assert reader.keys() == []
    assert {fault.code for fault in faults} == {"unexpected", "silent_audio"}
