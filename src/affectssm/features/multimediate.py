"""The streams the MultiMediate challenge distributes (``egemapsv2``, ``w2vbert2``, ``clip``, ``openface2``,
``openpose``), as they come: float32, row i at (i + 0.5) / rate seconds, the rate being the one discovery
decided on.

Values that mean "not detected" to the tool that wrote them (OpenPose's -1) are left; rows that are not finite
are masked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectssm.features.base import BLOCK_ROWS, Extractor, Source
from affectssm.media.ssi import read_stream
from affectssm.store.shards import Track


class Stream(Extractor):
    """An SSI stream; it has no settings."""

    def extract(self, source: Source) -> Iterator[Track]:
        rate, bad, start = source.row.rate, 0, 0
        while True:
            block = read_stream(source.path, start, start + BLOCK_ROWS)
            if not len(block.value):
                break
            value = np.where(block.finite[:, None], block.value, np.float32(0))
            time = (start + np.arange(len(value)) + 0.5) / rate
            yield Track(value, time, block.finite, rate)
            start += len(value)
            bad += int((~block.finite).sum())
        if bad:
            source.note("stream_not_finite", f"{bad} of {start} rows", "finite values", "masked")
