"""Which modules decide a run, by the names of its model and variant; no imports, so that a plan can ask.

Kept apart from the catalogue of experiments: an edit of the catalogue retrains nothing.
"""

from __future__ import annotations

_MODELS = {"da_mamba": "affectssm.models.da_mamba", "dat": "affectssm.models.baselines.dat"}
_SEGMENT_MODELS = {
    "bimamba_tta": "affectssm.models.bimamba_tta",
    "tsception": "affectssm.models.baselines.tsception",
    "lggnet": "affectssm.models.baselines.lggnet",
    "mambaformer": "affectssm.models.baselines.mambaformer",
}


def training_modules(model: str, variant: str = "") -> tuple[str, ...]:
    """The modules whose code decides what a run learns; the model is loaded by name and so named here."""
    stage = "adapt" if variant == "adapt_mpiigi" else "fit"
    return f"affectssm.training.{stage}", _MODELS[model]


def prediction_modules(model: str) -> tuple[str, ...]:
    """The modules whose code decides what a trained run predicts."""
    return "affectssm.training.predict", _MODELS[model]


def segment_model(model: str) -> str:
    """The module of a model of segments."""
    return _SEGMENT_MODELS[model]


def segment_training_modules(model: str) -> tuple[str, ...]:
    """The modules whose code decides what the runs of a model of segments learn and predict."""
    return "affectssm.training.trials", segment_model(model)


def memory_modules() -> tuple[str, ...]:
    """The modules whose code decides what a training step is measured to take."""
    return "affectssm.training.memory", "affectssm.training.memory_step", *_MODELS.values()
