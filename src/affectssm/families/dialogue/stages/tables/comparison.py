"""What a setting costs: the full model minus the setting, paired by seed.

Two runs of one seed start from the same random numbers and see the same batches, so their difference varies less than
the difference of two means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectssm.families.dialogue.stages.tables.measured import Measured
from affectssm.tables.rows import number


@dataclass(frozen=True)
class Drop:
    """Mean and sd (n - 1) over the seeds both have; NaN where there are none, or too few."""

    mean: float
    sd: float
    n: int

    def columns(self) -> dict[str, str]:
        """As columns of a table."""
        return {"drop": number(self.mean), "drop_sd": number(self.sd), "drop_n": str(self.n)}


def drop(full: Measured, other: Measured, cell: str) -> Drop:
    """What ``other`` loses against ``full`` on one cell."""
    seeds = full.by_seed[cell].keys() & other.by_seed[cell].keys()
    found = np.array([full.by_seed[cell][seed] - other.by_seed[cell][seed] for seed in sorted(seeds)])
    found = found[np.isfinite(found)]
    mean = float(found.mean()) if len(found) else float("nan")
    sd = float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    return Drop(mean, sd, len(found))
