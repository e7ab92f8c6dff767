"""The demo corpora as files: whole, made again to the same bytes, readable by ear and eye, with their specimens."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import wave
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from affectssm.corpora.demo import dialogue_sessions, face, speech, streams, texts, truth
from affectssm.corpora.demo.session import write_seat, write_surroundings
from affectssm.corpora.demo.world import PAD, PER_LABEL, at_labels
from affectssm.corpora.demo.write import write_demo
from affectssm.errors import ConfigError, DataError
from affectssm.store.parquet import read_parquet
from affectssm.vocabulary.faults import CODES


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "demo-tiny"
    write_demo("demo-tiny", out)
    return out


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Path:
    """NoXi's train folder with the short recordings that hold the destructive specimens."""
    out = tmp_path_factory.mktemp("bad")
    for session in dialogue_sessions.sessions("demo"):
        if session.seconds == dialogue_sessions.SHORT_S:
            world = truth.session_world(session)
            write_surroundings(session, out)
            for seat in session.seats:
                write_seat(session, seat, world, out)
    return out / "noxi" / "train"


def _hashes(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "card.json")
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def _sound(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def _pictures(path: Path) -> list[np.ndarray]:
    import av

    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def _share_with_a_face(pictures: list[np.ndarray]) -> float:
    import mediapipe

    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True) as mesh:
        return float(np.mean([bool(mesh.process(picture).multi_face_landmarks) for picture in pictures]))


def test_made_again_it_has_the_same_bytes_less_the_labels_that_are_withheld(tiny, tmp_path):
    again = tmp_path / "other" / "place"
    write_demo("demo-tiny-withheld", again)
    whole, held_back = _hashes(tiny), _hashes(again)
    assert not (again / "ground_truth").exists()
    assert held_back == {name: value for name, value in whole.items() if not name.startswith("ground_truth/")}
    assert [path.name for path in again.parent.iterdir()] == ["place"]


def test_the_card_lists_every_file(tiny):
    card = json.loads((tiny / "card.json").read_text())["card"]
    assert card["extra"]["files"] == _hashes(tiny)


def test_test_labels_lie_in_the_ground_truth_only(tiny):
    labels = {path.relative_to(tiny).as_posix() for path in tiny.rglob("*.engagement.annotation.csv")}
    assert not [name for name in labels if "/test" in name and not name.startswith("ground_truth/")]
    assert "ground_truth/noxi/test-base/010/expert.engagement.annotation.csv" in labels
    assert "ground_truth/noxi/test-additional/090/novice.engagement.annotation.csv" in labels
    assert "ground_truth/mpiigroupinteraction/test/001/subjectPos3.engagement.annotation.csv" in labels
    assert "mpiigi/val/engagement-annotations-val/026/subjectPos2.engagement.annotation.csv" in labels


