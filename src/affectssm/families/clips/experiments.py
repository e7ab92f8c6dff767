"""Experiments on clips, by name: a model, a variant of it, a corpus, a source of features and a task.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from affectssm.families.clips.settings import ClipsSettings, own
from affectssm.families.clips.stages.modalities import MODALITIES
from affectssm.settings.clips import Task
from affectssm.settings.config import Config
from affectssm.settings.features import settings_of

LANGUAGES = {"mosei": "english", "sims": "chinese", "simsv2": "chinese"}
CORPORA = tuple(LANGUAGES)
MODEL = "coupled_mamba"
EXCHANGED, TUNED = "exchanged", "tuned"
ALONE, WITHOUT = "only_", "without_"
TOKEN_FEATURES = {"aligned": "tokens", "unaligned": "tokens", "extracted": "bert_tokens"}
"""Source -> the feature that a text encoder which is tuned reads."""
ENCODER = ("english", "chinese", "tokens", "weights", "size")
"""Settings of the feature ``bert`` that decide which encoder it is."""
SIZES = ("dt_rank", "d_state", "coupling")
"""Settings of the model that a variant may set: ``dt_rank_8``, ``coupling_sum``."""


@dataclass(frozen=True)
class Experiment:
    """What is learnt from which clips.

    Attributes:
        model: a name of the vocabulary's models of clips.
        corpus: a name of CORPORA.
        source: of features, a key of ``clips.groups``.
        task: regression (the sentiment itself) or classification (its sign).
        variant: "" is the model as configured; ``exchanged`` labels; ``only_text`` and ``without_text`` (and so on) see
            other modalities; ``coupling_sum``, ``dt_rank_8``, ``d_state_32`` (and so on) set one of the model's
            settings; ``tuned`` tunes the text encoder together with the model.
    """

    model: str
    corpus: str
    source: str
    task: Task
    variant: str = ""

    @property
    def target(self) -> str:
        """What is learnt, without how: ``{corpus}_{source}_{task}``."""
        return f"{self.corpus}_{self.source}_{self.task}"

    @property
    def name(self) -> str:
        """``{model}[+{variant}]-{corpus}_{source}_{task}``."""
        return f"{self.model}{'+' * bool(self.variant)}{self.variant}-{self.target}"


def modalities_of(asked: ClipsSettings, experiment: Experiment) -> tuple[str, ...]:
    """The modalities that the model of an experiment sees, in its order; none where its source lacks what a variant is
    named after."""
    variant = experiment.variant
    own = tuple(name for name in MODALITIES if name in asked.groups[experiment.source])
    if variant.startswith(ALONE):
        return tuple(name for name in own if name == variant.removeprefix(ALONE))
    if variant.startswith(WITHOUT):
        left_out = variant.removeprefix(WITHOUT)
        return tuple(name for name in own if name != left_out) if left_out in own else ()
    return own


def model_settings(asked: ClipsSettings, experiment: Experiment) -> dict[str, Any]:
    """Sizes and switches of the model as this experiment has them."""
    given = getattr(asked, experiment.model).model_dump(mode="json")
    for name in SIZES:
        if experiment.variant.startswith(f"{name}_"):
            value = experiment.variant.removeprefix(f"{name}_")
            given[name] = int(value) if value.isdecimal() else value
    return given


def _whole(experiment: Experiment) -> bool:
    """Whether it is the model as configured, which the controls answer clips with that lack a modality."""
    return (experiment.model, experiment.variant) == (MODEL, "")


def tuned_settings(config: Config) -> dict[str, Any]:
    """What tuning the text encoder is told: which encoder, without how it is computed, and how it is tuned."""
    encoder = settings_of("bert", config.features)
    return {
        "encoder": {name: encoder[name] for name in ENCODER},
        "settings": own(config).tuned.model_dump(mode="json"),
    }


def run_settings(config: Config, experiment: Experiment, seeds: list[int]) -> dict[str, Any]:
    """What the runs of some seeds are told: everything that decides their result, and nothing else."""
    asked = own(config)
    tuned = {"tuned": tuned_settings(config)} if experiment.variant == TUNED else {}
    return {
        "experiment": experiment.name,
        "model": experiment.model,
        "variant": experiment.variant,
        "corpus": experiment.corpus,
        "source": experiment.source,
        "task": experiment.task,
        "modalities": list(modalities_of(asked, experiment)),
        "left_out": list(modalities_of(asked, experiment)) if _whole(experiment) else [],
        "language": LANGUAGES[experiment.corpus],
        **tuned,
        "seeds": seeds,
        "model_settings": model_settings(asked, experiment),
        "batch": getattr(asked.batch, experiment.corpus),
        "training": asked.training.model_dump(mode="json"),
    }
