"""What a model with a text encoder of its own is trained with: the encoder of a language, and groups of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.features.bert_files import BertFiles
from affectssm.features.bert_network import load
from affectssm.models.text_encoder import TextEncoder, TunedText
from affectssm.settings.text_tuning import TunedTextSettings
from affectssm.training.optimisers import Group

_NO_DECAY = ("bias", "LayerNorm.weight")


def text_encoder(
    encoder: Mapping[str, Any], language: str, settings: TunedTextSettings
) -> tuple[TextEncoder, dict[str, Any]]:
    """Return the text encoder of a language, and what a card says of its weights.

    Args:
        encoder: the settings of the feature ``bert``.
        language: of the transcripts.
        settings: what of it is trained.

    Raises:
        ConfigError: if its weights are missing, or it has fewer blocks than are to be trained.
        DataError: if they are not those of the first load, or cannot be loaded.
    """
    files = BertFiles.of(encoder, language)
    return TextEncoder(load(files), settings.blocks, settings.checkpointing), files.card


def parameter_groups(
    model: TunedText, rate: float, weight_decay: float, settings: TunedTextSettings
) -> list[Group]:
    """Return what is trained: the model, the encoder's weights, and its biases and norms.

    Args:
        model: with its encoder.
        rate: learning rate of the model behind the encoder, of which the encoder's is a share.
        weight_decay: of the model behind the encoder.
        settings: of the encoder.
    """
    named = [(name, p) for name, p in model.encoder.named_parameters() if p.requires_grad]
    share = settings.learning_rate / rate
    return [
        Group(list(model.model.parameters()), 1.0, weight_decay),
        Group([p for name, p in named if not name.endswith(_NO_DECAY)], share, settings.weight_decay),
        Group([p for name, p in named if name.endswith(_NO_DECAY)], share, 0.0),
    ]
