"""What an extractor is told of the configuration, and which of it decides a feature's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.errors import ConfigError
from affectssm.settings.config import Config, Features
from affectssm.vocabulary.features import spec


def settings_of(feature: str, features: Features) -> dict[str, Any]:
    """Return the slice of the configuration that an extractor is given."""
    section = getattr(features, feature, None)
    own = section.model_dump(mode="json") if section is not None else {}
    if not spec(feature).network:
        return own
    shared = ("weights", "size", "threads", "weights_dir")
    return own | {name: getattr(features, name) for name in shared}


NOT_THE_RESULT = ("weights_dir", "batch")
"""Settings that say where or how something is computed; the weights' hashes are in the card."""


def decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide a feature's values."""
    return {name: value for name, value in settings.items() if name not in NOT_THE_RESULT}


def completed(feature: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the defaults of the demo where a key is not given.

    Raises:
        ConfigError: for a key the feature does not have.
    """
    known = settings_of(feature, Config.model_validate({}).features)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigError(
            f"settings of {feature}", ", ".join(unknown), f"some of {', '.join(known)}", "mend --settings"
        )
    return known | dict(settings)
