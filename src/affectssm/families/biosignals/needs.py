"""What the jobs of bio-signals take. Paper: DEAP and MAHNOB-HCI; models of some ten thousand weights, many to a job."""

from affectssm.vocabulary.needs import Described, Need, by_scale

_PAGE = "benchmarks/results/full_size.md"
_NO_MEMORY = "memory not measured at this size"
CANDIDATES = 30
"""Rates and thresholds that are tried, of all methods: an assumption."""
SEGMENTS = by_scale(
    Need(4000, 120, "second", cpu_s=0.005, kb=19, source=f"{_PAGE}; time scaled from the tiny run"),
    Need(1000, 20, cpu_s=2, kb=3000, source="tiny run, scaled"),
)
TRAIN = by_scale(
    Need(8000, 1440, cpu_s="training_seconds", kb=22_000, source=f"{_PAGE}; {_NO_MEMORY}"),
    Need(2000, 60, cpu_s=30, kb=1000, source="tiny run, scaled"),
    Need(1000, 30, cpu_s=4, kb=500, source="tiny run"),
)
EVALUATE = by_scale(
    Need(4000, 60, cpu_s=60, kb=100, source="tiny run, scaled to a hundred times the trials"),
    Need(1000, 20, cpu_s=1, kb=30, source="tiny run"),
)
MASKS = by_scale(
    Need(4000, 60, "second", cpu_s=0.005, kb=2.3, source=f"{_PAGE}; time scaled from the tiny run"),
    Need(1000, 20, cpu_s=0.5, kb=300, source="tiny run"),
)
CHOOSE = by_scale(
    Need(
        8000,
        1440,
        cpu_s="choosing_seconds",
        kb=10,
        source=f"assumed: {CANDIDATES} candidates at the rate of {_PAGE}",
    ),
    Need(2000, 60, cpu_s=60, kb=10, source="tiny run, scaled"),
    Need(1000, 30, cpu_s=6, kb=10, source="tiny run"),
)
ADAPT = by_scale(
    Need(8000, 1440, cpu_s="adaptation_seconds", kb=700, source=f"{_PAGE}; {_NO_MEMORY}"),
    Need(2000, 60, cpu_s=60, kb=300, source="tiny run, scaled"),
    Need(1000, 30, cpu_s=5, kb=100, source="tiny run"),
)

FOLD_S = {"bimamba_tta": 0.033, "tsception": 0.038, "lggnet": 0.49, "mambaformer": 0.046}
"""Model -> CPU seconds that a fold's 30 epochs take a second of a trial's signals.

From the core hours of full_size.md, over 120,540 seconds of trials, ten folds, two labels and five seeds.
"""
STREAM_S = 0.0095
"""CPU seconds of all methods a second of signals, a pattern and ratio of what is missing (full_size.md)."""

CORPORA = {
    "deap": Described(32 * 40, 1.0, source=_PAGE),
    "mahnob": Described(27 * 20, 81 / 60, source=_PAGE),
    "deap-physio": Described(40, 1.05, source="the demo"),
    "mahnob-physio": Described(42, 1.25, source="the demo"),
    "deap-physio-tiny": Described(8, 1.05, source="the demo"),
    "mahnob-physio-tiny": Described(8, 0.63, source="the demo"),
}
