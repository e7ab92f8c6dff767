"""Sources of features, as families of frames name them: source -> modality group -> features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field

from affectssm.vocabulary.features import FEATURES
from affectssm.vocabulary.kinds import LABEL_KINDS, SIGNAL_KINDS

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Groups = dict[Word, dict[Word, Annotated[tuple[str, ...], Field(min_length=1)]]]


def sources_there_are(groups: Groups, by_fold: bool = False) -> Groups:
    """Return sources whose features there are.

    Args:
        groups: of the sources.
        by_fold: whether the family makes features that every fold has for itself.

    Raises:
        ValueError: ``expected; found; remedy`` for one that is none, or is named twice.
    """
    others = (*LABEL_KINDS, *SIGNAL_KINDS)
    known = [n for n, spec in FEATURES.items() if spec.kind not in others and (by_fold or not spec.by_fold)]
    for source, own in groups.items():
        named = features_of(own)
        if not named or len(set(named)) < len(named):
            raise ValueError(f"sources that name each feature once; {source}: {', '.join(named) or 'none'}")
        for feature in named:
            one_of(feature, known, f"features of {source}")
    return groups


def one_of(name: str, known: Iterable[str], what: str) -> None:
    """Refuse a name that is none.

    Raises:
        ValueError: ``expected; found; remedy``, with the nearest name.
    """
    names = list(known)
    if name not in names:
        near = get_close_matches(name, names, n=1)
        remedy = f"did you mean {near[0]}?" if near else "correct the name"
        raise ValueError(f"{what} that there are ({', '.join(names)}); {name!r}; {remedy}")


def features_of(groups: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the features of a source, in the order of its groups."""
    return [feature for names in groups.values() for feature in names]
