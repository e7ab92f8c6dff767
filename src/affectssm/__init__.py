"""From raw affect corpora to the tables of state-space-model papers in one command."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affectssm.errors import AffectError
    from affectssm.interface.corpus import Corpus, open_corpus
    from affectssm.interface.media import features
    from affectssm.interface.model import Model, load_model, predict
    from affectssm.interface.tables import table
    from affectssm.interface.windows import windows

__version__ = "0.1.0"

# All that is public (docs/python.md). Each name is loaded when it is asked for: the package itself imports nothing.
__all__ = [
    "AffectError",
    "Corpus",
    "Model",
    "features",
    "load_model",
    "open_corpus",
    "predict",
    "table",
    "windows",
]

_MODULES = {
    "AffectError": "affectssm.errors",
    "Corpus": "affectssm.interface.corpus",
    "Model": "affectssm.interface.model",
    "load_model": "affectssm.interface.model",
    "open_corpus": "affectssm.interface.corpus",
    "predict": "affectssm.interface.model",
    "table": "affectssm.interface.tables",
    "windows": "affectssm.interface.windows",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if (
        name == "features"
    ):  # the room of this name; to import it makes it an attribute that can be called, see below
        return import_module("affectssm.features")
    if name not in _MODULES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; public are {', '.join(__all__)}"
        )
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__", "__doc__"]


class _Features(ModuleType):
    """The room of the extractors, which bears the name of a public function and can be called as this function."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _public_features()(*arguments, **options)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(_public_features())

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return _public_features().__doc__


def _public_features() -> Any:
    from affectssm.interface.media import features

    return features


class _Package(ModuleType):
    """This package: whoever imports a module of the room ``features`` sets it as an attribute here."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "features" and type(value) is ModuleType:
            value.__class__ = _Features
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
