"""What tables of clips will miss is told from the manifests alone."""

from __future__ import annotations

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.families.clips.stages.foreseen import missing
from affectssm.store.card import make_card

KINDS = ("sentiment", "transcript", "audio", "video")
SOURCES = {"sims": {"extracted": KINDS[1:], "unaligned": ("unaligned_text",)}, "mosei": {}}


def told(tmp_path, clips):
    rows = [
        StreamRow("sims", split, name, "v", kind, "a", "root", 1.0, 1, 1, 1.0, 1, "x", "v", "chinese", "s00")
        for name, (split, kinds) in clips.items()
        for kind in kinds
    ]
    path = tmp_path / "sims-demo" / "manifest.parquet"
    write_manifest(path, rows, make_card("corpora/manifest", ["affectssm.errors"], {}))
    return list(missing({"kinds": SOURCES, "splits": ("val", "test")}, [path]))


def test_a_source_without_a_labelled_clip_in_a_split_is_named(tmp_path):
    clips = {
        "v[0]": ("test", ("sentiment", "unaligned_text")),
        "v[1]": ("val", ("sentiment", "audio")),  # the sound is enough
        "v[2]": ("test", KINDS[1:]),  # no label: nobody expects it
        "v[3]": ("train", (*KINDS, "unaligned_text")),
    }
    assert told(tmp_path, clips) == [
        "sims, test: no labelled clip with transcript, audio, video (source extracted of clips.sources.sims)",
        "sims, val: no labelled clip with unaligned_text (source unaligned of clips.sources.sims)",
    ]
    clips |= {"v[4]": ("test", ("sentiment", "video")), "v[5]": ("val", ("sentiment", "unaligned_text"))}
    assert told(tmp_path, clips) == []
