"""NoXi: dyads of an expert and a novice; train, val and test-base of MultiMediate's engagement task."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora import multimediate
from affectssm.corpora.complete import Whole, whole_dialogues
from affectssm.corpora.layout import Layout
from affectssm.corpora.manifest import Manifest
from affectssm.settings.corpora import CorpusSettings

# the 2023 edition calls test-base `test`
FAMILY = {
    "train": "train",
    "val": "val",
    "test-base": "test-base",
    "test": "test-base",
    "test-additional": "test-additional",
}
LAYOUT = Layout(
    corpus="noxi",
    title="NoXi",
    roles=("expert", "novice"),
    open_seats=False,
    family=FAMILY,
    splits=("train", "val", "test-base"),
    pattern="**/{train,val,test-base,test}/<session>/{expert,novice}.{*.stream,audio.wav,video.mp4}",
)


def discover(root: Path, ground_truth: Path | None, settings: CorpusSettings) -> Manifest:
    """Find the sessions of NoXi below `root`; see `multimediate.discover`."""
    return multimediate.discover(LAYOUT, root, ground_truth, settings)


def whole(settings: CorpusSettings) -> Whole:
    """Return what NoXi is made of."""
    return whole_dialogues(LAYOUT)
