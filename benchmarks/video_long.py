"""The longest video through Mamba-VA at the paper's scale: how much memory training and inference take on a CPU.

    python benchmarks/video_long.py            # some minutes on two cores
    python benchmarks/video_long.py --quick    # a short video, a batch of one: proves that it runs

47,000 frames of made-up features in float16, in a feature file as extraction writes it. One training step on a batch of
windows of 1000 frames (fold 0's), then inference over the whole video as `affectssm predict` does it: windows that
overlap by half, stitched. The peak of the process's memory in each, features, weights, gradients and AdamW's moments
included. Writes benchmarks/results/video_long.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from measuring import Work, memory
from pages import RESULTS, parser, processor, table, versions
from video_work import DIM, paper_model, training_step

from affectssm.families.video.stages.frames import frames_of
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
from affectssm.timeline.index import Target, WindowIndex
from affectssm.timeline.loader import WindowDataset
from affectssm.timeline.scaler import Scaler
from affectssm.training.frames import predict_windows

RESULT = RESULTS / "video_long.md"
FRAMES, WINDOW, BATCH = 47_000, 1000, 16
RATE, NAME = 30.0, "video1"
LIMIT = 4 * 2**30


def peak_of(work: Work) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the peak in bytes of the process while it works (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu, memory("VmHWM")


def made_up(frames: int, path: Path) -> None:
    """Write the features of a video, made piece by piece."""
    rng = np.random.default_rng(0)
    value = np.empty((frames, DIM), np.float16)
    for start in range(0, frames, WINDOW):
        own = value[start : start + WINDOW]
        own[:] = rng.standard_normal(own.shape, np.float32)
    track = Track(value, (np.arange(frames) + 0.5) / RATE, np.ones(frames, bool), RATE)
    shard = ResumableShard(path, make_card("benchmark", ["affectssm.timeline.loader"], {}))
    shard.write(NAME, "x", {NAME: track})
    shard.finish()


def opened(frames: int, window: int, path: Path) -> WindowDataset:
    """The windows that predict the video, over its feature file."""
    own = frames_of(window, window // 2)
    start = own.starts(frames)
    target = Target("affwild2", "val", "main", "s00", NAME, NAME, frames, frames, RATE, ())
    index = WindowIndex(own, 1, (target,), np.zeros(len(start), np.int32), start)
    return WindowDataset(index, {"mae": {"affwild2": [path]}})


def report(frames: int, window: int, batch: int) -> str:
    """Measure, and say what was found."""
    model = paper_model()
    scaler = Scaler({"mae": torch.zeros(DIM)}, {"mae": torch.ones(DIM)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s00.h5"
        made_up(frames, path)
        dataset = opened(frames, window, path)
        chosen = dataset[np.linspace(0, len(dataset) - 1, batch).astype(int)].interpolate(scaler)
        target = torch.tanh(0.1 * torch.randn(batch, window, 2).cumsum(1))
        trained = peak_of(training_step(model, chosen, target))
        del chosen
        found: list[pa.Table] = []
        inferred = peak_of(lambda: found.append(predict_windows(model.eval(), scaler, dataset, 1, 0)))
    if len(found[0]) != frames:
        sys.exit(f"{len(found[0])} answers to {frames} frames")
    rows = [["", "wall s", "CPU s", "peak GiB"]]
    names = (f"a training step, ({batch}, {window})", f"inference over {frames} frames")
    for name, (wall, cpu, peak) in zip(names, (trained, inferred), strict=True):
        rows.append([name, f"{wall:.1f}", f"{cpu:.1f}", f"{peak / 2**30:.2f}"])
    met = max(trained[2], inferred[2]) <= LIMIT
    return f"""# The longest video through Mamba-VA on a CPU

Written by `python benchmarks/video_long.py`. {torch.get_num_threads()} threads, {processor()},
{versions()}.
The paper's scale, {frames} frames of made-up features ({DIM}, float16), windows of {window}, in inference
every {window // 2} frames, stitched; once each.

{table(rows)}

At most {LIMIT / 2**30:.0f} GiB was asked for: {"met" if met else "not met"}.
"""


def main() -> None:
    """Run."""
    asked = parser(__doc__)
    asked.add_argument(
        "--quick", action="store_true", help="a short video, a batch of one; nothing is written"
    )
    asked.add_argument("--threads", type=int, default=2, help="CPU threads")
    chosen = asked.parse_args()
    torch.set_num_threads(chosen.threads)
    text = report(250, 100, 1) if chosen.quick else report(FRAMES, WINDOW, BATCH)
    print(text)
    if not chosen.quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
