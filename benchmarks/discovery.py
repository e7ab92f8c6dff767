"""How long the discovery of dialogues takes as a corpus grows, first and again, and how much memory.

    python benchmarks/discovery.py [--sessions 100 1000 10000] [--folder /tmp]

Makes roots of NoXi's layout with 12 small files a session: of both participants a video, a sound file, a stream
(header and body), an engagement label and a transcript. The files are hard links to those of a few sessions. Of every
root ``affectssm discover`` is run in a process of its own: for the first time, again with nothing changed, and again
after a label of one session was written anew; and the walk that each start of Snakemake makes is timed. The roots are
in the system's memory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from pages import RESULTS, parser, processor, table, versions

from affectssm.corpora.demo.media import write_video, write_wav

SPLITS = ("train", "train", "train", "val", "test-base")
SECONDS = (2, 3, 4, 6, 9)  # of the sessions that the others are links to
LABEL_HZ, DIM = 25, 88
STREAM = (
    '<?xml version="1.0" ?>\n<stream ssi-v="2">\n<info ftype="BINARY" sr="25.000000" dim="{dim}" byte="4" '
    'type="FLOAT" delim=" " />\n<meta type="" />\n<chunk from="0" to="2" byte="0" num="{rows}"/>\n</stream>\n'
)
ROUNDS = {
    "first": "the first discovery",
    "again": "again, nothing changed",
    "one changed": "again, one label changed",
    "walk": "the walk of every start of Snakemake",
}


def write_session(folder: Path, seconds: int) -> None:
    """Write the 12 files of a session."""
    folder.mkdir(parents=True)
    rows = seconds * LABEL_HZ
    for role in ("expert", "novice"):
        grey = [np.full((32, 32, 3), 99, np.uint8)] * rows
        write_video(folder / f"{role}.video.mp4", grey, None)
        write_wav(folder / f"{role}.audio.wav", np.zeros(16000 * seconds, np.int16))
        (folder / f"{role}.audio.egemapsv2.stream").write_text(STREAM.format(dim=DIM, rows=rows))
        body = np.zeros((rows, DIM), "<f4").tobytes()
        (folder / f"{role}.audio.egemapsv2.stream~").write_bytes(body)
        (folder / f"{role}.engagement.annotation.csv").write_text("0.5\n" * rows)
        (folder / f"{role}.audio.transcript.annotation.csv").write_text("0.1;0.4;hello;0.9\n" * seconds)


def make_root(root: Path, sessions: int, few: list[Path]) -> None:
    """Make a root whose files are links to those of a few sessions."""
    for number in range(sessions):
        made = few[number % len(few)]
        folder = root / SPLITS[number % len(SPLITS)] / f"{number:05d}"
        folder.mkdir(parents=True)
        for file in made.iterdir():
            os.link(file, folder / file.name)


def run(root: Path, out: Path) -> dict[str, dict[str, float]]:
    """Return what each round takes: ``wall``, ``cpu`` (seconds) and ``peak`` (MB)."""
    found = {}
    for what in ROUNDS:
        if what == "one changed":
            label = next(root.glob("train/*/expert.engagement.annotation.csv"))
            text = label.read_text()
            label.unlink()
            label.write_text(text.replace("0.5", "0.4"))
        script, began = Path(__file__).with_name("discovery_process.py"), time.perf_counter()
        command = [sys.executable, str(script), "walk" if what == "walk" else "discover", str(root), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        found[what] = json.loads(done.stdout.splitlines()[-1]) | {"wall": time.perf_counter() - began}
    return found


def page(found: dict[int, dict[str, dict[str, float]]]) -> str:
    """Return the page of a run."""
    counts = list(found)
    pairs = list(pairwise(counts))
    further = [f"CPU ms a session from {few:,} to {many:,}" for few, many in pairs]
    rows = [["what", *(f"{count:,} sessions" for count in counts), *further]]
    for what, name in ROUNDS.items():
        cells = [
            f"{one[what]['wall']:.1f} s ({one[what]['cpu']:.1f} s CPU), {one[what]['peak']:.0f} MB"
            for one in found.values()
        ]
        each = [
            f"{1e3 * (found[many][what]['cpu'] - found[few][what]['cpu']) / (many - few):.2f}"
            for few, many in pairs
        ]
        rows.append([name, *cells, *each])
    return (
        f"# Discovery\n\n`python benchmarks/discovery.py`, 12 files a session, {processor()}, {os.cpu_count()} cores, "
        f"{versions()}. Wall seconds from the start of the process to its end, CPU seconds of all its threads (other "
        "work ran beside it: CPU seconds tell more), and the peak of its memory with Python and its packages; the "
        "roots were in the system's memory. The last columns say what a further session takes: where they agree, the "
        f"time grows with the sessions and no faster.\n\n{table(rows)}\n"
    )


def main() -> None:
    """Make the roots, measure and write the page."""
    asked = parser(__doc__)
    asked.add_argument("--sessions", type=int, nargs="*", default=[100, 1000, 10000])
    asked.add_argument("--folder", type=Path, help="where the roots are made")
    given = asked.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        few = [Path(name, "few", str(seconds)) for seconds in SECONDS]
        for folder, seconds in zip(few, SECONDS, strict=True):
            write_session(folder, seconds)
        for count in given.sessions:
            root = Path(name, "root")
            make_root(root, count, few)
            found[count] = run(root, Path(name, "results", "corpora", "noxi-made"))
            shutil.rmtree(root)
            shutil.rmtree(Path(name, "results"))
            print(json.dumps({count: found[count]}), file=sys.stderr)
    text = page(found)
    (RESULTS / "discovery.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