def test_an_unknown_edition_is_named(tmp_path):
    with pytest.raises(ConfigError, match="demo-tiny"):
        write_demo("dmeo", tmp_path / "out")


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match=r"thesis\.tex"):
        write_demo("demo-tiny", tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    (out / "truth").mkdir(parents=True)
    monkeypatch.setattr("affectssm.corpora.demo.session.media.write_video", full)
    with pytest.raises(DataError, match="No space left"):
        write_demo("demo-tiny", out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "truth").is_dir()


@pytest.mark.parametrize("edition", dialogue_sessions.EDITIONS)
def test_every_specimen_of_an_edition_has_a_known_code(edition):
    found = list(dialogue_sessions.specimens(edition))
    assert len({(row.corpus, row.recording, row.participant, row.kind) for row in found}) == len(found)
    assert {row.code for row in found} - {""} <= set(CODES)


def test_the_demo_holds_every_kind_of_specimen_and_no_destructive_one_outside_train():
    rows = list(dialogue_sessions.specimens("demo"))
    assert {row.kind for row in rows} == set(dialogue_sessions.KINDS)
    harmless = {"w2vbert2_rate", "empty_seat", "parallel_tree", "visual_only", "scene_stream", "dino_2304"}
    assert {row.kind for row in rows if row.split != "train"} <= harmless


def test_the_table_of_specimens_is_written(tiny):
    with (tiny / "truth" / "specimens.csv").open(encoding="utf-8") as file:
        rows = [dialogue_sessions.Specimen(**row) for row in csv.DictReader(file)]
    assert rows == list(dialogue_sessions.specimens("demo-tiny"))


def test_labels_are_the_worlds_apart_from_the_planted_lines(tiny):
    session = dialogue_sessions.sessions("demo-tiny")[0]
    expected = truth.session_world(session).engagement["expert"]
    path = tiny / "noxi" / "train" / "001" / "expert.engagement.annotation.csv"
    lines = path.read_text("latin-1").split("\n")[:-1]
    assert len(lines) == len(expected)
    for row, line in enumerate(lines):
        if row in texts.TOKENS:
            assert line == texts.TOKENS[row]
        else:
            assert float(line) == pytest.approx(expected[row], abs=1e-6)


def test_the_face_is_found_in_the_coded_video(tiny):
    pictures = _pictures(tiny / "noxi" / "val" / "005" / "novice.video.mp4")
    assert len(pictures) == round(dialogue_sessions.TINY_S * 25)
    assert pictures[0].shape == (face.SIZE, face.SIZE, 3)
    assert _share_with_a_face(pictures[::10]) == 1


def test_optical_flow_follows_zv():
    session = dialogue_sessions.sessions("demo")[0]
    zv = truth.session_world(session).zv["expert"][: PAD + 6 * 100]
    moves = face.motion(session.key, "expert", zv)
    grey = [
        cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in face.render(session.key, "expert", moves)
    ]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    measured = []
    for before, after in pairwise(grey):
        vectors = flow.calc(before, after, None)
        measured.append(np.linalg.norm(vectors[44:192, 44:180], axis=2).mean())
    speeds = face.speed(zv[PAD:])
    planted = speeds[PER_LABEL // 2 : -PER_LABEL // 2].reshape(-1, PER_LABEL).mean(axis=1)
    assert np.corrcoef(measured, planted)[0, 1] > 0.97
    assert np.abs(np.array(measured) - planted).mean() < 0.25  # pixels a picture


def test_a_latent_at_its_lower_end_is_a_head_at_rest():
    moves = face.motion("noxi/001", "expert", np.full(PAD + 400, -2.5))
    assert np.linalg.norm(np.diff(moves.head, axis=0), axis=1).max() < 0.1
    assert np.abs(np.diff(moves.lip)).max() < 0.1


def test_the_energy_of_speech_follows_za():
    session = dialogue_sessions.sessions("demo")[0]
    za = truth.session_world(session).za["novice"]
    sound = speech.synthesise(session.key, "novice", za).astype(float)
    energy = np.log(np.mean(sound.reshape(-1, 640) ** 2, axis=1) + 1)
    assert np.corrcoef(energy, at_labels(za))[0, 1] > 0.85
    averaged = np.convolve(energy, np.ones(8) / 8, "same")
    assert np.corrcoef(averaged[8:-8], at_labels(za)[8:-8])[0, 1] > 0.95


def test_streams_have_the_dimensions_and_carry_the_latents(tiny):
    table = read_parquet(tiny / "truth" / "latents.parquet").to_pandas()
    rows = table[(table.corpus == "noxi") & (table.recording == "005") & (table.participant == "expert")]
    folder = tiny / "noxi" / "val" / "005"
    for feature, dim in streams.DIMS.items():
        path = folder / f"expert.{dialogue_sessions.NAMES_24[feature]}.stream~"
        values = np.fromfile(path, "<f4").reshape(-1, dim)
        assert len(values) == len(rows)
        assert np.isfinite(values).all()
        latent = rows.za if feature in ("egemapsv2", "w2vbert2") else rows.zv
        moving = values[:, np.ptp(values, axis=0) > 0]
        best = max(abs(np.corrcoef(column, latent)[0, 1]) for column in moving.T)
        assert best > 0.6, feature


def test_openface_columns_come_in_its_order(tiny):
    folder = tiny / "noxi" / "val" / "005"
    values = np.fromfile(folder / "expert.video.openface2.stream~", "<f4").reshape(-1, 714)
    np.testing.assert_array_equal(values[:, 0], np.arange(len(values)) + 1)
    np.testing.assert_allclose(values[:, 2], np.arange(len(values)) / 25, atol=1e-5)
    assert set(values[:, 4]) == {1.0}
    units, presences = values[:, -35:-18], values[:, -18:]
    assert units.min() >= 0
    assert units.max() <= 5
    assert set(np.unique(presences)) <= {0.0, 1.0}


def test_nobody_is_seen_on_the_empty_seat(tiny):
    folder = tiny / "mpiigi" / "test" / "precomputed-features-test" / "001"
    assert not list(folder.glob("subjectPos4.audio*"))
    keypoints = np.fromfile(folder / "subjectPos4.openpose.stream~", "<f4")
    assert set(keypoints) == {streams.UNDETECTED}


def test_broken_media(bad):
    import av

    with pytest.raises(av.FFmpegError):
        av.open(str(bad / "055" / "expert.video.mp4"))
    decoded = 0
    with av.open(str(bad / "055" / "novice.video.mp4")) as file, pytest.raises(av.FFmpegError):
        for _ in file.decode(video=0):
            decoded += 1
    assert 25 < decoded < 125
    assert not list((bad / "067").glob("*.mp4"))
    assert not list((bad / "067").glob("*.wav"))


def test_silence_and_a_video_without_a_face(bad):
    assert not _sound(bad / "052" / "novice.audio.wav").any()
    assert _sound(bad / "052" / "expert.audio.wav").any()
    assert _share_with_a_face(_pictures(bad / "052" / "expert.video.mp4")[::12]) == 0


def test_missing_pieces(bad):
    short = (bad / "050" / "expert.audio.egemapsv2.stream~").stat().st_size
    assert short < 125 * 88 * 4
    assert short % (88 * 4)
    assert not (bad / "050" / "novice.engagement.annotation.csv").exists()
    assert not list((bad / "056").glob("expert.*"))
