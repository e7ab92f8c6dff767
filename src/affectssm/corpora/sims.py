"""CH-SIMS: 2,281 clips of Chinese films and shows, each with a sentiment, and one by text, audio and vision alone.

Yu et al., CH-SIMS: a Chinese multimodal sentiment analysis dataset with fine-grained annotation of modality, ACL 2020.
Counts of splits and of the test part's classes: MMSA and the dataset's paper.
"""

from __future__ import annotations

from functools import partial

from affectssm.corpora import clip_files
from affectssm.corpora.clips import ClipCorpus

SIMS = ClipCorpus(
    corpus="sims",
    title="CH-SIMS",
    language="chinese",
    scale=1.0,
    labels=4,
    audio=33,
    vision=709,
    counts={"train": (1368,), "val": (456,), "test": (457,)},
    classes={"test": (248, 69, 140)},
)
discover, whole = partial(clip_files.discover, SIMS), partial(clip_files.whole, SIMS)
