"""The model of an experiment: as it is named, or with a text encoder that is tuned together with it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from affectssm.families.clips.run_settings import RunSettings
from affectssm.models.build import clip_model
from affectssm.training.loop import Group


class ClipModel(nn.Module):
    """A model of clips.

    Args:
        model: of values and masks.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Return what the model answers (B, K)."""
        return self.model(values, mask)

    def groups(self, weight_decay: float) -> list[Group]:
        """Return the parameters, all of which learn alike."""
        return [Group(list(self.parameters()), 1.0, weight_decay)]


def clip_model_of(settings: RunSettings, channels: Mapping[str, int]) -> ClipModel:
    """Build the model of a run, with fresh weights from torch's global generator.

    Args:
        settings: of the run.
        channels: columns of what it reads, by modality.
    """
    dims = {name: channels[name] for name in settings.modalities}
    return ClipModel(clip_model(settings.model, settings.model_settings, dims, settings.outputs))
