"""From media to a table of features by the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest

from affectssm.cli import main
from affectssm.errors import ConfigError
from affectssm.serving.features import Asked, _card, features_section
from affectssm.serving.words import told_apart
from affectssm.settings.features import settings_of
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ResumableShard, ShardReader, Track
from tests.serving.made_media import MEDIA, ONE, pictures, real, write_video

FEATURES = ("optical_flow", "landmark_flow")
LAB = "scale: tiny\nfamilies: [dialogue]\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder in which features of one clip were made, with what was computed kept."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "lab.yaml").write_text(LAB)
    words = [
        str(MEDIA / ONE),
        *FEATURES,
        "--config",
        str(folder / "lab.yaml"),
        "--work",
        str(folder / "work"),
    ]
    assert main(["features", *words, "--out", str(folder / "long.parquet")]) == 0
    for name in ("wide.parquet", "wide.csv", "wide.h5"):
        assert main(["features", *words, "--hz", "10", "--out", str(folder / name)]) == 0
    return folder


def track(folder: Path, name: str):
    with ShardReader(folder / "work" / "features" / name / "s00.h5") as reader:
        return reader.track("single_face", "p1")


@real
def test_a_long_table_has_every_row_of_every_track(made):
    table = read_parquet(made / "long.parquet").to_pandas()
    assert list(table.columns) == ["recording", "participant", "feature", "time_s", "valid", "value"]
    for name in FEATURES:
        own, kept = table[table.feature == name], track(made, name)
        assert np.array_equal(own.time_s, kept.time)
        assert np.array_equal(own.valid, kept.valid)
        assert np.array_equal(np.stack(own.value), kept.value.astype(np.float32))
    card = read_card(made / "long.parquet")
    assert card["extra"]["weights"] == {}
    assert card["settings"]["face_track"]["zoom"] == 1


def test_a_card_says_that_weights_were_random(tmp_path):
    settings = settings_of("wav2vec2", features_section([], "random"))
    made = make_card("features/wav2vec2", ["affectssm.errors"], settings, encoder={"random_seed": 7})
    shard = ResumableShard(tmp_path / "wav2vec2" / "s00.h5", made)
    shard.write("a", "c", {"p1": Track(np.zeros((1, 2), np.float32), np.zeros(1), np.ones(1, bool), 1.0)})
    shard.finish()
    card = _card(Asked([Path("a.wav")], ["wav2vec2"]), ["wav2vec2"], {"wav2vec2": settings}, tmp_path)
    assert card["extra"]["weights"] == {"wav2vec2": "random"}
    assert card["extra"]["made"]["wav2vec2"] == {"encoder": {"random_seed": 7}}


@real
def test_a_wide_table_is_on_one_clock_from_beginning_to_end(made):
    table = read_parquet(made / "wide.parquet").to_pandas()
    assert np.allclose(table.time_s, (np.arange(24) + 0.5) / 10)  # 2.42 s
    kept = track(made, "optical_flow")
    expected = [np.interp(table.time_s, kept.time, column) for column in kept.value.T.astype(np.float64)]
    there = table.optical_flow_valid.to_numpy()
    assert there.sum() >= 23
    assert np.allclose(np.stack(table.optical_flow)[there], np.stack(expected, 1)[there], atol=1e-3)
    with (made / "wide.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["optical_flow_5"]) for row in rows] == pytest.approx(
        [v[5] for v in table.optical_flow], abs=1e-4
    )
    with h5py.File(made / "wide.h5") as file:
        assert np.array_equal(file["landmark_flow/value"][:], np.stack(table.landmark_flow))
        assert file["recording"].asstr()[:].tolist() == ["single_face"] * 24
        assert np.array_equal(file["landmark_flow/valid"][:].astype(bool), table.landmark_flow_valid)
    assert (
        read_card(made / "wide.h5")["stage"]
        == read_card(made / "wide.card.json")["stage"]
        == "given/features"
    )


@real
def test_what_was_computed_is_not_computed_again(made, monkeypatch):
    def computed(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("affectssm.features.landmark_flow.LandmarkFlow.extract", computed)
    monkeypatch.setattr("affectssm.features.faces.FaceTrack.extract", computed)
    words = [
        str(MEDIA / ONE),
        "landmark_flow",
        "--config",
        str(made / "lab.yaml"),
        "--work",
        str(made / "work"),
    ]
    assert main(["features", *words, "--out", str(made / "again.parquet")]) == 0


@real
def test_a_video_without_sound_has_its_pictures_features(tmp_path, capsys):
    path = write_video(tmp_path / "mute.mkv", pictures(ONE, 10), "mpeg4")
    (tmp_path / "lab.yaml").write_text(LAB)
    out = tmp_path / "a.csv"
    words = [
        str(path),
        "wav2vec2",
        "landmark_flow",
        "--config",
        str(tmp_path / "lab.yaml"),
        "--out",
        str(out),
    ]
    assert main(["features", *words]) == 0
    said = capsys.readouterr().out
    assert "wav2vec2: absent" in said
    assert said.count("no_audio_stream") == 1
    assert {row["feature"] for row in csv.DictReader(out.open())} == {"landmark_flow"}
    assert not list(tmp_path.glob(".*"))
    assert main(["features", str(path), "wav2vec2", "--weights", "random", "--out", str(out)]) == 1
    assert "nothing that wav2vec2 can be made of" in capsys.readouterr().err


def test_missing_weights_are_told_before_anything_is_computed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.mp4").write_bytes(b"")
    assert main(["features", "a.mp4", "wav2vec2", "--out", "a.parquet"]) == 1
    said = capsys.readouterr().err
    assert "affectssm weights fetch" in said
    assert "--weights random" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_words_are_files_or_features(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("wav2vec2", "clip.mp4"):
        Path(name).write_text("")
    assert told_apart(["clip.mp4", "wav2vec2", "clip_face"]) == (
        [Path("clip.mp4"), Path("wav2vec2")],
        ["clip_face"],
    )
    for words, said in (
        (["clip.mp4", "clip_fac"], "did you mean clip_face"),
        (["clp.mp4", "clip_face"], "did you mean clip.mp4"),
        (["clip.mp4", "engagement"], "labels, not of media"),
        (["clip_face"], "no file"),
        (["clip.mp4"], "no name"),
    ):
        with pytest.raises(ConfigError, match=said):
            told_apart(words)


def test_a_table_of_no_known_form_is_refused(tmp_path, capsys):
    path = tmp_path / "a.mp4"
    path.write_text("")
    assert main(["features", str(path), "wav2vec2", "--out", str(tmp_path / "a.txt")]) == 1
    assert ".parquet, .csv, .h5" in capsys.readouterr().err
