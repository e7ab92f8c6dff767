"""CH-SIMS v2: 4,403 labelled clips, and 10,161 without a label as split ``unlabelled``.

Liu et al., Make acoustic and visual cues matter: CH-SIMS v2.0 dataset and AV-Mixup consistent module, ICMI 2022. A
table without a single label, a pickle's too, is of the unlabelled part.
"""

from __future__ import annotations

from functools import partial

from affectssm.corpora import clip_files
from affectssm.corpora.clip_tables import UNLABELLED
from affectssm.corpora.clips import ClipCorpus

SIMSV2 = ClipCorpus(
    corpus="simsv2",
    title="CH-SIMS v2",
    language="chinese",
    scale=1.0,
    labels=4,
    audio=25,
    vision=177,
    counts={"train": 2722, "val": 647, "test": 1034, UNLABELLED: 10161},
)
discover, whole = partial(clip_files.discover, SIMSV2), partial(clip_files.whole, SIMSV2)
