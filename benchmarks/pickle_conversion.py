"""How a pickle of arrays of all clips becomes feature files: memory, time, bytes a second.

    python benchmarks/pickle_conversion.py [--gigabytes 2] [--folder /tmp]

Makes ``unaligned_50.pkl`` with the shapes and types of CMU-MOSEI's as MMSA distributes it (text (50, 768) float32,
audio (500, 74) and vision (500, 35) float64, tokens), fewer clips, protocol 4. In a process of its own it is then
discovered and each of its arrays made a feature of one shard, as the workflow does it. Also made, without arrays: a
manifest of all of MOSEI's 22,856 clips in eight kinds.
"""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from measuring import memory
from pages import RESULTS, parser, processor, table, versions

from affectssm.corpora.clip_files import HZ
from affectssm.corpora.clips import Clips, Piece
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.listing import Entry
from affectssm.corpora.manifest import content_hash, read_manifest, write_manifest
from affectssm.corpora.mosei import MOSEI
from affectssm.corpora.sharding import Dealt, with_shards
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.corpora import ClipCorpusSettings
from affectssm.settings.features import completed
from affectssm.store.faults import FaultLog

CLIPS = {"train": 16326, "valid": 1871, "test": 4659}
SHAPES = {"text": ((50, 768), "f4"), "audio": ((500, 74), "f8"), "vision": ((500, 35), "f8")}
TOKENS = 50
FEATURES = ("unaligned_text", "unaligned_audio", "unaligned_vision", "tokens", "sentiment")
KINDS = 8


def clip_bytes() -> int:
    """Return the bytes of a clip's arrays."""
    sizes = (int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in SHAPES.values())
    return sum(sizes) + 3 * TOKENS * 8


def write(path: Path, size: float) -> None:
    """Write the pickle, of about ``size`` bytes."""
    rng = np.random.default_rng(0)
    held, share = {}, size / clip_bytes() / sum(CLIPS.values())
    for split, count in CLIPS.items():
        clips = round(count * share)
        mask = np.arange(TOKENS) < rng.integers(5, TOKENS + 1, (clips, 1))
        block = {name: rng.standard_normal(shape).astype(kind) for name, (shape, kind) in SHAPES.items()}
        held[split] = {
            "id": np.array([f"{split}{at // 7:08d}$_${at % 7}" for at in range(clips)]),
            "raw_text": np.array([f"what is said in clip {at} of {split}" for at in range(clips)]),
            "text_bert": np.stack([mask * 2000, mask, mask * 0], axis=1).astype(np.int64),
            "regression_labels": rng.integers(-9, 10, clips) / 3.0,
            "audio_lengths": rng.integers(100, 501, clips).tolist(),
            "vision_lengths": rng.integers(100, 501, clips).tolist(),
            **{name: np.broadcast_to(one, (clips, *one.shape)) for name, one in block.items()},
        }
    with path.open("wb") as file:
        pickle.dump(held, file, protocol=4)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds of a work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(root: Path) -> dict[str, list[float]]:
    """Return (wall, CPU, bytes of the feature, peak bytes of memory so far) of each step."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    out = root.parent / "out"
    found: dict[str, list[float]] = {"imports": [0, 0, 0, memory("VmHWM")]}
    seconds = timed(lambda: discover_corpus("mosei", root, None, ClipCorpusSettings(), out))
    found["discovery"] = [*seconds, 0, memory("VmHWM")]
    for feature in FEATURES:
        path = out / f"{feature}.h5"
        shard, faults = Shard(out / "manifest.parquet", "s00", root), out / f"{feature}.faults.parquet"
        seconds = timed(partial(extract_shard, feature, shard, completed(feature, {}), path, faults))
        found[feature] = [*seconds, path.stat().st_size, memory("VmHWM")]
    return found


def measure_manifest(folder: Path) -> dict[str, list[float]]:
    """Return wall and CPU seconds of what is done with the manifest of all clips."""
    entries = [Entry((f"{kind}.pkl",), 1 << 30, 1) for kind in range(KINDS - 1)]
    made = []

    def claim() -> None:
        clips = Clips(MOSEI, FaultLog("mosei"))
        for split, count in CLIPS.items():
            for at in range(count):
                clip = clips.claim(
                    f"{split}{at // 7:08d}", str(at % 7), split.replace("valid", "val"), 0.5, entries[0]
                )
                assert clip is not None
                for kind, entry in enumerate(entries):
                    clips.add(clip, f"kind{kind}", Piece(entry, HZ, 50, 74, 50.0))
        made.extend(with_shards(clips.finish(), 16, Dealt({}))[0])

    path = folder / "manifest.parquet"
    return {
        "rows of clips": [*timed(claim)],
        "hash of what they say": [*timed(lambda: content_hash(made))],
        "manifest written": [*timed(lambda: write_manifest(path, made, {}))],
        "manifest read": [*timed(lambda: read_manifest(path))],
        "a shard's recordings read": [*timed(lambda: Shard(path, "s00", folder).recordings())],
    }


def page(found: dict[str, list[float]], rows: dict[str, list[float]], size: int, clips: int) -> str:
    """Return the page of a run."""
    mib, peak = 2**20, max(each[3] for each in found.values())
    steps = [["step", "wall s", "CPU s", "MB/s of the file", "feature file MiB", "peak memory so far MiB"]]
    for name, (wall, cpu, written, high) in found.items():
        rate = f"{size / 1e6 / wall:.0f}" if wall else ""
        steps.append(
            [
                name,
                f"{wall:.1f}",
                f"{cpu:.1f}",
                rate,
                f"{written / mib:.0f}" if written else "",
                f"{high / mib:.0f}",
            ]
        )
    total = [sum(each[at] for each in found.values()) for at in (0, 1)]
    manifest = [["step", "wall s", "CPU s"], *([n, *(f"{x:.2f}" for x in each)] for n, each in rows.items())]
    return (
        f"# From a pickle to features\n\n`python benchmarks/pickle_conversion.py`, a pickle of {size / 1e9:.2f} GB "
        f"with {clips:,} clips of CMU-MOSEI's unaligned shapes, {processor()}, {versions()}.\n\n{table(steps)}\n\n"
        f"All: {total[0]:.0f} s, {total[1]:.0f} s of CPU, {size / 1e6 / total[0]:.0f} MB/s. Peak memory of the process "
        f"{peak / mib:.0f} MiB, {peak / size:.2f} times the file, of which {found['imports'][3] / mib:.0f} MiB are "
        "Python and its packages. Arrays stay in the file and are read clip by clip; the wall time includes waiting "
        "for the disk.\n\n"
        f"The manifest of all {sum(CLIPS.values()):,} clips in {KINDS} kinds:\n\n{table(manifest)}\n"
    )


def main() -> None:
    """Make the pickle, measure and write the page."""
    asked = parser(__doc__)
    asked.add_argument("--gigabytes", type=float, default=2.0)
    asked.add_argument(
        "--folder", type=Path, help="where the files are made; needs room for three times as much"
    )
    asked.add_argument("--measure", type=Path, help="measure a root that is there, and print JSON")
    given = asked.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        root = Path(name) / "root"
        root.mkdir()
        path = root / "unaligned_50.pkl"
        write(path, given.gigabytes * 1e9)
        size = path.stat().st_size
        command = [sys.executable, __file__, "--measure", str(root)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        text = page(
            json.loads(done.stdout.splitlines()[-1]), measure_manifest(Path(name)), size, size // clip_bytes()
        )
    (RESULTS / "pickle_conversion.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
