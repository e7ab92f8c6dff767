"""What the jobs of dialogues take. Paper: models of 28 and 67 million parameters over a corpus of NoXi's size."""

from affectssm.vocabulary.needs import Described, Need, by_scale, everywhere

_PAGE = "benchmarks/results/step.md"
_NO_MEMORY = "memory not measured at this size"
WINDOWS = by_scale(
    Need(
        2000,
        30,
        cpu_s=20,
        kb=2000,
        source="demo run, scaled to a hundred times the rows; memory not measured at this size",
    ),
    Need(1000, 10, cpu_s=0.5, kb=20, source="demo run"),
)
TRAIN = by_scale(
    Need(
        16000,
        1440,
        cpu_s="training_seconds",
        kb=400_000,
        gpu=True,
        source=f"{_PAGE}, time and memory scaled to its batch",
    ),
    Need(2500, 30, cpu_s=15, kb=500, source="demo run"),
    Need(2000, 30, cpu_s=4, kb=100, source="tiny run"),
)
PREDICT = by_scale(
    Need(
        12000,
        240,
        cpu_s="prediction_seconds",
        kb=20_000,
        gpu=True,
        source=f"{_PAGE}, time scaled to its windows; {_NO_MEMORY}",
    ),
    Need(2500, 30, cpu_s=9.5, kb=200, source="demo run"),
    Need(2000, 30, cpu_s=2.5, kb=50, source="tiny run"),
)
EVALUATE = by_scale(
    Need(
        8000,
        120,
        cpu_s=120,
        kb=100,
        source="demo run, scaled to a hundred times the frames; memory not measured at this size",
    ),
    Need(1000, 20, cpu_s=2, kb=30, source="demo run"),
)
SUBMISSION = everywhere(Need(2000, 30, cpu_s=5, kb=20_000, source="demo run, scaled"))
MEMORY = by_scale(
    Need("memory_mb", 240, cpu_s=900, kb=10, gpu=True, source="README, rows at the paper's scale"),
    Need("memory_mb", 60, cpu_s=60, kb=10, source="demo run"),
)

STEP_S = {"da_mamba": 27.9 / 64, "dat": 24.6 / 64}
ANSWER_S = {"da_mamba": 9.33 / 64, "dat": 9.92 / 64}
"""CPU seconds a window of a training step and of an answer, at the paper's scale (benchmarks/results/step.md)."""

HOP_S = 0.32
"""Seconds from one window that is answered to the next: the frames in its middle (eight labels of 25 a second)."""
CORPORA = {
    "noxi": Described(
        people=2, learnt=0.6, source="assumed: three in five of its recordings are learnt from"
    ),
    "noxi_add": Described(people=2, learnt=0.0, source="its recordings are tested alone"),
    "mpiigi": Described(people=4, learnt=0.0, source="its recordings are tested alone"),
    "noxi-demo": Described(16, 0.33, people=2, learnt=0.62, source="the demo"),
    "noxi_add-demo": Described(2, 0.35, people=2, learnt=0.0, source="the demo"),
    "mpiigi-demo": Described(4, 0.28, people=3, learnt=0.0, source="the demo"),
    "noxi-demo-tiny": Described(4, 0.054, people=2, learnt=0.5, source="the demo"),
    "noxi_add-demo-tiny": Described(1, 0.025, people=2, learnt=0.0, source="the demo"),
    "mpiigi-demo-tiny": Described(3, 0.018, people=3, learnt=0.0, source="the demo"),
}
