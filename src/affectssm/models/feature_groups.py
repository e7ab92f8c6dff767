"""Models with an answer for every frame, and which features one reads, by modality group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import nn

from affectssm.errors import ConfigError
from affectssm.settings.base import Strict

Stacks = dict[str, dict[str, int]]
"""Modality group -> its features -> the dimension of each."""


class FrameModel(nn.Module):
    """A model with an answer for every frame.

    Args:
        settings: sizes and switches, an object of the class ``Settings``.
        feature_dims: dimension of every feature.
        groups: modality group -> its features, in the model's order.

    Raises:
        ConfigError: when the groups name a feature without dimension, or none.
    """

    Settings: ClassVar[type[Strict]]

    def __init__(
        self, settings: Any, feature_dims: Mapping[str, int], groups: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__()
        self.build(settings, group_dims(feature_dims, groups))

    def build(self, settings: Any, stacks: Stacks) -> None:
        """Make the layers; their weights are drawn in the order in which they are made."""
        raise NotImplementedError


def group_dims(feature_dims: Mapping[str, int], groups: Mapping[str, Sequence[str]]) -> Stacks:
    """Feature dimensions by stack: one stack a non-empty modality group.

    Raises:
        ConfigError: when a group names a feature without dimension, or no group names any.
    """
    unknown = sorted({name for names in groups.values() for name in names} - feature_dims.keys())
    if unknown or not any(groups.values()):
        raise ConfigError(
            "model input",
            f"no dimension for {', '.join(unknown)}" if unknown else "no feature in any modality group",
            f"modality groups made of the features at hand: {', '.join(sorted(feature_dims)) or 'none'}",
            "compute the missing features, or take them out of the groups",
        )
    return {group: {name: feature_dims[name] for name in names} for group, names in groups.items() if names}
