"""Memory and time of inference and of a training step, by model and length; each runs in a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from affectssm.families.clips.measured_settings import MeasureSettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.training.step_processes import ONE_THREAD, Steps
from affectssm.vocabulary.stages import efficiency_modules

log = logging.getLogger(__name__)
SERVER = "affectssm.families.clips.stages.efficiency_step"
PHASES = ("inference", "training")


def measure(settings: MeasureSettings, out: Path) -> None:
    """Measure every model at every length and write ``out`` (JSON: ``rows`` and ``card``).

    A row holds ``{phase}_bytes`` and ``{phase}_s`` of both phases, None where that phase did not fit, and ``why``.

    Args:
        settings: of the measurement.
        out: results/measured/{fingerprint}.json.

    Raises:
        DataError: when a step ends for another reason than memory.
    """
    rows, told = [], settings.told()
    with Steps(SERVER) as for_memory, Steps(SERVER, ONE_THREAD) as for_time:
        for name in settings.models:
            asked = {"settings": told, "model": name}
            own = _with_times(for_time, asked, _memory(for_memory, asked, settings.lengths))
            log.info("%s, by length: %s", name, "; ".join(map(_words, own)))
            rows += own
    card = make_card(
        "clips/efficiency", efficiency_modules(one.model for one in settings.models.values()), told
    )
    write_json(out, {"rows": rows, "card": card})


def _memory(steps: Steps, asked: Mapping[str, Any], lengths: Iterable[int]) -> list[dict[str, Any]]:
    """A row a length."""
    blank = dict.fromkeys(f"{phase}_{what}" for phase in PHASES for what in ("bytes", "s"))
    return [{**blank, "length": one, **steps.take({**asked, "length": one})} for one in lengths]


def _with_times(steps: Steps, asked: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with times of what fits, all of one process."""
    fits = {str(row["length"]): [one for one in PHASES if row[f"{one}_bytes"] is not None] for row in rows}
    times = {length: phases for length, phases in fits.items() if phases}
    if not times:
        return rows
    found = steps.take({**asked, "length": max(map(int, times)), "times": times})
    return [{**row, **_time(found, str(row["length"]), row["why"])} for row in rows]


def _time(found: Mapping[str, Any], length: str, why: str) -> dict[str, Any]:
    """The times of a length; where there are none, why."""
    return found[length] if length in found else {"why": why or found["why"]}


def _words(row: Mapping[str, Any]) -> str:
    found = [
        "OOM" if row[f"{phase}_bytes"] is None else f"{row[f'{phase}_bytes'] / 1e9:.3f} GB"
        for phase in PHASES
    ]
    return f"{row['length']}: {' and '.join(found)}"
