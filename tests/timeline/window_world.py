"""Small feature files and window indexes on disk, with every irregularity the loader has to bear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
from affectssm.timeline.clock import ratio
from affectssm.timeline.frames import Frames
from affectssm.timeline.index import Target, WindowIndex, read_windows, write_index

FRAMES = Frames("engagement", ("engagement",), label_hz=25, context=32, centre=32)


def card(**settings):
    return make_card("test", ["affectssm.timeline.clock"], settings)


def regular(rows, dim, rate, seed, dtype=np.float32, start=0.0):
    """A track of noise with a tenth of its rows invalid (and zero)."""
    rng = np.random.default_rng(seed)
    valid = rng.random(rows) > 0.1
    value = (rng.normal(size=(rows, dim)) * 10 ** rng.uniform(-2, 4, dim)).astype(dtype)
    return Track(
        np.where(valid[:, None], value, 0).astype(dtype), start + (np.arange(rows) + 0.5) / rate, valid, rate
    )


@dataclass
class World:
    """An index on disk and the files behind it."""

    path: Path
    features: dict
    labels: dict
    tracks: dict

    @property
    def index(self) -> WindowIndex:
        return read_windows(self.path)


def write_shard(path, tracks):
    """Write {(recording, participant): Track or None}; with None the recording is known but has no track."""
    shard = ResumableShard(path, card())
    for recording in sorted({key[0] for key in tracks}):
        found = {key[1]: track for key, track in tracks.items() if key[0] == recording and track is not None}
        shard.write(recording, "x", found)
    shard.finish()


def build(folder: Path, clock_hz: int = 100, own: Frames = FRAMES) -> World:
    """Two dyads, one alone and a group of four: rates, late starts, short tails, a missing and an empty track."""
    groups = {
        ("noxi", "s00", "001", 130): ("expert", "novice"),
        ("noxi", "s01", "002", 77): ("expert", "novice"),
        ("noxi", "s01", "003", 40): ("expert",),
        ("mpiigi", "s00", "026", 101): ("subjectPos1", "subjectPos2", "subjectPos3", "subjectPos4"),
    }
    targets, tracks, labels = [], {"voice": {}, "face": {}, "flow": {}}, {}
    for number, ((corpus, shard, recording, frames), people) in enumerate(groups.items()):
        seconds = frames / 25
        for seat, name in enumerate(people):
            partners = tuple(other for other in people if other != name)
            if name != "subjectPos3":  # a partner only
                length = (frames * ratio(clock_hz, 25), frames, 25.0)
                targets.append(Target(corpus, "train", "main", shard, recording, name, *length, partners))
            seed, key = 10 * number + seat, (corpus, recording, name)
            tracks["voice"][key] = regular(int(seconds * 49.95), 6, 49.95, seed, np.float16)
            tracks["face"][key] = regular(frames - 3 * seat, 5, 25.0, seed + 100)
            tracks["flow"][key] = regular(int(seconds * 12), 1, 12.5, seed + 200, start=0.3)
            labels[key] = regular(frames, len(own.columns), 25.0, seed + 300)
    tracks["face"]["noxi", "002", "novice"] = None
    tracks["flow"]["mpiigi", "026", "subjectPos2"] = regular(0, 1, 12.5, 0)
    features = {name: _write(folder / name, groups, found) for name, found in tracks.items()}
    path = folder / "train.parquet"
    write_index(path, targets, own, card(**own.told(ratio(clock_hz, 25))))
    label_files = _write(folder / "engagement", groups, labels)
    return World(path, features, label_files, {**tracks, "label": labels})


def _write(folder, groups, tracks):
    found: dict[str, list[Path]] = {}
    for corpus, shard in sorted({key[:2] for key in groups}):
        path = folder / corpus / f"{shard}.h5"
        recordings = {key[2] for key in groups if key[:2] == (corpus, shard)}
        write_shard(path, {k[1:]: v for k, v in tracks.items() if k[0] == corpus and k[1] in recordings})
        found.setdefault(corpus, []).append(path)
    return found
