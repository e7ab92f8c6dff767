"""Memory and time of Coupled Mamba and of a Transformer with cross-attention, by length, at the paper's sizes.

    python benchmarks/clip_efficiency.py            # some twenty minutes on an idle core
    python benchmarks/clip_efficiency.py --quick    # small models and lengths: proves that it runs

Two parts in one run: at the paper's width and batch up to 1000 steps, within 8 GB, and small enough for 4000, where
linear and quadratic growth are told apart. What is measured, and how, says the table coupled_efficiency, whose
measurement this is. Writes benchmarks/results/coupled_efficiency.md.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from pages import RESULTS, parser, table, versions

from affectssm.families.clips.measured_settings import MeasureSettings, measure_settings
from affectssm.families.clips.stages.efficiency import measure
from affectssm.families.clips.stages.tables.coupled_efficiency import (
    QUANTITIES,
    claims_section,
    measured_rows,
)
from affectssm.settings.clip_efficiency import EfficiencySettings
from affectssm.settings.fusion_models import AttentionFusionSettings, CoupledMambaSettings
from affectssm.tables.published import published_rows


class Part(NamedTuple):
    """One measurement: width and depth of the models, clips, steps."""

    width: int
    layers: int
    batch: int
    lengths: list[int]


PARTS = [
    Part(128, 3, 32, [100, 200, 300, 400, 500, 1000]),
    Part(32, 3, 1, [100, 200, 500, 1000, 2000, 4000]),
]
QUICK = [Part(8, 1, 2, [10, 20])]


def measured(part: Part) -> list[dict[str, Any]]:
    """Rows of a measurement; state and rank in the paper's proportions."""
    width = part.width
    sizes = {"d_model": width, "layers": part.layers, "d_state": width // 2, "dt_rank": max(1, width // 8)}
    given = {"lengths": part.lengths, "batch": part.batch, "repeats": 3, "limit_gb": 8.0}
    told = measure_settings(
        EfficiencySettings.model_validate(given),
        CoupledMambaSettings.model_validate(sizes).model_dump(),
        AttentionFusionSettings().model_dump(),
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "measured.json")
        measure(MeasureSettings.model_validate(told), out)
        return json.loads(out.read_text(encoding="utf-8"))["rows"]


def report(found: list[dict[str, Any]]) -> str:
    """What was found, in Markdown; a part for every batch and width."""
    parts = []
    for batch, width in dict.fromkeys((row["batch"], row["d_model"]) for row in found):
        own = [row for row in found if (row["batch"], row["d_model"]) == (batch, width)]
        parts.append(f"## Width {width}, batch {batch}, up to {own[0]['limit_gb']:g} GB\n\n{_tables(own)}")
    device = found[0]["device"]
    return f"""# Memory and time of Coupled Mamba and of a Transformer, by length

Written by `python benchmarks/clip_efficiency.py`. {device}, one thread,
{versions()}. Three modalities of one length (columns {", ".join(map(str, (768, 74, 35)))}), float32, random numbers.
Seconds are the process's CPU seconds, the smallest of up to three runs; on a machine that others use too they differ by
tens of percent from run to run, memory does not.
Coupled Mamba's state is half its width, the rank of its step sizes an eighth. A dash did not fit.

{chr(10).join(parts)}"""


def _tables(found: list[dict[str, Any]]) -> str:
    claims = published_rows("coupled_efficiency", {"source": "published"})
    rows = measured_rows(found, claims, "paper")
    kinds = {kind: [row for row in rows if row["row"] == kind] for kind in ("measured", "growth", "saved")}
    words = list(QUANTITIES.values())
    sizes = [
        [
            "",
            "length",
            *(f"{text}, {'GB' if name.endswith('gb') else 's'}" for name, text in QUANTITIES.items()),
        ]
    ]
    sizes += [
        [row["method"], row["length"], *(row.get(name) or "–" for name in QUANTITIES)]
        for row in kinds["measured"]
    ]
    growth = [["", *words, "over"]]
    growth += [
        [row["method"], *(row.get(f"slope_{name}") or "–" for name in QUANTITIES), row["note"]]
        for row in kinds["growth"]
    ]
    claimed = claims_section(kinds["saved"])
    saved = [["less than", "length", *(f"{text}, %" for text in words)]]
    saved += [
        [row["against"], row["length"], *(row.get(f"saved_{name}") or "–" for name in QUANTITIES)]
        for row in kinds["saved"]
    ]
    texts = [
        table(sizes),
        "What Coupled Mamba takes less; below zero, more:\n\n" + table(saved),
        "Growth, the exponent of length:\n\n" + table(growth),
        f"{claimed.title}:\n\n" + table([list(line) for line in (claimed.header, *claimed.lines)]),
    ]
    return "\n\n".join(texts) + "\n"


def main() -> None:
    """Run."""
    asking = parser(__doc__)
    asking.add_argument("--quick", action="store_true", help="small; nothing is written")
    asked = asking.parse_args()
    text = report([row for part in (QUICK if asked.quick else PARTS) for row in measured(part)])
    print(text)
    if not asked.quick:
        (RESULTS / "coupled_efficiency.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
