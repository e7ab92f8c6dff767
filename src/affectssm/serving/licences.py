"""Terms that a trained model inherits: of the corpora it learnt from, and of the encoders whose features it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.licences import CORPORA_TERMS, MADE_HERE, SEE_OWNER


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
        known = MADE_HERE if demo else CORPORA_TERMS.get(corpus)
        text = known.text if known is not None else SEE_OWNER
        found.append(_entry(f"corpus {title}{' (demo)' if demo else ''}", text))
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
    words = ("non-commercial", "no commercial", "research")  # to whom a corpus is given for research alone
    return any(word in licence.lower() for word in words) or "-NC" in licence.upper().replace(" NC", "-NC")
