"""What a run learns from, and what of its feature files does not matter to it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
from affectssm.timeline.index import Target
from affectssm.training.frames import content_of

TARGET = Target("noxi", "train", "001", "s00", "001", "expert", 100, 25, 25.0, ("novice",))
INDEX = SimpleNamespace(targets=[TARGET], frames=SimpleNamespace(label="labels"))


def features(root, recordings):
    """A folder of two features over some recordings: id -> hash of what each is made of."""
    for name in ("sound", "labels"):
        path = root / "noxi-x" / name / "s00.h5"
        path.parent.mkdir(parents=True)
        with ResumableShard(path, make_card(name, ["affectssm.errors"], {"of": name})) as shard:
            for recording, content in recordings.items():
                with shard.recording(recording, content) as part:
                    rows = np.arange(4.0)
                    part.append("expert", Track(rows[:, None].astype(np.float32), rows, rows >= 0, 1.0))
            shard.finish()
    return [root / "noxi-x"]


def test_another_recording_in_the_same_file_changes_nothing(tmp_path):
    alone = content_of(["sound"], [INDEX], features(tmp_path / "a", {"001": "x"}))
    beside = content_of(["sound"], [INDEX], features(tmp_path / "b", {"001": "x", "099": "y"}))
    assert alone == beside and set(alone[1]) == {"sound", "labels"}


def test_what_it_learns_from_changes_it(tmp_path):
    folders = features(tmp_path / "a", {"001": "x"})
    other = features(tmp_path / "b", {"001": "z"})
    shorter = SimpleNamespace(targets=[replace(TARGET, clock_frames=96)], frames=INDEX.frames)
    found = {
        content_of(["sound"], [index], given)[0]
        for index, given in ((INDEX, folders), (INDEX, other), (shorter, folders))
    }
    assert len(found) == 3
