"""Which features a model of frames reads, by modality group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from affectssm.errors import ConfigError


def group_dims(
    feature_dims: Mapping[str, int], groups: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, int]]:
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
