"""Memory and time of Coupled Mamba and of a Transformer with cross-attention, by length, at the paper's sizes.

    python benchmarks/clip_efficiency.py                # hours on one core: lengths 100 to 4000, batch 32
    python benchmarks/clip_efficiency.py --lengths 100 500 --models coupled_mamba --keep part.json
    python benchmarks/clip_efficiency.py --batch 1 --width 32 --keep other.json     # minutes: the growth to 4000
    python benchmarks/clip_efficiency.py --from part.json other.json      # a page of measurements that were kept
    python benchmarks/clip_efficiency.py --quick        # small models and lengths: proves that it runs

What is measured, and how, says the table coupled_efficiency, whose measurement this is. Writes
benchmarks/results/coupled_efficiency.md.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from pages import RESULTS, parser, table, versions

from affectssm.families.clips.measured_settings import MeasureSettings, measure_settings
from affectssm.families.clips.stages.efficiency import measure
from affectssm.families.clips.stages.tables.coupled_efficiency import (
    METHODS,
    QUANTITIES,
    claims_section,
    measured_rows,
)
from affectssm.settings.clip_efficiency import EfficiencySettings
from affectssm.settings.fusion_models import AttentionFusionSettings, CoupledMambaSettings
from affectssm.tables.published import published_rows

LENGTHS = [100, 200, 300, 400, 500, 1000, 2000, 4000]
QUICK: dict[str, Any] = {"d_model": 8, "layers": 1, "d_state": 4, "dt_rank": 1}


def measured(asked: Any) -> list[dict[str, Any]]:
    """Rows of a measurement as asked for."""
    width = asked.width  # state and rank in the paper's proportions
    sizes = {"d_model": width, "d_state": width // 2, "dt_rank": max(1, width // 8)}
    coupled = CoupledMambaSettings(**QUICK if asked.quick else sizes).model_dump()
    given = {"lengths": asked.lengths, "batch": asked.batch, "repeats": 3, "limit_gb": asked.limit_gb}
    told = measure_settings(
        EfficiencySettings.model_validate(given), coupled, AttentionFusionSettings().model_dump()
    )
    told["models"] = {name: told["models"][name] for name in asked.models}
    with tempfile.TemporaryDirectory() as folder:
        out = asked.keep or Path(folder, "measured.json")
        measure(MeasureSettings.model_validate(told), out)
        return json.loads(out.read_text(encoding="utf-8"))["rows"]


def report(found: list[dict[str, Any]]) -> str:
    """What was found, in Markdown; a part for every batch and width."""
    parts = []
    for batch, width in dict.fromkeys((row["batch"], row["d_model"]) for row in found):
        own = [row for row in found if (row["batch"], row["d_model"]) == (batch, width)]
        parts.append(f"## Width {width}, batch {batch}, up to {own[0]['limit_gb']:g} GB\n\n{_part(own)}")
    device = found[0]["device"]
    return f"""# Memory and time of Coupled Mamba and of a Transformer, by length

Written by `python benchmarks/clip_efficiency.py`. {device}, one thread,
{versions()}. Three modalities of one length (columns {", ".join(map(str, (768, 74, 35)))}), float32, random numbers.
Seconds are the process's CPU seconds, the smallest of up to three runs, on a machine that others used at the same time,
where CPU seconds, too, are more than on an idle one, and differ by tens of percent from run to run; memory does not.
Coupled Mamba's state is half its width, the rank of its step sizes an eighth. A dash did not fit.

{chr(10).join(parts)}"""


def _part(found: list[dict[str, Any]]) -> str:
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
    asking.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    asking.add_argument("--models", nargs="+", default=list(METHODS), choices=list(METHODS))
    asking.add_argument("--batch", type=int, default=32, help="clips")
    asking.add_argument("--width", type=int, default=128)
    asking.add_argument("--limit-gb", type=float, default=8.0, help="that a step may take")
    asking.add_argument("--keep", type=Path, help="where the measurement goes, too")
    asking.add_argument("--from", type=Path, nargs="+", default=[], dest="kept", help="kept ones, for a page")
    asking.add_argument("--quick", action="store_true", help="small; nothing is written")
    asked = asking.parse_args()
    if asked.quick:
        asked.lengths, asked.batch = [10, 20], 2
    found = [row for path in asked.kept for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]
    found.sort(key=lambda row: (-row["batch"], list(METHODS).index(row["model"]), row["length"]))
    text = report(found or measured(asked))
    print(text)
    if not asked.quick and not asked.keep:
        (RESULTS / "coupled_efficiency.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
