"""The index of epochs as it is stored; those who read it need not import how epochs are cut."""

from __future__ import annotations

import pyarrow as pa

from affectssm.timeline.dimensions import DIMENSIONS
from affectssm.vocabulary.kinds import SIGNAL_KINDS

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("corpus", "shard", "subject", "trial")]
    + [("epoch", pa.int32()), ("row", pa.int64()), ("start_s", pa.float64())]
    + [(kind, pa.bool_()) for kind in SIGNAL_KINDS]
    + [(name, pa.float32()) for name in DIMENSIONS]
)
