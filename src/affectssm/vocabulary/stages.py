"""Which modules' code decides what a stage writes; no imports of theirs, so that a plan can ask.

What a stage loads by name (a reader, an extractor, a model, a method, the page of a table) its own imports do not show,
and so it is named here, as ``module:Name``: of all there are, those that the stage is asked for. A name that is none
raises ConfigError.
"""

from __future__ import annotations

from collections.abc import Iterable

from affectssm.vocabulary.corpora import CORPORA, DEMOS
from affectssm.vocabulary.features import spec
from affectssm.vocabulary.methods import METHODS
from affectssm.vocabulary.models import (
    CLIP_MODELS,
    DIALOGUE_MODELS,
    FRAME_MODELS,
    LABELLED_MODELS,
    RECORDING_MODELS,
    SEGMENT_MODELS,
)
from affectssm.vocabulary.tables import PAGES
from affectssm.vocabulary.targets import named

_CLIPS = "affectssm.families.clips.stages"
_DIALOGUE = "affectssm.families.dialogue.stages"
_RECORDINGS = "affectssm.families.recordings.stages"
_VIDEO = "affectssm.families.video.stages"
FINE_TUNING = f"{_DIALOGUE}.fine_tune:fine_tune"


def demo_modules(edition: str) -> tuple[str, ...]:
    """Of the corpora that are made here."""
    return (named(DEMOS, edition, "edition"),)


def discovery_modules(corpus: str) -> tuple[str, ...]:
    """Of what is found of a corpus."""
    found = named(CORPORA, corpus, "corpus")
    return "affectssm.corpora.discover", *filter(None, (found.reader, found.labels))


def feature_modules(feature: str, corpora: Iterable[str] = ()) -> tuple[str, ...]:
    """Of a feature's values; those of labels follow how some corpora write theirs down."""
    found = spec(feature)
    readers = {CORPORA[corpus].labels for corpus in corpora} if found.kind == "annotation" else set()
    return found.target, "affectssm.features.extract", *sorted(filter(None, readers))


def check_modules(foresees: str) -> tuple[str, ...]:
    """Of the check of what tables will miss."""
    return "affectssm.evaluation.foreseen", foresees


def training_modules(model: str, variant: str = "") -> tuple[str, ...]:
    """Of what a run on dialogues learns."""
    tuned = (FINE_TUNING,) if variant == "adapt_mpiigi" else ()
    return f"{_DIALOGUE}.train", *tuned, named(DIALOGUE_MODELS, model, "model")


def prediction_modules(model: str) -> tuple[str, ...]:
    """Of what a trained run predicts."""
    return f"{_DIALOGUE}.predict", named(DIALOGUE_MODELS, model, "model")


def video_training_modules(model: str) -> tuple[str, ...]:
    """Of what a run on video learns."""
    return f"{_VIDEO}.train", named(FRAME_MODELS, model, "model")


def video_prediction_modules(model: str) -> tuple[str, ...]:
    """Of what a trained run on video predicts."""
    return f"{_VIDEO}.predict", named(FRAME_MODELS, model, "model")


def recording_training_modules(model: str) -> tuple[str, ...]:
    """Of what a run on one's own recordings learns, by a model's name in their section of the configuration."""
    return f"{_RECORDINGS}.train", named(RECORDING_MODELS, named(LABELLED_MODELS, model, "model"), "model")


def recording_prediction_modules(model: str) -> tuple[str, ...]:
    """Of what a trained run on one's own recordings predicts."""
    return f"{_RECORDINGS}.predict", named(RECORDING_MODELS, named(LABELLED_MODELS, model, "model"), "model")


def item_training_modules(model: str) -> tuple[str, ...]:
    """Of what a run on one's own recordings as a whole learns and answers."""
    return f"{_RECORDINGS}.items_train", named(CLIP_MODELS, model, "model")


def encoding_modules(feature: str) -> tuple[str, ...]:
    """Of features of an encoder that was tuned for a fold."""
    return f"{_VIDEO}.encode", *feature_modules(feature)


def memory_modules(models: Iterable[str]) -> tuple[str, ...]:
    """Of what a training step of some models is measured to take."""
    found = (named(DIALOGUE_MODELS, model, "model") for model in models)
    return f"{_DIALOGUE}.memory", f"{_DIALOGUE}.memory_step", *found


def efficiency_modules(models: Iterable[str]) -> tuple[str, ...]:
    """Of the memory and time that some models of clips are measured to take."""
    found = (named(CLIP_MODELS, model, "model") for model in sorted(set(models)))
    return f"{_CLIPS}.efficiency", f"{_CLIPS}.efficiency_step", *found


def segment_training_modules(model: str) -> tuple[str, ...]:
    """Of what a run on trials learns and answers."""
    return "affectssm.families.biosignals.stages.train", named(SEGMENT_MODELS, model, "model")


def clip_training_modules(model: str) -> tuple[str, ...]:
    """Of what a run on clips learns and answers."""
    return "affectssm.families.clips.stages.train", named(CLIP_MODELS, model, "model")


def mask_modules() -> tuple[str, ...]:
    """Of the masks."""
    return ("affectssm.families.biosignals.stages.masks",)


def adaptation_modules(model: str, methods: Iterable[str]) -> tuple[str, ...]:
    """Of what some methods answer with a model."""
    return (
        "affectssm.families.biosignals.stages.adapt",
        *_methods(methods),
        named(SEGMENT_MODELS, model, "model"),
    )


def choice_modules(models: Iterable[str], methods: Iterable[str]) -> tuple[str, ...]:
    """Of the constants of some methods that are chosen with runs of some models."""
    found = (named(SEGMENT_MODELS, model, "model") for model in sorted(models))
    return "affectssm.families.biosignals.stages.choose", *_methods(methods), *found


def table_modules(table: str) -> tuple[str, ...]:
    """Of a table."""
    return "affectssm.tables.build", named(PAGES, table, "table")


def _methods(methods: Iterable[str]) -> tuple[str, ...]:
    return tuple(named(METHODS, method, "method") for method in methods)
