"""The submission, checked as the challenge describes it: a header, then a line for each listed frame, in order."""

from __future__ import annotations

import json

import numpy as np
import pytest

from affectssm import cli
from affectssm.errors import DataError
from affectssm.families.video.run_settings import SubmissionSettings
from affectssm.families.video.stages.submission import write_submission
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
from tests.families.video.small_videos import MODULE, VIDEOS, predicted, write_predictions

TEST = [video for video in VIDEOS if video.split == "test" and "crops" not in video.without]
PREDICTED = sorted(person for video in TEST for person in video.names)
BY_PERSON = {person: video for video in VIDEOS if video.split == "test" for person in video.names}
EXPERIMENT = "mamba_va-mae-affwild2"


def written(world, tmp_path, frames=(), skip=(), seeds=(1, 2)):
    """Write a submission; its lines, and index.json."""
    paths = [write_predictions(tmp_path / f"{seed}.parquet", seed, TEST, skip=skip) for seed in seeds]
    out, settings = tmp_path / "out", SubmissionSettings(experiment=EXPERIMENT)
    write_submission(settings, paths, world.missing, list(frames), out)
    text = (out / settings.file).read_bytes().decode("ascii")
    assert text.endswith("\n") and "\r" not in text
    return text.splitlines(), json.loads((out / "index.json").read_text())


def template(tmp_path, listed):
    """The feature ``listed_frames`` of a template with these lines: (person, number of the picture)."""
    by_video = {}
    for line, (person, number) in enumerate(listed):
        by_video.setdefault(BY_PERSON[person], {}).setdefault(person, []).append((number, line))
    path = tmp_path / "features" / "affwild2-demo" / "listed_frames" / "s00.h5"
    shard = ResumableShard(path, make_card("features/listed_frames", MODULE, {}))
    for video, people in by_video.items():
        tracks = {}
        for person, own in people.items():
            number, line = np.array(sorted(own)).T
            lines = line.astype(np.float32)[:, None]
            tracks[person] = Track(lines, (number - 0.5) / video.rate, np.ones(len(number), bool), video.rate)
        shard.write(video.name, "content", tracks)
    shard.finish()
    return path


def check_format(lines, locations):
    """As the challenge describes it."""
    assert lines[0] == "image_location,valence,arousal"
    fields = [line.split(",") for line in lines[1:]]
    assert all(len(one) == 3 for one in fields)
    assert [one[0] for one in fields] == locations
    values = np.array([one[1:] for one in fields], float)
    assert np.isfinite(values).all() and np.abs(values).max() <= 1
    return values


def mean_of(person, number):
    mean = np.mean([predicted(BY_PERSON[person], person, seed)[number - 1] for seed in (1, 2)], axis=0)
    return np.clip(mean, -1, 1)


def test_without_a_template_every_frame_of_every_test_person_is_there(world, tmp_path):
    lines, index = written(world, tmp_path)
    expected = [(p, n) for p in PREDICTED for n in range(1, BY_PERSON[p].frames + 1)]
    values = check_format(lines, [f"{person}/{number:05d}.jpg" for person, number in expected])
    np.testing.assert_allclose(values, [mean_of(*one) for one in expected], atol=6e-5)
    assert index["files"] == {"mamba_va-mae-affwild2.txt": 45 + 30 + 30}
    assert [(row["participant"], row["reason"]) for row in index["left_out"]] == [("video22", "no crops")]


def test_the_command_needs_no_template(world, tmp_path):
    path = write_predictions(tmp_path / "1.parquet", 1, TEST)
    words = ["--predictions", path, "--missing", world.missing, "--frames", "--out", tmp_path / "out"]
    settings = json.dumps({"experiment": EXPERIMENT})
    assert cli.main(["submission", "video", *map(str, words), "--settings", settings]) == 0
    assert json.loads((tmp_path / "out/index.json").read_text())["files"] == {f"{EXPERIMENT}.txt": 105}


def test_a_template_decides_which_frames_and_in_which_order(world, tmp_path):
    listed = [("video21_right", n) for n in range(1, 31, 2)]
    listed += [("video20", n) for n in (1, 2, 3, 45, 44, 10)]
    listed += [("video21_left", 30), ("video21_right", 30)]
    lines, index = written(world, tmp_path, [template(tmp_path, listed)])
    values = check_format(lines, [f"{person}/{number:05d}.jpg" for person, number in listed])
    np.testing.assert_allclose(values, [mean_of(*one) for one in listed], atol=6e-5)
    assert list(index["files"].values()) == [len(listed)]


def test_values_stay_within_bounds(world, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tests.families.video.small_videos.predicted", lambda video, *_: np.full((video.frames, 2), 1.5)
    )
    lines, _ = written(world, tmp_path)
    assert set(lines[1].split(",")[1:]) == {"1.0000"}


def test_listed_frames_beyond_the_prediction_are_filled_in_and_counted(world, tmp_path):
    listed = [("video20", 45), ("video20", 46), ("video22", 7), ("video20", 50)]
    lines, index = written(world, tmp_path, [template(tmp_path, listed)])
    values = check_format(lines, [f"{person}/{number:05d}.jpg" for person, number in listed])
    last = mean_of("video20", 45)
    everyone = [mean_of(p, n) for p in PREDICTED for n in range(1, BY_PERSON[p].frames + 1)]
    expected = [last, last, np.mean(everyone, axis=0), last]
    np.testing.assert_allclose(values, expected, atol=6e-5)
    assert index["filled"] == {"video20": 2, "video22": 1}


def test_without_anybody_predicted_there_is_a_clear_error(world, tmp_path):
    with pytest.raises(DataError, match="nobody of the test videos predicted"):
        written(world, tmp_path, skip=set(PREDICTED))
    assert not (tmp_path / "out/index.json").exists()


def test_seeds_that_differ_in_whom_they_predicted_are_refused(world, tmp_path):
    paths = [
        write_predictions(tmp_path / "1.parquet", 1, TEST),
        write_predictions(tmp_path / "2.parquet", 2, TEST, skip={"video20"}),
    ]
    with pytest.raises(DataError, match="different people"):
        write_submission(
            SubmissionSettings(experiment=EXPERIMENT), paths, world.missing, [], tmp_path / "out"
        )
    assert not (tmp_path / "out/index.json").exists()


def test_people_of_labelled_videos_are_not_in_it(world, tmp_path):
    path = write_predictions(tmp_path / "1.parquet", 1, [*VIDEOS[:2], *TEST])
    write_submission(SubmissionSettings(experiment="x+y"), [path], world.missing, [], tmp_path / "out")
    assert len((tmp_path / "out/x_y.txt").read_text().splitlines()) == 1 + 45 + 30 + 30
