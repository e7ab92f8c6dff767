"""Clips brought to steps: each clip's own rows, labels and split, whatever a clip or a shard lacks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import DataError
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.clips.stages.cut import cut_shard
from affectssm.families.clips.stages.data import open_store
from affectssm.store.card import make_card
from affectssm.store.faults import read_faults
from affectssm.store.shards import ResumableShard
from affectssm.store.track import Track
from affectssm.timeline.steps import to_steps
from tests.features.helpers import row

GROUPS = {
    "text": ("aligned_text",), "audio": ("aligned_audio", "unaligned_audio"), "vision": ("aligned_vision",),
    "tokens": ("tokens",),
}  # fmt: skip
DIMS = {
    "aligned_text": 3,
    "aligned_audio": 2,
    "unaligned_audio": 1,
    "aligned_vision": 2,
    "tokens": 1,
    "sentiment": 1,
}
CARD = make_card("test", ["affectssm.errors"], {})
STEPS = 8
CLIPS = {"v1[0]": "train", "v1[1]": "train", "-v2[0]": "val", "v3[0]": "test"}
LACKING = {("aligned_vision", "v1[1]"), ("aligned_audio", "-v2[0]"), ("sentiment", "v3[0]")}


def track(name: str, clip: str) -> Track:
    rng = np.random.default_rng([*map(ord, name + clip)])
    rows = 1 if name == "sentiment" else int(rng.integers(3, 30))
    valid = np.ones(rows, bool) if name in ("sentiment", "tokens") else rng.random(rows) < 0.8
    value = np.where(valid[:, None], rng.normal(size=(rows, DIMS[name])), 0)
    value = np.arange(101, 101 + rows)[:, None] if name == "tokens" else value
    return Track(value.astype(np.float32), np.arange(rows) + 0.5, valid, 1.0)


def world(folder: Path, names=tuple(DIMS), clips=tuple(CLIPS)) -> tuple[Path, Path]:
    """A manifest, a row a stream, and its features."""
    rows: list[StreamRow] = []
    for name in names:
        shard = ResumableShard(folder / "features" / name / "s00.h5", CARD)
        for clip in clips:
            there = (name, clip) not in LACKING
            shard.write(clip, "c", {"speaker": track(name, clip)} if there else {})
            kind = "tokens" if name == "tokens" else name
            if there or name != "aligned_audio":
                own = {
                    "corpus": "mosei",
                    "split": CLIPS[clip],
                    "recording": clip,
                    "fold_group": clip.split("[")[0],
                }
                rows.append(row(f"{name}.pkl", kind, participant="speaker", **own))
        shard.finish()
    write_manifest(folder / "manifest.parquet", rows, CARD)
    return folder / "manifest.parquet", folder / "features"


def cut(folder: Path, manifest: Path, features: Path, words: bool = False):
    asked = CutSettings(source="both", groups=GROUPS, steps=STEPS, words=words)
    out = folder / "segments" / "s00.h5"
    cut_shard(asked, manifest, features, "s00", out, out.with_suffix(".parquet"), folder / "faults.parquet")
    return open_store([out])


@pytest.mark.parametrize("words", [False, True])
def test_clips_have_their_own_rows_labels_and_splits(tmp_path, words):
    store = cut(tmp_path, *world(tmp_path), words)
    index = store.index
    assert [key[2] for key in index.key] == sorted(CLIPS)
    assert store.shapes == {
        "text": (3, STEPS),
        "audio": (3, STEPS),
        "vision": (2, STEPS),
        "tokens": (1, STEPS),
    }
    for at, (corpus, video, clip) in enumerate(index.key):
        assert (corpus, video, index.words["split"][at]) == ("mosei", clip.split("[")[0], CLIPS[clip])
        label = np.nan if clip == "v3[0]" else track("sentiment", clip).value[0, 0]
        np.testing.assert_equal(index.labels["sentiment"][at], np.float32(label))
        for modality, names in GROUPS.items():
            parts = [
                to_steps(
                    own.value,
                    own.valid,
                    STEPS,
                    "whole" if modality == "tokens" else "row" if words else "share",
                )
                if (name, clip) not in LACKING
                else (np.zeros((STEPS, DIMS[name]), np.float32), np.zeros(STEPS, bool))
                for name, own in ((name, track(name, clip)) for name in names)
            ]
            valid = np.any([part[1] for part in parts], axis=0)
            assert np.array_equal(
                store.values(modality, [at])[0].T, np.concatenate([p[0] for p in parts], axis=1)
            )
            assert np.array_equal(store.valid(modality, [at])[0], valid)
            assert index.there[modality][at] == valid.any()
    faults = [
        (fault.recording, fault.stream, fault.code) for fault in read_faults(tmp_path / "faults.parquet")
    ]
    assert faults == [("v1[1]", "vision", "modality_missing")]


def test_token_ids_are_those_of_the_text_even_of_one_longer_than_the_steps(tmp_path):
    store = cut(tmp_path, *world(tmp_path))
    for at in range(len(store.index)):
        valid, ids = store.valid("tokens", [at])[0], store.values("tokens", [at])[0, 0]
        kept = ids[valid].tolist()
        assert kept[:-1] == list(range(101, 100 + len(kept))) and kept[-1] >= 100 + len(
            kept
        )  # SEP comes last


def test_a_shard_without_a_modality_or_without_labels_has_none(tmp_path):
    store = cut(tmp_path, *world(tmp_path, ("aligned_text", "tokens")))
    assert store.modalities == ("text", "tokens") and not store.index.there["audio"].any()
    assert all(map(math.isnan, store.index.labels["sentiment"]))


def test_a_modality_of_which_a_shard_has_one_feature_and_not_the_other_is_refused(tmp_path):
    with pytest.raises(DataError, match="no clip with unaligned_audio"):
        cut(tmp_path, *world(tmp_path, [name for name in DIMS if name != "unaligned_audio"]))
    assert not (tmp_path / "segments" / "s00.parquet").exists()
