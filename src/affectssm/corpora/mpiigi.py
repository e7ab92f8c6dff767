"""MPIIGroupInteraction: groups of three or four; val and test of MultiMediate's engagement task, no train."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora import multimediate
from affectssm.corpora.complete import Whole, whole_dialogues
from affectssm.corpora.layout import Layout
from affectssm.corpora.manifest import Manifest
from affectssm.settings.corpora import CorpusSettings

LAYOUT = Layout(
    corpus="mpiigi",
    title="MPIIGroupInteraction",
    roles=("subjectPos1", "subjectPos2", "subjectPos3", "subjectPos4"),
    open_seats=True,
    family={"val": "val", "test": "test"},
    splits=("val", "test"),
    pattern="**/{val,test}/[precomputed-features-*/]<session>/subjectPos<1-4>.{*.stream,wav,mp4}",
)


def discover(root: Path, ground_truth: Path | None, settings: CorpusSettings) -> Manifest:
    """Find the sessions of MPIIGroupInteraction below `root`; see `multimediate.discover`."""
    return multimediate.discover(LAYOUT, root, ground_truth, settings)


def whole(settings: CorpusSettings) -> Whole:
    """Return what MPIIGroupInteraction is made of."""
    return whole_dialogues(LAYOUT)
