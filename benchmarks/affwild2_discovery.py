"""How long the discovery of Aff-Wild2 takes on a made-up root of the full size, and how much memory.

    python benchmarks/affwild2_discovery.py [--frames 2993081] [--videos 594] [--folder /tmp]

Makes a root in the owner's layout: annotations of as many rows as a video has frames, a folder of crops with a
twentieth of the frames missing (hard links to one small picture a folder), the videos (copies of one short file), the
test list and its template. In a process of its own it then walks the root with ``os.scandir`` alone (names, and with
the status of every file), looks at it as the workflow does whenever it is called, and discovers it. Times are seconds
of a second round; the root is in the system's memory by then.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import interleaved, memory
from pages import RESULTS, parser, processor, table, versions

from affectssm.corpora.affwild2_tests import HEADER, location
from affectssm.corpora.demo.affwild2_texts import TEMPLATE, TEST_LIST
from affectssm.corpora.demo.media import write_video
from affectssm.corpora.discover import discover_corpus, listing_fingerprint
from affectssm.media.numbered import picture_name
from affectssm.settings.corpora import AffWild2Settings
from affectssm.vocabulary.corpora import CORPORA

SHARES = {"train": 356 / 594, "val": 76 / 594}  # the rest is test
FOLDERS = {"train": "Train_Set", "val": "Validation_Set"}
PLACES = ("batch1/{}.mp4", "batch2/{}.avi", "new_vids/{}.mp4")
MISSING = 0.05


def lengths(videos: int, frames: int) -> np.ndarray:
    """Return (videos,) frames of each, as unequal as the owner's (the longest is ten times the mean)."""
    shares = np.random.default_rng(0).lognormal(0, 0.8, videos)
    return np.maximum(20, np.round(frames * shares / shares.sum())).astype(int)


def make_root(root: Path, videos: int, frames: int) -> int:
    """Write the root; return how many files it has."""
    rng = np.random.default_rng(1)
    made = {suffix: root.parent / f"one{suffix}" for suffix in (".mp4", ".avi")}
    for path in made.values():
        write_video(path, [np.full((64, 64, 3), 99, np.uint8)] * 10, np.zeros(16000, np.int16), fps=10)
    files, listed = 0, []
    for number, count in enumerate(lengths(videos, frames).tolist()):
        name = f"video{number}" if number % 3 else f"{number}-30-1280x720"
        share = number / videos
        split = "train" if share < SHARES["train"] else "val" if share < sum(SHARES.values()) else "test"
        folder = root / ("cropped_aligned" if number % 10 else "cropped_aligned_new_50_vids") / name
        folder.mkdir(parents=True)
        there = np.flatnonzero(rng.random(count) >= MISSING) + 1
        first = folder / picture_name(int(there[0]))
        first.write_bytes(b"x" * (3000 + number))
        for one in there[1:].tolist():
            os.link(first, folder / picture_name(one))
        video = root / PLACES[number % 3].format(name)
        video.parent.mkdir(exist_ok=True)
        shutil.copy(made[video.suffix], video)
        files += len(there) + 2
        if split == "test":
            listed.append((name, count))
        else:
            values = rng.uniform(-1, 1, (count, 2)).round(3).tolist()
            lines = ["valence,arousal", *(f"{one},{other}" for one, other in values)]
            _write(
                root / "8th ABAW Annotations/VA_Estimation_Challenge" / FOLDERS[split] / f"{name}.txt", lines
            )
    _write(root / TEST_LIST, [name for name, _ in listed])
    frames_of_all = (location(name, one + 1) for name, count in listed for one in range(count))
    _write(root / TEMPLATE, [",".join(HEADER), *(f"{one},0,0" for one in frames_of_all)])
    return files


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def scan(folder: str, status: bool) -> int:
    """Walk a folder with os.scandir; return the bytes of its files, where their status is asked for."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                total += scan(entry.path, status)
            elif status:
                total += entry.stat().st_size
    return total


def measure(root: Path) -> dict[str, list[float]]:
    """Return (wall, CPU) seconds of each look at a root, and under ``peak`` bytes of memory without and with all."""
    out = root.parent / "out"
    corpus = CORPORA["affwild2"]
    works: dict[str, Callable[[], object]] = {
        "os.scandir, names": lambda: scan(str(root), False),
        "os.scandir, names and status": lambda: scan(str(root), True),
        "look of the workflow": lambda: listing_fingerprint(root, corpus.files, None, corpus.pictures),
        "discovery": lambda: discover_corpus("affwild2", root, None, AffWild2Settings(), out),
    }
    before = memory("VmHWM")
    found: dict[str, list[float]] = {name: list(each) for name, each in interleaved(works, 1).items()}
    return found | {"peak": [before, memory("VmHWM")]}


def page(found: dict[str, list[float]], files: int, videos: int) -> str:
    """Return the page of a run."""
    peak = found.pop("peak")
    names, status = found["os.scandir, names"][1], found["os.scandir, names and status"][1]
    rows = [["what", "wall s", "CPU s", "over names", "over names and status"]]
    rows += [
        [name, f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / names:.2f}", f"{cpu / status:.2f}"]
        for name, (wall, cpu) in found.items()
    ]
    return (
        f"# Discovery of Aff-Wild2\n\n`python benchmarks/affwild2_discovery.py`, {files:,} files of {videos} videos, "
        f"{processor()}, {versions()}. CPU seconds are compared; the files' names and status were in the system's "
        f"memory.\n\n{table(rows)}\n\n"
        f"Peak memory of the process {peak[1] / 2**20:.0f} MiB, of which {peak[0] / 2**20:.0f} MiB are Python and "
        "its packages.\n"
    )


def main() -> None:
    """Make the root, measure and write the page."""
    asked = parser(__doc__)
    asked.add_argument("--frames", type=int, default=2_993_081)
    asked.add_argument("--videos", type=int, default=594)
    asked.add_argument("--folder", type=Path, help="where the root is made; needs room for as many names")
    asked.add_argument("--measure", type=Path, help="measure a root that is there, and print JSON")
    given = asked.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        root = Path(name) / "root"
        root.mkdir()
        files = make_root(root, given.videos, given.frames)
        command = [sys.executable, __file__, "--measure", str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        text = page(json.loads(done.stdout.splitlines()[-1]), files, given.videos)
    (RESULTS / "affwild2_discovery.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
