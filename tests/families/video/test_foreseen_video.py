"""What tables will miss is told from the manifest alone."""

from __future__ import annotations

from affectssm.corpora.manifest import write_manifest
from affectssm.families.video.stages.foreseen import missing
from affectssm.store.card import make_card
from tests.families.video.small_videos import MODULE, VIDEOS, Video, manifest_rows


def told(tmp_path, videos, kinds=("crops",), splits=("val",), seats=None):
    path = tmp_path / "affwild2-demo" / "manifest.parquet"
    write_manifest(path, manifest_rows(videos), make_card("corpora/manifest", MODULE, {}, seats=seats or {}))
    return list(missing({"kinds": {"mae": list(kinds)}, "splits": list(splits)}, [path]))


def test_nothing_is_missing_from_a_whole_corpus(tmp_path):
    whole = [video for video in VIDEOS if not video.without]
    assert told(tmp_path, whole, splits=("train", "val")) == []


def test_people_without_a_stream_are_named(tmp_path):
    assert told(tmp_path, VIDEOS) == ["mae, val: video13/video13 (no crops)"]
    assert told(tmp_path, VIDEOS, kinds=("video",)) == []
    found = told(tmp_path, VIDEOS, kinds=("audio",), splits=("train", "val"))
    assert len(found) == len({p for v in VIDEOS if v.split != "test" for p in v.names})
    assert "mae, train: video2/video2_left (no audio)" in found


def test_people_without_an_annotation_are_named(tmp_path):
    bare = Video("video60", "val", 30, 25.0, without=("annotation",))
    assert told(tmp_path, [*VIDEOS[:3], bare, VIDEOS[10]]) == ["mae, val: video60 (no labels)"]


def test_who_is_listed_without_any_file_is_named(tmp_path):
    seats = {"val": {"video61": ["video61"]}}
    found = told(tmp_path, [video for video in VIDEOS if not video.without], seats=seats)
    assert found == ["mae, val: video61 (no labels)"]
