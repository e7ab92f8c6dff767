"""NoXi-Add: dyads in further languages, a test set alone (test-additional) that shares NoXi's root."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora import multimediate
from affectssm.corpora.complete import Whole, whole_dialogues
from affectssm.corpora.layout import Layout
from affectssm.corpora.manifest import Manifest
from affectssm.corpora.noxi import FAMILY
from affectssm.settings.corpora import CorpusSettings

LAYOUT = Layout(
    corpus="noxi_add",
    title="NoXi-Add",
    roles=("expert", "novice"),
    open_seats=False,
    family=FAMILY,
    splits=("test-additional",),
    pattern="**/test-additional/<session>/{expert,novice}.{*.stream,audio.wav,video.mp4}",
)


def discover(root: Path, ground_truth: Path | None, settings: CorpusSettings) -> Manifest:
    """Find the sessions of NoXi-Add below NoXi's `root`; see `multimediate.discover`."""
    return multimediate.discover(LAYOUT, root, ground_truth, settings)


def whole(settings: CorpusSettings) -> Whole:
    """Return what NoXi-Add is made of."""
    return whole_dialogues(LAYOUT)
