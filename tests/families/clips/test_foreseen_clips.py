"""What tables of clips will miss is told from the manifests alone."""

from __future__ import annotations

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.families.clips.stages.foreseen import missing
from affectssm.store.card import make_card

KINDS = ("sentiment", "transcript", "audio", "video")
SOURCES = {"sims": {"extracted": KINDS[1:], "unaligned": ("unaligned_text",)}, "mosei": {}}


def told(tmp_path, clips, splits=("val", "test"), **more):
    rows = [
        StreamRow("sims", split, name, "v", kind, "a", "root", 1.0, 1, 1, 1.0, 1, "x", "v", "chinese", "s00")
        for name, (split, kinds) in clips.items()
        for kind in kinds
    ]
    path = tmp_path / "sims-demo" / "manifest.parquet"
    write_manifest(path, rows, make_card("corpora/manifest", ["affectssm.errors"], {}))
    return list(missing({"kinds": SOURCES, "splits": splits, **more}, [path]))


def test_clips_without_any_kind_of_a_source_are_named(tmp_path):
    clips = {
        "v[0]": ("test", (*KINDS, "unaligned_text")),
        "v[1]": ("test", ("sentiment", "audio", "unaligned_text")),  # the sound is enough
        "v[2]": ("test", ("sentiment", "unaligned_text")),
        "v[3]": ("val", KINDS),
        "v[4]": ("test", KINDS[1:]),  # no label: nobody expects it
        "v[5]": ("train", ("sentiment",)),
    }
    assert told(tmp_path, clips) == [
        "sims unaligned, val: v[3] (no unaligned_text)",
        "sims extracted, test: v[2] (no transcript, audio, video)",
    ]
    assert told(tmp_path, clips, splits=("train",))[0].startswith("sims extracted, train: v[5]")


def test_fewer_labelled_clips_than_the_owners_are_counted(tmp_path):
    clips = {f"v[{n}]": ("test", (*KINDS, "unaligned_text")) for n in range(3)}
    counts = {"sims": {"test": 5, "val": 0}}
    assert told(tmp_path, clips, counts=counts) == ["sims, test: 2 of 5 labelled clips (not found)"]
    assert told(tmp_path, clips, counts={"sims": {"test": 3}}) == told(tmp_path, clips) == []
