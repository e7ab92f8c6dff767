"""The window files of a task: every frame in a window, at the video's own rate; who is left out, and why."""

from __future__ import annotations

import numpy as np
import pytest

from affectssm.corpora.manifest import write_manifest
from affectssm.errors import DataError
from affectssm.families.video.stages.windows import write_windows
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.index import read_windows
from tests.families.video.small_videos import (
    LENGTH,
    MODULE,
    PREDICTED_STRIDE,
    STRIDE,
    VIDEOS,
    Video,
    manifest_rows,
    window_settings,
    write_world,
)

STRIDES = {"learnt": STRIDE, "labelled": PREDICTED_STRIDE, "test": PREDICTED_STRIDE}
HERE = {(v.name, person): v for v in VIDEOS for person in v.names if "crops" not in v.without}


@pytest.mark.parametrize("name", STRIDES)
def test_windows_hold_every_frame_and_end_with_the_video(world, name):
    index = read_windows(world.windows / f"{name}.parquet")
    test = name == "test"
    expected = {seat for seat, video in HERE.items() if (video.split == "test") is test}
    assert {(t.recording, t.participant) for t in index.targets} == expected
    for number, target in enumerate(index.targets):
        video = HERE[target.recording, target.participant]
        assert (target.label_frames, target.label_hz) == (video.frames, video.rate)
        assert target.partners == (), "nobody else is looked at"
        starts = index.start[index.target == number]
        held = np.zeros(video.frames, int)
        for start in starts:
            held[start : start + LENGTH] += 1
        assert held.all() and starts[0] == 0
        assert starts[-1] + LENGTH == max(video.frames, LENGTH)
        assert set(np.diff(starts)[:-1]) <= {STRIDES[name]} and len(set(starts)) == len(starts)


def test_who_cannot_be_predicted_is_named_with_the_reason(world):
    rows = read_parquet(world.missing).to_pylist()
    found = {(row["split"], row["participant"], row["reason"]) for row in rows}
    assert found == {("val", "video13", "no crops"), ("test", "video22", "no crops")}


def test_windows_that_are_learnt_do_not_depend_on_test_videos(world, tmp_path):
    other = write_world(tmp_path, [*VIDEOS[:13], Video("video50", "test", 90, 30.0)])
    for name in ("learnt", "labelled"):
        one, two = (read_card(w.windows / f"{name}.parquet")["id"] for w in (world, other))
        assert one == two
    one, two = (read_card(w.windows / "test.parquet")["id"] for w in (world, other))
    assert one != two


def test_a_corpus_nobody_can_be_learnt_from_is_an_error(tmp_path):
    manifest = tmp_path / "affwild2-demo" / "manifest.parquet"
    write_manifest(manifest, manifest_rows(VIDEOS), make_card("corpora/manifest", MODULE, {}))
    settings = window_settings("training", kinds=["crops", "audio"])
    with pytest.raises(DataError, match="nobody with labels") as error:
        write_windows(settings, [manifest], tmp_path / "task")
    assert "audio" in str(error.value) and not (tmp_path / "task" / "learnt.parquet").exists()
