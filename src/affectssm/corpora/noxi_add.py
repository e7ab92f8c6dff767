"""NoXi-Add: dyads in further languages, a test set alone (test-additional) that shares NoXi's root."""

from __future__ import annotations

from functools import partial

from affectssm.corpora import dialogues
from affectssm.corpora.multimediate import multimediate
from affectssm.corpora.noxi import FOLDERS

NOXI_ADD = multimediate(
    corpus="noxi_add",
    title="NoXi-Add",
    roles=("expert", "novice"),
    folders=FOLDERS,
    splits=("test-additional",),
    pattern="**/test-additional/<session>/{expert,novice}.{*.stream,audio.wav,video.mp4}",
)
discover, whole = partial(dialogues.discover, NOXI_ADD), partial(dialogues.whole, NOXI_ADD)
