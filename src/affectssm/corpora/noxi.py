"""NoXi: dyads of an expert and a novice; train, val and test-base of MultiMediate's engagement task."""

from __future__ import annotations

from functools import partial

from affectssm.corpora import dialogues
from affectssm.corpora.multimediate import multimediate

# the 2023 edition calls test-base `test`
FOLDERS = {
    "train": "train",
    "val": "val",
    "test-base": "test-base",
    "test": "test-base",
    "test-additional": "test-additional",
}
NOXI = multimediate(
    corpus="noxi",
    title="NoXi",
    roles=("expert", "novice"),
    folders=FOLDERS,
    splits=("train", "val", "test-base"),
    pattern="**/{train,val,test-base,test}/<session>/{expert,novice}.{*.stream,audio.wav,video.mp4}",
)
discover, whole = partial(dialogues.discover, NOXI), partial(dialogues.whole, NOXI)
