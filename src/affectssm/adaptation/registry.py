"""Adaptation methods by name. A new method is one line here, one module and one section of settings."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from affectssm.adaptation.bim_tta import BiMTTA
from affectssm.adaptation.eata import EATA
from affectssm.adaptation.method import Method
from affectssm.adaptation.read import READ
from affectssm.adaptation.tent import Tent
from affectssm.adaptation.tltta import TLTTA
from affectssm.errors import ConfigError
from affectssm.models.signals import Signals
from affectssm.physio_settings import AdaptationSettings

METHODS: dict[str, type[Method]] = {
    method.name: method for method in (Method, Tent, EATA, READ, TLTTA, BiMTTA)
}


def build_method(
    name: str, model: nn.Module, settings: AdaptationSettings, source: Iterable[Signals] | None = None
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
    if name not in METHODS:
        raise ConfigError(
            f"method {name}", "no method of this name", f"one of {', '.join(METHODS)}", "mend the name"
        )
    return METHODS[name](model, settings, source)
