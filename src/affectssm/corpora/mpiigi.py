"""MPIIGroupInteraction: groups of three or four; val and test of MultiMediate's engagement task, no train."""

from __future__ import annotations

from functools import partial

from affectssm.corpora import dialogues
from affectssm.corpora.multimediate import multimediate

MPIIGI = multimediate(
    corpus="mpiigi",
    title="MPIIGroupInteraction",
    roles=("subjectPos1", "subjectPos2", "subjectPos3", "subjectPos4"),
    open_seats=True,
    folders={"val": "val", "test": "test"},
    splits=("val", "test"),
    pattern="**/{val,test}/[precomputed-features-*/]<session>/subjectPos<1-4>.{*.stream,wav,mp4}",
)
discover, whole = partial(dialogues.discover, MPIIGI), partial(dialogues.whole, MPIIGI)
