"""Whose terms apply: of corpora as their owners give them, and of libraries that are no permissive ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEE_OWNER = "see the owner: no terms are known here"


@dataclass(frozen=True)
class Terms:
    """Terms of use, in short; what the owner says counts.

    Attributes:
        text: what one may do, and how one gets it.
        free: whether anybody may use it for anything.
    """

    text: str
    free: bool = False


_EULA = "research at universities and institutes, after a signed end-user licence agreement"
CORPORA_TERMS: Mapping[str, Terms] = {
    "noxi": Terms(f"{_EULA}; test labels are withheld (NoXi; MultiMediate challenge)"),
    "noxi_add": Terms(f"{_EULA}; test labels are withheld (NoXi; MultiMediate challenge)"),
    "mpiigi": Terms(f"{_EULA}; test labels are withheld (MPIIGroupInteraction; MultiMediate challenge)"),
    "deap": Terms(f"{_EULA} (Queen Mary University of London)"),
    "mahnob": Terms(f"{_EULA} (MAHNOB, Imperial College London)"),
    "affwild2": Terms(f"{_EULA}; no commercial use; pictures of people are not passed on (iBUG, ABAW)"),
    "mosei": Terms(
        "research; videos are their authors', and may be withdrawn (CMU MultiComp; see the owner)"
    ),
    "sims": Terms("research; clips of films and shows are their owners' (THUIAR; see the owner)"),
    "simsv2": Terms(
        "no licence is published; clips of films and shows are their owners' (THUIAR; see the owner)"
    ),
    "folder": Terms("your own recordings: what their people have agreed to counts"),
}
"""Corpus -> the owner's terms. Of one that is not here: :data:`SEE_OWNER`."""
MADE_HERE = Terms("made here; free", free=True)

PACKAGES: Mapping[str, str] = {
    "affectssm": "",
    "torch": "",
    "av": "its wheels bring FFmpeg, under LGPL or GPL",
    "opencv-python-headless": "its wheels bring FFmpeg, under LGPL",
    "mediapipe": "with models of faces",
    "transformers": "",
}
"""Library that computes -> what comes with it under other terms; its own licence stands in its metadata."""
