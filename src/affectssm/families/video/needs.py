"""What the jobs of video take. Paper: 67 million parameters, features of 1024 columns, the videos of Aff-Wild2."""

from affectssm.vocabulary.needs import Described, Need, by_scale, everywhere

_PAGE = "benchmarks/results/video_full_size.md"
WINDOWS = by_scale(
    Need(2000, 30, cpu_s=20, kb=2000, source="demo run, scaled to a hundred times the rows"),
    Need(1000, 10, cpu_s=0.5, kb=20, source="demo run"),
)
TUNE = by_scale(
    Need(
        16000,
        1440,
        cpu_s="tuning_seconds",
        kb=1_200_000,
        gpu=True,
        source="benchmarks/results/video_full_size.md, scaled",
    ),
    Need(2500, 60, cpu_s=30, kb=5000, source="demo run"),
)
ENCODE = by_scale(
    Need(
        8000,
        720,
        "second",
        cpu_s=30 * 0.790,
        reading_s=0.05,
        kb=61,
        gpu=True,
        source=f"{_PAGE}; memory not measured at this size",
    ),
    Need(1500, 60, cpu_s=12, kb=500, source="demo run"),
)
TRAIN = by_scale(
    Need(8000, 1440, cpu_s="training_seconds", kb=300_000, gpu=True, source=_PAGE + ", video_long.md"),
    Need(2000, 30, cpu_s=4, kb=1000, source="demo run"),
)
PREDICT = by_scale(
    Need(6000, 240, cpu_s="prediction_seconds", kb=5000, gpu=True, source="benchmarks/results/video_long.md"),
    Need(2000, 30, cpu_s=3, kb=100, source="demo run"),
)
EVALUATE = by_scale(
    Need(4000, 60, cpu_s=120, kb=1000, source="demo run, scaled to a hundred times the frames"),
    Need(1000, 20, cpu_s=1, kb=50, source="demo run"),
)
SUBMISSION = everywhere(Need(2000, 30, cpu_s=5, kb=20_000, source="demo run, scaled"))

STEP_S = 14.2 / (16 * 300)
"""CPU seconds a frame of a training step (video_full_size.md)."""
ANSWER_S = 134.6 / 47000 / 2
"""CPU seconds a frame of an answer, seen in two windows (video_long.md)."""
TUNING_S = 3 * 0.790
"""CPU seconds a picture of a tuning step: three forward passes of the large encoder, scaled."""

CORPORA = {
    "affwild2": Described(594, 2_993_081 / 594 / 30 / 60, learnt=0.46, hz=30.0, source=_PAGE),
    "affwild2-affwild2": Described(16, 0.7, learnt=0.49, hz=10.0, source="the demo"),
    "affwild2-affwild2-tiny": Described(7, 0.22, learnt=0.64, hz=10.0, source="the demo"),
}
"""The share that is learnt from follows from the windows of fold 0 there, 1,723 of 1000 frames, 800 apart."""
CROSS_LEARNT = 0.456
"""The same of another fold: 6,827 windows, 200 frames apart."""
