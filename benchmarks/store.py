"""What a small recording costs in the feature store: written so that a kill loses little, merged, and read back.

    python benchmarks/store.py            # half a minute on one core
    python benchmarks/store.py --quick    # a tenth of the recordings: proves that it runs

Clips of 50 rows of 74 float32, as short corpora have them, against the physical floor in the same run: the same bytes
written as one HDF5 dataset, and read as one. The works take turns; medians over the rounds of CPU time (kernel
included) and of wall time. What is read is compared with what was written, bit for bit. Writes
benchmarks/results/store.md.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from measuring import interleaved
from pages import RESULTS, parser, processor, table

from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, ShardReader, Track

ROWS, DIM = 50, 74
NAMES = {
    "floor write": "one dataset written",
    "write": "written, resumable",
    "merge": "merged",
    "floor read": "one dataset read",
    "read": "read, one by one",
}


class Clips:
    """The clips, and every work that is timed on them."""

    def __init__(self, folder: Path, count: int) -> None:
        self.path, self.plain = folder / "s00.h5", folder / "plain.h5"
        self.value = np.random.default_rng(0).standard_normal((count, ROWS, DIM), np.float32)
        self.time, self.valid = (np.arange(ROWS) + 0.5) / 25, np.ones(ROWS, bool)
        self.names = [f"{number:05d}_clip" for number in range(count)]
        self.card = make_card("benchmark", ["affectssm.errors"], {})

    def floor_write(self) -> None:
        """Write all values as one dataset."""
        with h5py.File(self.plain, "w", locking=False) as file:
            file.create_dataset("value", data=self.value.reshape(-1, DIM))

    def floor_read(self) -> None:
        """Read them."""
        with h5py.File(self.plain, "r", locking=False) as file:
            file["value"][:]

    def write(self) -> None:
        """Write every clip as a recording of its own, in parts."""
        with ResumableShard(self.path, self.card) as self.shard:
            for name, value in zip(self.names, self.value, strict=True):
                self.shard.write(name, "content", {"speaker": Track(value, self.time, self.valid, 25.0)})

    def merge(self) -> None:
        """Merge the parts."""
        self.shard.finish()

    def read(self) -> None:
        """Read every clip by its name."""
        with ShardReader(self.path) as reader:
            self.found = [reader.track(name, "speaker") for name in self.names]

    def check(self) -> None:
        """Compare what was read."""
        same = all(
            np.array_equal(track.value, value) for track, value in zip(self.found, self.value, strict=True)
        )
        if not same:
            raise SystemExit("what was read is not what was written")


def measured(count: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of every work."""
    with tempfile.TemporaryDirectory() as folder:
        clips = Clips(Path(folder), count)
        works = {
            "floor write": clips.floor_write,
            "write": clips.write,
            "merge": clips.merge,
            "floor read": clips.floor_read,
            "read": clips.read,
        }
        taken = interleaved(works, rounds)
        clips.check()
    return taken


def report(taken: dict[str, tuple[float, float]], count: int, rounds: int, took: float) -> str:
    """The page."""
    floor = taken["floor write"]
    rows = [["work", "ms a clip (CPU)", "ms a clip (wall)", "of the floor (CPU)"]]
    whole = tuple(sum(taken[name][n] for name in ("write", "merge", "read")) for n in (0, 1))
    for name, (wall, cpu) in {
        **{NAMES[key]: each for key, each in taken.items()},
        "all three": whole,
    }.items():
        each = [1e3 * cpu / count, 1e3 * wall / count]
        rows.append([name, *(f"{number:.4f}" for number in each), f"{cpu / floor[1]:.1f}"])
    return f"""# The feature store on small recordings

Measured by `python benchmarks/store.py` in {took:.0f} s on {processor()}, h5py {h5py.__version__}: {count} clips of
{ROWS} x {DIM} float32, each a recording of its own, medians of {rounds} interleaved rounds. The floor is one HDF5
dataset of the same bytes, written at once.

{table(rows)}

Less than 1 ms a clip for all three was asked for: {"met" if whole[1] < 1e-3 * count else "not met"}.
"""


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument("--quick", action="store_true", help="500 clips, one round; nothing is written")
    asked.add_argument("--rounds", type=int, default=7, help="interleaved rounds")
    chosen = asked.parse_args()
    count, rounds = (500, 1) if chosen.quick else (5000, chosen.rounds)
    began = time.monotonic()
    text = report(measured(count, rounds), count, rounds, time.monotonic() - began)
    print(text)
    if not chosen.quick:
        (RESULTS / "store.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
