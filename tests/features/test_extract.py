"""A shard is extracted recording by recording: it resumes, reports faults and refuses what is not in the manifest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from affectssm.corpora.checksums import fingerprint
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.base import Extractor, Source
from affectssm.features.extract import Shard, extract_shard
from affectssm.features.progress import Progress
from affectssm.media.audio import AudioReader
from affectssm.store.card import make_card, read_card
from affectssm.store.faults import read_faults
from affectssm.store.shards import ShardReader, Track
from tests.features.helpers import FLOW_SETTINGS, row
from tests.features.test_flow import moving_video
from tests.media.synthetic import regular, write_media


class Loudness(Extractor):
    """Stands in for a speech encoder: the mean magnitude of every tenth of a second."""

    seen: list[Path] = []  # noqa: RUF012 - shared on purpose

    def extract(self, source: Source) -> Iterator[Track]:
        self.seen.append(source.path)
        reader = AudioReader(source.path, block_s=0.1)
        for block in reader:
            value = np.full((1, self.settings.get("dim", 1)), np.abs(block.samples).mean(), np.float32)
            yield Track(value, np.array([(block.start + 800) / 16000]), np.ones(1, bool), 10.0)
        source.notes.extend(reader.notes)


@pytest.fixture
def loudness(monkeypatch: pytest.MonkeyPatch) -> type[Loudness]:
    monkeypatch.setattr(
        "affectssm.features.extract.make", lambda feature, settings: Loudness(feature, settings)
    )
    Loudness.seen = []
    return Loudness


def corpus(root: Path, files: dict[str, str]) -> list[StreamRow]:
    """Rows for ``recording/participant`` -> file name; the files are there already."""
    rows = []
    for key, name in files.items():
        recording, participant = key.split("/")
        kind = "audio" if name.endswith(".wav") else "annotation" if name.endswith(".csv") else "video"
        size = (root / name).stat().st_size
        rows.append(
            row(
                name,
                kind,
                recording=recording,
                participant=participant,
                bytes=size,
                checksum=fingerprint([root / name], "sha256"),
            )
        )
    return rows


def extract(
    tmp_path: Path, rows: list[StreamRow], feature: str = "wav2vec2", settings: dict | None = None, **more
) -> Path:
    out = tmp_path / "out" / feature / "s00.h5"
    manifest = tmp_path / "manifest.parquet"
    write_manifest(manifest, rows, make_card("test", ["affectssm.errors"], {}))
    extract_shard(
        feature, Shard(manifest, "s00", tmp_path, more.get("ground_truth")), settings or {}, out,
        out.with_suffix(".faults.parquet"), more.get("faces"),
    )  # fmt: skip
    return out


def faults(out: Path) -> list[tuple[str, str, str]]:
    return [
        (fault.recording, fault.participant, fault.code)
        for fault in read_faults(out.with_suffix(".faults.parquet"))
    ]


@pytest.fixture
def sounds(tmp_path: Path) -> list[StreamRow]:
    wave = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    for name in ("a", "b", "c"):
        write_media(tmp_path / f"{name}.wav", audio=wave, codec="pcm_s16le")
    return corpus(tmp_path, {"001/expert": "a.wav", "001/novice": "b.wav", "002/expert": "c.wav"})


def test_a_shard_has_its_recordings_and_a_card(tmp_path: Path, sounds: list[StreamRow], loudness) -> None:
    others = [row("x.wav", "audio", recording="009", shard="s01"), row("y.mp4", "video", recording="003")]
    out = extract(tmp_path, sounds + others)
    with ShardReader(out) as reader:
        assert reader.keys() == [("001", "expert"), ("001", "novice"), ("002", "expert")]
        assert reader.recordings == ["001", "002", "003"]
        assert reader.track("001", "expert").value.shape == (10, 1)
    assert read_card(out)["stage"] == "features/wav2vec2"
    assert faults(out) == []


def test_a_killed_job_goes_on_with_the_next_recording(tmp_path: Path, sounds, loudness, monkeypatch) -> None:
    whole = extract(tmp_path, sounds).read_bytes()
    (tmp_path / "out" / "wav2vec2" / "s00.h5").unlink()
    read = Loudness.extract

    def interrupted(self: Loudness, source: Source) -> Iterator[Track]:
        if source.row.recording == "002":
            raise KeyboardInterrupt
        yield from read(self, source)

    monkeypatch.setattr(Loudness, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(tmp_path, sounds)
    monkeypatch.setattr(Loudness, "extract", read)
    Loudness.seen.clear()
    out = extract(tmp_path, sounds)
    assert [path.name for path in Loudness.seen] == ["c.wav"]
    with ShardReader(out) as reader:
        assert len(reader.keys()) == 3
    assert len(whole) == len(out.read_bytes())


def test_faults_survive_a_resume_and_bad_files_cost_only_themselves(
    tmp_path: Path, loudness, monkeypatch
) -> None:
    wave = np.zeros(32000, np.float32)
    for name in ("a", "cut", "bad", "z"):
        write_media(tmp_path / f"{name}.wav", audio=wave, codec="pcm_s16le")
    data = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    (tmp_path / "bad.wav").write_bytes(b"RIFF is not enough")
    rows = corpus(
        tmp_path,
        {"001/expert": "a.wav", "001/novice": "cut.wav", "002/expert": "bad.wav", "003/expert": "z.wav"},
    )
    read = Loudness.extract

    def interrupted(self: Loudness, source: Source) -> Iterator[Track]:
        if source.row.recording == "003":
            raise KeyboardInterrupt
        yield from read(self, source)

    monkeypatch.setattr(Loudness, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(tmp_path, rows)
    monkeypatch.setattr(Loudness, "extract", read)
    out = extract(tmp_path, rows)
    assert faults(out) == [("001", "novice", "truncated_media"), ("002", "expert", "unreadable_media")]
    with ShardReader(out) as reader:
        assert reader.keys() == [("001", "expert"), ("001", "novice"), ("003", "expert")]
        assert reader.info("001", "novice").rows < reader.info("001", "expert").rows


def test_changed_inputs_or_settings_are_extracted_again(
    tmp_path: Path, sounds, loudness, monkeypatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("affectssm.features.extract.write_faults", stop)
        patch.setattr("affectssm.store.shards.shutil.rmtree", lambda *_, **__: None)  # keep the parts
        extract(tmp_path, sounds)
    keep = extract_parts(tmp_path)
    data = (tmp_path / "c.wav").read_bytes()
    for content, settings, again in (
        (data, {}, []),
        (data, {"batch": 2, "weights_dir": "elsewhere"}, []),
        (data[:-1] + b"\1", {}, ["c.wav"]),
        (data, {"dim": 2}, ["a.wav", "b.wav", "c.wav"]),
    ):
        keep()
        (tmp_path / "c.wav").write_bytes(content)
        new = row_with(sounds[2], checksum=fingerprint([tmp_path / "c.wav"], "sha256"))
        rows = [*sounds[:2], new]
        Loudness.seen.clear()
        extract(tmp_path, rows, settings=settings)
        assert [path.name for path in Loudness.seen] == again


def row_with(one: StreamRow, **changes) -> StreamRow:
    return StreamRow(**{**one.__dict__, **changes})


def extract_parts(tmp_path: Path):
    """Return a function that restores the parts as they are now."""
    folder = tmp_path / "out" / "wav2vec2" / "s00.h5.parts"
    held = {path.name: path.read_bytes() for path in folder.iterdir()}

    def restore() -> None:
        folder.mkdir(exist_ok=True)
        for name, data in held.items():
            (folder / name).write_bytes(data)

    return restore


def test_a_file_that_changed_since_the_manifest_is_refused(tmp_path: Path, sounds, loudness) -> None:
    (tmp_path / "b.wav").write_bytes(b"short")
    with pytest.raises(DataError, match="as the manifest says"):
        extract(tmp_path, sounds)
    (tmp_path / "b.wav").unlink()
    with pytest.raises(DataError, match="No such file"):
        extract(tmp_path, sounds)


def test_an_unsafe_name_never_becomes_a_path(tmp_path: Path, sounds, loudness) -> None:
    for changes in ({"recording": "../001"}, {"participant": "a/b"}, {"recording": "a\nb"}):
        with pytest.raises(DataError, match="name"):
            extract(tmp_path, [row_with(sounds[0], **changes)])


def test_names_of_any_writing_are_extracted(tmp_path: Path, sounds, loudness) -> None:
    names = ["-3g5yACwYnA", "vid$_$1", "a;b", "$(touch x)", ".hidden", "a'b", "ü"]
    rows = [row_with(sounds[0], recording=name, participant=name) for name in names]
    out = extract(tmp_path, rows)
    with ShardReader(out) as reader:
        assert reader.keys() == [(name, name) for name in sorted(names)]
    assert {path.name for path in out.parent.iterdir()} == {"s00.h5", "s00.faults.parquet"}


def test_a_full_disk_is_one_clear_error_and_loses_nothing(
    tmp_path: Path, sounds, loudness, monkeypatch
) -> None:
    def usage(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=0 if any(path.name == "c.wav" for path in Loudness.seen) else 1 << 40)

    with monkeypatch.context() as patch:
        patch.setattr("affectssm.store.shard_writer.shutil.disk_usage", usage)
        with pytest.raises(DataError, match="No space left on device"):
            extract(tmp_path, sounds)
    parts = tmp_path / "out" / "wav2vec2" / "s00.h5.parts"
    (part,) = parts.iterdir()
    with ShardReader(part) as reader:
        assert reader.recordings == ["001"]
    Loudness.seen.clear()
    extract(tmp_path, sounds)
    assert [path.name for path in Loudness.seen] == ["c.wav"]


def test_faces_are_tracked_once_and_shared(tmp_path: Path) -> None:
    still = np.zeros((12, 2), np.float32)
    moving_video(tmp_path / "a.mp4", still)
    write_media(tmp_path / "none.mp4", audio=np.zeros(1600, np.float32))
    rows = corpus(tmp_path, {"001/expert": "a.mp4", "001/novice": "none.mp4"})
    faces = extract(tmp_path, rows, "face_track", {"min_confidence": 0.5, "zoom": 1})
    assert faults(faces) == [("001", "expert", "no_face"), ("001", "novice", "unreadable_media")]
    flow = extract(tmp_path, rows, "optical_flow", FLOW_SETTINGS, faces=faces)
    assert faults(flow) == []  # the face track has said it
    with ShardReader(flow) as reader:
        assert reader.keys() == [("001", "expert")]
        track = reader.track("001", "expert")
    assert track.value.shape == (11, 48) and not track.valid.any() and not track.value.any()
    with pytest.raises(ConfigError, match="face_track"):
        extract(tmp_path, rows, "optical_flow", FLOW_SETTINGS)


def test_a_face_track_of_an_older_manifest_is_refused(tmp_path: Path) -> None:
    moving_video(tmp_path / "a.mp4", np.zeros((3, 2), np.float32))
    rows = corpus(tmp_path, {"001/expert": "a.mp4", "002/expert": "a.mp4"})
    faces = extract(tmp_path, rows[:1], "face_track", {"min_confidence": 0.5, "zoom": 1})
    with pytest.raises(DataError, match="without recording 002"):
        extract(tmp_path, rows, "landmark_flow", FLOW_SETTINGS, faces=faces)


def test_a_cut_video_keeps_its_rows(tmp_path: Path) -> None:
    whole = write_media(
        tmp_path / "a.mp4", regular(100, 25), size=(320, 240), options={"movflags": "faststart"}
    ).read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    out = extract(
        tmp_path, corpus(tmp_path, {"001/expert": "a.mp4"}), "face_track", {"min_confidence": 0.5, "zoom": 1}
    )
    assert {code for *_, code in faults(out)} == {"truncated_media", "no_face"}
    with ShardReader(out) as reader:
        assert 20 < reader.info("001", "expert").rows < 100


def test_labels_are_tracks_and_test_labels_their_own(tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    for path in (tmp_path / "train.csv", truth / "test.csv"):
        path.write_text("0.25\n-nan(ind)\n\n0.75\n")
    rows = corpus(tmp_path, {"001/expert": "train.csv"})
    known = {"bytes": 21, "checksum": fingerprint([truth / "test.csv"], "sha256")}
    rows.append(
        row("test.csv", "annotation", recording="002", split="test-base", base="ground_truth", **known)
    )
    for feature, key, codes in (
        ("engagement", ("001", "expert"), []),
        ("engagement_test", ("002", "expert"), ["label_not_a_number"]),
    ):
        out = extract(tmp_path, rows, feature, ground_truth=truth)
        assert [code for *_, code in faults(out)] == codes
        with ShardReader(out) as reader:
            assert reader.keys() == [key]
            track = reader.track(*key)
        np.testing.assert_array_equal(track.value[:, 0], np.float32([0.25, 0, 0, 0.75]))
        np.testing.assert_array_equal(track.valid, [True, False, False, True])
        np.testing.assert_allclose(track.time, [0.02, 0.06, 0.1, 0.14])
    with pytest.raises(ConfigError, match="ground-truth"):
        extract(tmp_path, rows, "engagement_test")


def test_progress_is_one_line_a_recording(
    tmp_path: Path, sounds, loudness, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        extract(tmp_path, sounds)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 and "wav2vec2: 001 (1 of 2): 2 tracks, 20 rows" in lines[0]


def test_many_recordings_are_a_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(np.arange(0, 1e6, 0.01).tolist())
    monkeypatch.setattr("affectssm.features.progress.time.monotonic", lambda: next(clock))
    said = Progress("mae", 20_000)
    with caplog.at_level(logging.INFO):
        for number in range(1, 20_001):
            said.finished(number, "x", "before") if number < 10_000 else said.computed(number, "x", 1, 5, 0.1)
    lines = [record.getMessage() for record in caplog.records]
    assert 40 < len(lines) < 100
    assert lines[0] == "mae: [....................] x (1 of 20000) was finished before"
    assert lines[-1].startswith(
        "mae: [####################] x (20000 of 20000): 1 tracks, 5 rows in 0.1 s; about 0 s"
    )
