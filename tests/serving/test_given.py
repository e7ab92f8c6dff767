"""Files that are handed over: what each is taken for, and what is said of those that cannot be used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.serving.files import names_of
from affectssm.serving.given import Extras, given
from affectssm.store.faults import read_faults
from affectssm.store.ids import is_id
from tests.serving.made_media import MEDIA, ONE, pictures, real, write_video

WAV = MEDIA / "speech" / "jfk.wav"


def kinds(manifest: Path) -> list[tuple[str, str, str]]:
    return [(row.recording, row.participant, row.kind) for row in read_manifest(manifest)]


def codes(work: Path) -> list[tuple[str, str]]:
    return [(fault.recording, fault.code) for fault in read_faults(work / "faults.parquet")]


@pytest.fixture(scope="module")
def silent(tmp_path_factory) -> Path:
    """Half a second of AVI with another codec, without sound."""
    return write_video(tmp_path_factory.mktemp("silent") / "mute.avi", pictures(ONE, 12), "mpeg4")


def test_names_are_told_apart_and_are_ids(tmp_path):
    paths = [tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4", tmp_path / "b" / "clip.avi"]
    assert names_of(paths[1:]) == ["clip.mp4", "clip.avi"]
    assert names_of(paths) == ["a_clip.mp4", "b_clip.mp4", "b_clip.avi"]
    deep = [tmp_path / one / "same" / "clip.mp4" for one in "ab"]
    assert len(set(names_of(deep))) == 2
    odd = [tmp_path / "..x.mp4", tmp_path / "new\nline.mp4", tmp_path / f"{'ä' * 140}.mp4"]
    assert all(is_id(name) for name in names_of(odd))


@real
def test_a_file_is_what_it_holds_and_not_what_it_is_called(tmp_path, silent):
    sound = tmp_path / "talk.mp4"
    shutil.copy(WAV, sound)
    manifest = given([MEDIA / ONE, sound, silent], [], "one", tmp_path / "work")
    assert kinds(manifest) == [
        ("single_face", "p1", "audio"), ("single_face", "p1", "video"), ("talk", "p1", "audio"),
        ("mute", "p1", "video"),
    ]  # fmt: skip
    assert codes(tmp_path / "work") == [("mute", "no_audio_stream")]
    by_kind = {(row.recording, row.kind): row for row in read_manifest(manifest)}
    assert by_kind["talk", "audio"].duration_s == pytest.approx(11.0, abs=0.01)
    assert by_kind["mute", "video"].frames == 12
    assert all(row.checksum.startswith("sha256:") for row in by_kind.values())


@real
def test_what_cannot_be_used_is_a_fault_beside_others(tmp_path):
    whole = (MEDIA / ONE).read_bytes()
    bad = {"cut.mp4": whole[: len(whole) // 2], "empty.mp4": b"", "text.mp4": b"no media at all" * 99}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    cv2.imwrite(str(tmp_path / "still.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "still.png").rename(tmp_path / "still.mp4")
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    names = [*bad, "still.mp4", "folder.mp4", "pipe.mp4", "absent.mp4"]
    manifest = given([WAV, *(tmp_path / name for name in names)], [], "one", tmp_path / "work")
    assert kinds(manifest) == [("jfk", "p1", "audio")]
    assert dict(codes(tmp_path / "work")) == {
        **{name.removesuffix(".mp4"): "unreadable_media" for name in names}, "still": "still_picture",
    }  # fmt: skip
    for name in names:
        with pytest.raises(DataError, match="found:"):
            given([tmp_path / name], [], "one", tmp_path / "work")


@real
def test_files_that_do_not_belong_together_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="given twice"):
        given([WAV, WAV.parent / ".." / "speech" / WAV.name], [], "one", tmp_path)
    with pytest.raises(ConfigError, match="partner of 2"):
        given([WAV, MEDIA / ONE], [MEDIA / "face" / "no_face.mp4"], "one", tmp_path)
    with pytest.raises(ConfigError, match="2 sound files for 1"):
        given([MEDIA / ONE], [], "one", tmp_path, Extras([WAV, WAV]))
    with pytest.raises(ConfigError, match="no such file"):
        given([MEDIA / ONE], [], "one", tmp_path, Extras([tmp_path / "nowhere.wav"]))
    with pytest.raises(ConfigError, match="one of one, largest, all"):
        given([MEDIA / ONE], [], "some", tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="--channels"):
        given([MEDIA / "physio" / "short_psg.bdf"], [], "one", tmp_path)
    with pytest.raises(DataError, match=r"no channel Fp1.*EEG Fpz-Cz"):
        given([MEDIA / "physio" / "short_psg.bdf"], [], "one", tmp_path, corpus="deap")


@real
def test_partners_their_sound_and_what_is_said(tmp_path, silent):
    said = tmp_path / "said.txt"
    said.write_text("ask not what your country can do for you")
    manifest = given([silent], [MEDIA / ONE], "one", tmp_path / "work", Extras([WAV], [said]))
    assert kinds(manifest) == [
        ("mute", "p1", "audio"), ("mute", "p1", "text"), ("mute", "p1", "video"), ("mute", "p2", "audio"),
        ("mute", "p2", "video"),
    ]  # fmt: skip
    rows = {(row.participant, row.kind): row for row in read_manifest(manifest)}
    assert rows["p1", "audio"].path.endswith("jfk.wav")
    assert rows["p1", "text"].language == "english"


@real
def test_channels_are_those_of_a_corpus(tmp_path):
    manifest = given([MEDIA / "physio" / "test.bdf"], [], "one", tmp_path, corpus="mahnob")
    found = {row.kind: row for row in read_manifest(manifest)}
    assert set(found) <= {"eeg", "ecg", "gsr"}
    assert found["eeg"].dim == 32
    assert found["eeg"].duration_s == pytest.approx(1.0)
