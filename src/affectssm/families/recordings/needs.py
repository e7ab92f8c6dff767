"""What the jobs of one's own recordings take. Paper: the models of dialogues and of video at their full size."""

from affectssm.vocabulary.needs import Described, Need, by_scale

_PAGE = "benchmarks/results/step.md"
_CLIPS = "run on four clips of 36 s"
WINDOWS = by_scale(
    Need(1000, 20, cpu_s=5, kb=500, source=f"{_CLIPS}, scaled to a hundred times the frames"),
    Need(500, 10, cpu_s=0.5, kb=30, source=_CLIPS),
)
TRAIN = by_scale(
    Need(12000, 1440, cpu_s="training_seconds", kb=400_000, gpu=True, source=f"{_PAGE}, scaled to its batch"),
    Need(1500, 30, cpu_s=6, kb=500, source=f"{_CLIPS}, cut into 14"),
    Need(1000, 30, cpu_s=3, kb=100, source=_CLIPS),
)
PREDICT = by_scale(
    Need(8000, 240, cpu_s="prediction_seconds", kb=1000, gpu=True, source=f"{_PAGE}, scaled to its windows"),
    Need(1000, 30, cpu_s=2, kb=20, source=f"{_CLIPS}, cut into 14"),
    Need(1000, 30, cpu_s=1.5, kb=10, source=_CLIPS),
)
EVALUATE = by_scale(
    Need(4000, 60, cpu_s=20, kb=500, source=f"{_CLIPS}, scaled to a hundred times the frames"),
    Need(1000, 20, cpu_s=1, kb=50, source=_CLIPS),
)
CUT = by_scale(
    Need(4000, 120, "recording", cpu_s=0.05, kb=175, source="clips, benchmarks/results/clips_full_size.md"),
    Need(1000, 20, cpu_s=1, kb=500, source=_CLIPS),
)
ITEMS = by_scale(
    Need(
        8000,
        1440,
        cpu_s="item_seconds",
        kb=7000,
        gpu=True,
        source="clips, benchmarks/results/clips_full_size.md",
    ),
    Need(1500, 60, cpu_s=20, kb=200, source=f"{_CLIPS}, scaled to the demo's passes"),
    Need(1500, 30, cpu_s=4, kb=200, source=_CLIPS),
)

ITEM_MS = {"coupled_mamba": 32, "attention_fusion": 31}
"""CPU milliseconds a recording of a step at the paper's scale (clips_full_size.md)."""
STEP_S = {"da_mamba": 27.9 / 64, "dat": 24.6 / 64, "mamba_va": 96 * 14.2 / (16 * 300)}
ANSWER_S = {"da_mamba": 9.33 / 64, "dat": 9.92 / 64, "mamba_va": 96 * 134.6 / 47000 / 2}
"""CPU seconds a window of 96 frames of a training step and of an answer, at the paper's scale."""

CORPORA = {"folder": Described(learnt=1.0, source="assumed: all of your recordings have labels")}
