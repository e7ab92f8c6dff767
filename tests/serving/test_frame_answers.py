"""Answers frame by frame: the model's own, over the whole recording, with gaps, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
import torch

from affectssm.corpora.manifest import write_manifest
from affectssm.errors import DataError
from affectssm.families.dialogue.stages.answer import answer as dialogue_answer
from affectssm.families.video.stages.answer import answer as video_answer
from affectssm.serving.answers import checked, within, write_csv
from affectssm.store.shards import Track
from affectssm.training import frame_answers
from affectssm.training.frame_models import load_model
from affectssm.training.run_files import read_config
from tests.serving.small_models import DIM, dialogue_run, video_run
from tests.timeline.manifest_rows import row
from tests.timeline.window_world import write_shard

RATE, FRAMES = 20.0, 37


def media(folder, feature, tracks, seconds=FRAMES / RATE, rate=RATE, kind="video"):
    """A manifest and feature files of people of one recording."""
    rows = []
    for name in tracks:
        own = row("given", "all", "clip", name, kind)
        rows.append(
            own.__class__(
                **{**vars(own), "rate": rate, "duration_s": seconds, "frames": round(seconds * rate)}
            )
        )
    write_manifest(folder / "manifest.parquet", rows, {"id": "m"})
    write_shard(
        folder / "features" / feature / "s00.h5", {("clip", name): one for name, one in tracks.items()}
    )
    return folder / "manifest.parquet", folder / "features"


def track(rows, rate=RATE, seed=0, gap=slice(0, 0), dim=DIM):
    value = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    valid = np.ones(rows, bool)
    valid[gap] = False
    return Track(value, (np.arange(rows) + 0.5) / rate, valid, rate)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return video_run(tmp_path_factory.mktemp("va") / "results", source="mae")


def va(run, manifest, features, work, **changed):
    settings = (
        read_config(run / "config.yaml") | {"windows": {"length": 10, "stride": 10}, "set": ""} | changed
    )
    return video_answer(run, settings, manifest, features, work, "")


def test_answers_are_the_networks_own_window_by_window_from_the_first_frame_to_the_last(run, tmp_path):
    own = track(FRAMES)
    wide = {"windows": {"length": 10, "stride": 8}, "blend": "later"}
    found = va(run, *media(tmp_path, "mae", {"p1": own}), tmp_path, **wide)
    model, _, _ = load_model(run)
    expected: list = []
    with (
        torch.inference_mode()
    ):  # the first window that holds a frame answers; the last one ends with the video
        for start in (0, 8, 16, 24, 27):
            rows = torch.from_numpy(own.value[start : start + 10])
            seen = sum(map(len, expected))
            expected.append(model.network(rows[None])[0].clamp(-1, 1).numpy()[seen - start :])
    expected = np.concatenate(expected)
    np.testing.assert_allclose(found["valence"].to_numpy(), expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(found["arousal"].to_numpy(), expected[:, 1], atol=1e-5)
    np.testing.assert_allclose(found["start_s"].to_numpy(), np.arange(FRAMES) / RATE)
    np.testing.assert_allclose(found["time_s"].to_numpy(), (np.arange(FRAMES) + 0.5) / RATE)
    assert found["stop_s"].to_pylist()[-1] == pytest.approx(FRAMES / RATE) and all(found["valid"].to_pylist())


def test_a_gap_stays_one_although_the_model_carries_the_last_face_forward(run, tmp_path):
    assert read_config(run / "config.yaml")["forward_fill"]
    found = va(run, *media(tmp_path, "mae", {"p1": track(FRAMES, gap=slice(12, 17))}), tmp_path)
    valid = found["valid"].to_numpy(zero_copy_only=False)
    assert np.flatnonzero(~valid).tolist() == [12, 13, 14, 15, 16]
    assert np.isnan(found["valence"].to_numpy()).tolist() == (~valid).tolist()


def test_a_rate_of_its_own_and_an_absent_feature_are_borne(run, tmp_path):
    found = va(run, *media(tmp_path, "mae", {"p1": track(36, 12.0), "p2": None}, 3.0, 12.0), tmp_path)
    assert found["participant"].to_pylist() == ["p1"] * 36 + ["p2"] * 36
    assert found["valid"].to_pylist() == [True] * 36 + [False] * 36


def test_partners_are_heard_and_every_one_is_answered(tmp_path):
    run = dialogue_run(tmp_path / "results", {"audio": ["egemapsv2"], "visual": ["clip"]})
    tracks = {name: track(90, 25.0, seed) for seed, name in enumerate(("p1", "p2"))}
    settings = read_config(run / "config.yaml") | {"set": ""}

    def engagement(names, folder):
        manifest, features = media(folder, "egemapsv2", {n: tracks[n] for n in names}, 3.6, 25.0)
        write_shard(features / "clip" / "s00.h5", {("clip", name): tracks[name] for name in names})
        return dialogue_answer(run, settings, manifest, features, folder, "")

    both, alone = engagement(["p1", "p2"], tmp_path / "both"), engagement(["p1"], tmp_path / "alone")
    assert both.num_rows == 180 and alone.num_rows == 90  # 25 a second, of 3.6 s
    p1 = both["engagement"].to_numpy()[:90]
    assert np.abs(p1 - alone["engagement"].to_numpy()).max() > 1e-6
    assert ((p1 > 0) & (p1 < 1)).all()


def test_memory_does_not_grow_with_the_features_and_answers_are_the_same(run, tmp_path, monkeypatch):
    def peak(frames):
        own = media(tmp_path / str(frames), "mae", {"p1": track(frames)}, frames / RATE)
        tracemalloc.start()
        found = va(run, *own, tmp_path)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found, most

    cached, _ = peak(1500)
    monkeypatch.setattr(frame_answers, "CACHE_BYTES", 0)
    stored, short = peak(1500)
    assert cached.equals(stored)
    _, long = peak(12_000)
    answers = 12_000 * 200  # bytes a row of answers may take, at most
    assert long - short < answers + 12_000 * DIM * 4 / 4


def test_weights_of_another_model_are_refused(run, tmp_path):
    import yaml

    other = tmp_path / "run"
    other.mkdir()
    (other / "checkpoint.safetensors").write_bytes((run / "checkpoint.safetensors").read_bytes())
    config = read_config(run / "config.yaml")
    config["model_settings"]["hidden"] = 5
    (other / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    with pytest.raises(DataError, match="weights that do not fit the model"):
        va(other, *media(tmp_path, "mae", {"p1": track(FRAMES)}), tmp_path)


def table(participants=("p1",), frames=10, hz=10.0):
    frame = np.tile(np.arange(frames), len(participants))
    return pa.table(
        {
            "recording": ["r"] * len(frame),
            "participant": np.repeat(participants, frames),
            "start_s": frame / hz,
            "stop_s": (frame + 1) / hz,
            "time_s": (frame + 0.5) / hz,
            "joy": np.linspace(0, 1, len(frame)),
            "valid": frame != 3,
        }
    )


def test_answers_begin_and_end_where_each_video_does(tmp_path):
    found = within(table(("p1", "p2", "p3")), {("r", "p1"): (0.23, 0.94), ("r", "p2"): (0.0, 1.04)})
    rows = {
        name: [one for one in found.to_pylist() if one["participant"] == name] for name in ("p1", "p2", "p3")
    }
    assert [rows["p1"][0][name] for name in ("start_s", "time_s")] == [0.23, 0.25]
    assert rows["p1"][-1]["stop_s"] == 0.94 and len(rows["p1"]) == 7
    late = within(table(), {("r", "p1"): (0.36, 1.0)}).to_pylist()[0]  # the frame before is seen for too short
    assert (late["start_s"], late["time_s"]) == (0.36, 0.45)
    assert rows["p2"][0]["start_s"] == 0 and rows["p2"][-1]["stop_s"] == 1.04  # less than half a frame more
    assert rows["p3"][-1]["stop_s"] == 1.0
    # what a model did not answer for is not made up
    assert within(table(), {("r", "p1"): (0.0, 3.0)}).to_pylist()[-1]["stop_s"] == 1.0


def test_rows_that_are_not_valid_have_no_values_and_others_must_be_numbers(tmp_path):
    write_csv(tmp_path / "a.csv", checked(table(), ["joy"], "here"))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "recording,participant,start_s,stop_s,time_s,joy,valid"
    assert lines[3:5] == ["r,p1,0.2,0.3,0.25,0.222222,1", "r,p1,0.3,0.4,0.35,,0"]
    bad = table().set_column(5, "joy", pa.array(np.full(10, np.nan)))
    with pytest.raises(DataError, match="joy that is no number in 9 rows"):
        checked(bad, ["joy"], "here")
    with pytest.raises(DataError, match="answers without joy"):
        checked(table().drop_columns("joy"), ["joy"], "here")
