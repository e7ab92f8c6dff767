"""What the corpora of the MultiMediate engagement challenge have in common, over all its editions.

No edition has a fixed root, and MPIIGI's labels, streams and media lie in parallel trees.
"""

from __future__ import annotations

import re
from functools import partial

from affectssm.corpora.specification import Specification

STREAMS = {
    "egemapsv2": "egemapsv2",
    "w2vbert2_embeddings": "w2vbert2",
    "clip": "clip",
    "openface2": "openface2",
    "openpose": "openpose",
}
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")  # as owners ship them, then what recorders and labs write
MEDIA = {"audio.wav": "audio", "wav": "audio"} | {
    name: "video" for suffix in VIDEOS for name in (f"video{suffix}", suffix[1:])
}

multimediate = partial(
    Specification,
    media=MEDIA,
    label="engagement.annotation.csv",
    streams=STREAMS,
    apart=re.compile(r"noxi[\s_+-]*j\w*", re.IGNORECASE),
)
"""The specification of a corpus of the challenge, but for what is its own."""
