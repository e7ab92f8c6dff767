"""What the jobs of clips take. Paper: the three corpora at their full size."""

from affectssm.vocabulary.needs import Described, Need, by_scale

_PAGE = "benchmarks/results/clips_full_size.md"
SEGMENTS = by_scale(
    Need(4000, 120, "recording", cpu_s=0.01, kb=175, source=f"{_PAGE}, store.md"),
    Need(1000, 20, cpu_s=1, kb=3000, source="demo run"),
)
TRAIN = by_scale(
    Need(20000, 1440, cpu_s="training_seconds", kb=7000, gpu=True, source=_PAGE),
    Need(2000, 60, cpu_s=11.5, kb=200, source="demo run"),
)
EVALUATE = by_scale(
    Need(2000, 30, cpu_s=20, kb=100, source="demo run, scaled to a hundred times the clips"),
    Need(1000, 10, cpu_s=0.5, kb=30, source="demo run"),
)
MEASURE = by_scale(
    Need(
        "efficiency_mb",
        240,
        cpu_s=7200,
        kb=10,
        gpu=True,
        source="benchmarks/results/coupled_efficiency.md, at most",
    ),
    Need("efficiency_mb", 60, cpu_s=14, kb=10, source="demo run"),
)

STEP_MS = {
    "coupled_mamba": 32, "tfn": 20, "lmf": 4, "mult": 60, "attention_fusion": 31, "average_fusion": 39,
    "concat_fusion": 37, "mamba_fusion": 15,
    "coupling_sum": 38, "coupling_layerwise": 42, "coupling_mix": 55, "coupling_pairwise": 808, "dt_rank_8": 35,
    "dt_rank_32": 37, "d_state_128": 48, "d_state_32": 26, "only_text": 14, "only_audio": 10, "only_vision": 13,
    "without_text": 26, "without_audio": 20, "without_vision": 19,
}  # fmt: skip
"""Model, or variant of Coupled Mamba -> CPU milliseconds a clip of a step at the paper's scale (clips_full_size.md)."""
ANSWERS = 0.3
"""An answer's share of a step, as of most models there."""

CORPORA = {
    "mosei": Described(22_856, learnt=0.71, source=_PAGE),
    "sims": Described(2_281, learnt=0.6, source=_PAGE),
    "simsv2": Described(14_564, learnt=0.19, source=_PAGE),
    "mosei-sentiment": Described(576, learnt=0.72, source="the demo"),
    "sims-sentiment": Described(242, learnt=0.52, source="the demo"),
    "simsv2-sentiment": Described(254, learnt=0.49, source="the demo"),
    "mosei-sentiment-tiny": Described(56, learnt=0.52, source="the demo"),
    "sims-sentiment-tiny": Described(48, learnt=0.52, source="the demo"),
    "simsv2-sentiment-tiny": Described(53, learnt=0.49, source="the demo"),
}
