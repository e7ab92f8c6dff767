"""What benchmarks of clips measure: a step and an answer of a model, and the memory that opening clips takes.

python benchmarks/clips_work.py CLIPS      # opens so many made-up clips of CMU-MOSEI and prints the memory
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measuring import interleaved, memory
from torch import nn

from affectssm.corpora.mosei import MOSEI
from affectssm.corpora.sims import SIMS
from affectssm.corpora.simsv2 import SIMSV2
from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.data import ClipDataset
from affectssm.families.clips.stages.format import CLIPS
from affectssm.models.build import clip_model, parameter_count
from affectssm.store.card import make_card
from affectssm.timeline.segment_writer import Cut, write_index, written_segments
from affectssm.timeline.segments import ChannelScaler, SegmentStore

CORPORA = {one.corpus: one for one in (MOSEI, SIMS, SIMSV2)}
TOGETHER = (
    16  # clips a step that is timed, where a model's own batch is larger; those of TFN and LMF are their own
)


@dataclass(frozen=True)
class Timed:
    """CPU seconds a clip of a step and of an answer, and the model's parameters."""

    step: float
    answer: float
    parameters: int


def columns(corpus: str) -> dict[str, int]:
    """Modality -> columns of the supplied arrays."""
    return {"text": 768, "audio": CORPORA[corpus].audio, "vision": CORPORA[corpus].vision}


def timed(run: RunSettings, quick: bool) -> Timed:
    """Time a step and an answer of a run's model."""
    together = 2 if quick else run.recipe(1)["batch"]
    together = together if run.model in ("tfn", "lmf", "mult") else min(together, TOGETHER)
    dims = {name: dim for name, dim in columns(run.corpus).items() if name in run.modalities}
    torch.manual_seed(0)
    model = clip_model(run.model, run.model_settings, dims, 1)
    values = {name: torch.randn(together, 50, dim) for name, dim in dims.items()}
    masks = {name: torch.ones(together, 50, dtype=torch.bool) for name in dims}
    update = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        model.zero_grad()
        nn.functional.l1_loss(model.train()(values, masks), torch.zeros(together, 1)).backward()
        update.step()

    def answer() -> None:
        with torch.inference_mode():
            model.eval()(values, masks)

    taken = interleaved({"step": step, "answer": answer}, 1)
    return Timed(taken["step"][1] / together, taken["answer"][1] / together, parameter_count(model))


def open_clips(clips: int) -> None:
    """Make segments of so many clips, open them as a training job does, and print what they take and the peak."""
    dims = columns("mosei")
    rng, held = np.random.default_rng(0), np.ones((1, 50), bool)
    with tempfile.TemporaryDirectory() as name:
        out, card = Path(name) / "s00.h5", make_card("made", [], {})
        with written_segments(
            out, CLIPS, {kind: (dim, 50) for kind, dim in dims.items()}, card, masked=True
        ) as file:
            for number in range(clips):
                item = {"corpus": "mosei", "shard": "s00", "video": "v", "recording": f"v[{number}]"}
                cuts = {
                    kind: Cut(rng.standard_normal((1, dim, 50), np.float32), held[0, :1], held)
                    for kind, dim in dims.items()
                }
                file.append(item | {"split": "train", "sentiment": 0.0}, 1, 1.0, cuts)
        write_index(out.with_suffix(".parquet"), CLIPS, file.rows, card)
        store, rows = SegmentStore([out], CLIPS), np.arange(clips)
        scaler, before = ChannelScaler.learn(store, rows), memory("VmRSS")
        data = ClipDataset(store, rows, scaler, list(dims), np.zeros(clips, np.float32))
        print(json.dumps([len(data) * 50 * 4 * sum(dims.values()), memory("VmHWM") - before]))


def opening(clips: int) -> float:
    """What opening clips takes at its peak, in units of what is kept of them, in a process of its own."""
    command = [sys.executable, str(Path(__file__)), str(clips)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    kept, peak = json.loads(done.stdout.splitlines()[-1])
    return peak / kept


if __name__ == "__main__":
    open_clips(int(sys.argv[1]))
