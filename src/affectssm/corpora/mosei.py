"""CMU-MOSEI: clips of monologues on YouTube, each with a sentiment, as MMSA's pickles, ``.csd`` files or raw clips.

Zadeh et al., Multimodal language analysis in the wild: CMU-MOSEI dataset and interpretable dynamic fusion graph, ACL
2018. Counts of splits: MMSA, and the standard test fold of the owner's labels with its classes.
"""

from __future__ import annotations

from functools import partial

from affectssm.corpora import clip_files
from affectssm.corpora.clips import ClipCorpus
from affectssm.corpora.mosei_csd import add_sequences

MOSEI = ClipCorpus(
    corpus="mosei",
    title="CMU-MOSEI",
    language="english",
    scale=3.0,
    labels=1,
    audio=74,
    vision=35,
    counts={"train": (16326,), "val": (1871,), "test": (4659, 4662)},
    classes={"test": (1350, 1025, 2287)},
)
discover = partial(clip_files.discover, MOSEI, more=add_sequences)
whole = partial(clip_files.whole, MOSEI)
