"""The longest video through Mamba-VA at the paper's scale: how much memory training and inference take on a CPU.

    python benchmarks/video_long.py            # some minutes on two cores
    python benchmarks/video_long.py --quick    # a short video, a batch of one: proves that it runs

47,000 frames of made-up features in float16. One training step on a batch of windows of 1000 frames (fold 0's), then
inference over the whole video, a window at a time; the peak of the process's memory after each, features, weights,
gradients and AdamW's moments included. Writes benchmarks/results/video_long.md.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from measuring import Work, memory
from pages import RESULTS, parser, processor, table, versions
from torch import Tensor
from video_work import DIM, paper_model, training_step, windows

from affectssm.families.video.stages.models.mamba_va import MambaVA

RESULT = RESULTS / "video_long.md"
FRAMES, WINDOW, BATCH = 47_000, 1000, 16
LIMIT = 4 * 2**30


def peak_of(work: Work) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the peak in bytes of the process while it works (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu, memory("VmHWM")


def made_up(frames: int) -> Tensor:
    """Features of a video in float16, made piece by piece."""
    rng = torch.Generator().manual_seed(0)
    return torch.cat([torch.randn(n, DIM, generator=rng).half() for n in map(len, pieces(frames, 1000))])


def pieces(frames: int, size: int) -> list[range]:
    """Frames in consecutive windows; the last one may be shorter."""
    return [range(start, min(frames, start + size)) for start in range(0, frames, size)]


def inference(model: MambaVA, features: Tensor, window: int) -> Tensor:
    """Valence and arousal of every frame (frames, 2)."""
    model.eval()
    with torch.no_grad():
        found = [
            model(windows(features[own.start : own.stop].float()[None])).prediction[0]
            for own in pieces(len(features), window)
        ]
    return torch.cat(found)


def report(frames: int, window: int, batch: int) -> str:
    """Measure, and say what was found."""
    features = made_up(frames)
    model = paper_model()
    starts = torch.linspace(0, frames - window, batch).long()
    chosen = torch.stack([features[start : start + window].float() for start in starts])
    target = torch.tanh(0.1 * torch.randn(batch, window, 2).cumsum(1))
    trained = peak_of(training_step(model, windows(chosen), target))
    answers: list[Tensor] = []
    inferred = peak_of(lambda: answers.append(inference(model, features, window)))
    if answers[0].shape != (frames, 2) or not answers[0].isfinite().all():
        sys.exit(f"{tuple(answers[0].shape)} answers to {frames} frames, or some that are no numbers")
    rows = [["", "wall s", "CPU s", "peak GiB"]]
    names = (f"a training step, ({batch}, {window})", f"inference over {frames} frames")
    for name, (wall, cpu, peak) in zip(names, (trained, inferred), strict=True):
        rows.append([name, f"{wall:.1f}", f"{cpu:.1f}", f"{peak / 2**30:.2f}"])
    met = max(trained[2], inferred[2]) <= LIMIT
    return f"""# The longest video through Mamba-VA on a CPU

Written by `python benchmarks/video_long.py`. {torch.get_num_threads()} threads, {processor()},
{versions()}.
The paper's scale, {frames} frames of made-up features ({DIM}, float16), windows of {window}; once each.

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
