"""Peak memory of one training step, by model and window length; each step runs in a process of its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from affectssm.families.dialogue.run_settings import MemorySettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.training.step_processes import Steps
from affectssm.vocabulary.stages import memory_modules

log = logging.getLogger(__name__)
SERVER = "affectssm.families.dialogue.stages.memory_step"


def measure(settings: MemorySettings, out: Path) -> None:
    """Measure every step that is asked for and write ``out`` (JSON: ``rows`` and ``card``).

    Args:
        settings: of the measurement.
        out: results/memory/{fingerprint}.json.

    Raises:
        DataError: when a step ends for another reason than memory.
    """
    rows: list[dict[str, Any]] = []
    told = settings.told()
    with Steps(SERVER) as steps:
        for step in settings.steps():
            if step.precision != "float32" and rows[0]["kind"] == "cpu":
                continue  # a GPU's
            asked = step.model_dump()
            found = {"peak_bytes": None, **asked, **steps.take({"settings": told, **asked})}
            peak = f"{found['peak_bytes'] / 1e9:.3f} GB" if found["peak_bytes"] else f"OOM ({found['why']})"
            log.info("%s: %s", ", ".join(f"{name} {value}" for name, value in asked.items() if value), peak)
            rows.append(found)
    card = make_card("training/memory", memory_modules(settings.models), told)
    write_json(out, {"rows": rows, "card": card})
