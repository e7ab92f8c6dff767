"""Adaptation methods by name; which there are: :mod:`affectssm.vocabulary.methods`."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from affectssm.adaptation.method import Method
from affectssm.models.segments import Segments
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.vocabulary.methods import METHODS
from affectssm.vocabulary.targets import load_from


def build_method(
    name: str, model: nn.Module, settings: AdaptationSettings, source: Iterable[Segments] | None = None
) -> Method:
    """A method that has taken hold of a trained model.

    Args:
        name: a key of METHODS.
        model: changed in place.
        settings: of all methods.
        source: segments of the training part in batches; EATA needs them.

    Raises:
        ConfigError: for an unknown name, or a model or source without what the method needs.
    """
    return load_from(METHODS, name, "method")(model, settings, source)
