"""Terms that a trained model inherits: of the corpora it learnt from, and of the encoders whose features it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from affectssm.vocabulary.corpora import CORPORA

_RESEARCH = "non-commercial research, by an agreement with the owners"
CORPUS_TERMS: dict[str, str] = {
    "noxi": _RESEARCH,
    "noxi_add": _RESEARCH,
    "mpiigi": _RESEARCH,
    "deap": _RESEARCH,
    "mahnob": _RESEARCH,
    "affwild2": _RESEARCH,
    "folder": "your own recordings: what their owners and the people in them agreed to",
}
UNKNOWN = "the owners' own terms: ask them"
NONE = "none: made here"


def licences_of(
    corpora: Iterable[str], demo: bool, features: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what of -> its licence, and whether it forbids commercial use.

    Args:
        corpora: whose labels were learnt from.
        demo: whether they are made here.
        features: name -> what its card says of its encoder; {} where no network computes it.
    """
    found = []
    for corpus in corpora:
        title = CORPORA[corpus].title if corpus in CORPORA else corpus
        terms = NONE if demo else CORPUS_TERMS.get(corpus, UNKNOWN)
        found.append(_entry(f"corpus {title}{' (demo)' if demo else ''}", terms))
    for name, encoder in features.items():
        if "random_seed" in encoder:
            found.append(_entry(f"encoder of {name}", "none: random weights"))
        elif encoder:
            what = f"encoder of {name}, {encoder.get('repository') or encoder.get('model', 'unnamed')}"
            found.append(_entry(what, str(encoder.get("licence") or "not stated")))
    return found


def _entry(what: str, licence: str) -> dict[str, Any]:
    return {"of": what, "licence": licence, "non_commercial": is_non_commercial(licence)}


def is_non_commercial(licence: str) -> bool:
    """Whether a licence says that it forbids commercial use."""
    return "non-commercial" in licence.lower() or "-NC" in licence.upper().replace(" NC", "-NC")
