"""The model of an experiment: as it is named, or with a text encoder that is tuned together with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.modalities import TEXT
from affectssm.models.build import clip_model
from affectssm.training.optimisers import Group


def whole_model(
    settings: RunSettings, channels: Mapping[str, int], computing: Mapping[str, Any]
) -> tuple[nn.Module, list[Group]]:
    """Build the model of a run, with fresh weights from torch's global generator.

    Args:
        settings: of the run.
        channels: columns of what it reads, by modality.
        computing: how the text encoder is computed (``bert``): where its weights lie.

    Returns:
        The model, of values and masks, and its parameters where not all learn alike.

    Raises:
        ConfigError: if the weights of a text encoder are missing.
    """
    dims = {name: channels[name] for name in settings.modalities if name in channels}
    if settings.tuned is None:
        return clip_model(settings.model, settings.model_settings, dims, settings.outputs), []
    # here: transformers takes seconds to import
    from affectssm.models.text_encoder import TunedText
    from affectssm.settings.features import completed
    from affectssm.training.text_tuning import parameter_groups, text_encoder

    encoder, _ = text_encoder(
        completed("bert", settings.tuned.encoder | computing.get("bert", {})),
        settings.language,
        settings.tuned.settings,
    )
    model = clip_model(settings.model, settings.model_settings, {TEXT: encoder.dim} | dims, settings.outputs)
    tuned, recipe = TunedText(encoder, model), settings.training
    return tuned, parameter_groups(tuned, recipe.learning_rate, recipe.weight_decay, settings.tuned.settings)
