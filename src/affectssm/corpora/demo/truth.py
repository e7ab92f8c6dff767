"""Writes what was planted: latents, the law with the scores of a perfect reader, the table of specimens."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from affectssm.corpora.demo.dialogue_sessions import Session, Specimen, specimens
from affectssm.corpora.demo.world import (
    GRID_HZ,
    LABEL_HZ,
    LAG_S,
    PAD,
    SLOPE,
    WEIGHT_AUDIO,
    WEIGHT_PARTNER,
    WEIGHT_VISUAL,
    World,
    at_labels,
    make_world,
    oracle,
)
from affectssm.store.atomic import write_json
from affectssm.store.parquet import write_parquet

NAMES = ("corpus", "split", "recording", "participant")
NUMBERS = ("time_s", "za", "zv")
SCHEMA = pa.schema([(name, pa.string()) for name in NAMES] + [(name, pa.float32()) for name in NUMBERS])


def session_world(session: Session) -> World:
    """Return the truth behind a recording."""
    silent = [seat for seat in session.seats if session.has(seat, "silent")]
    return make_world(session.key, session.seats, session.seconds, silent)


def write_truth(
    edition: str, recordings: tuple[Session, ...], worlds: dict[str, World], folder: Path
) -> None:
    """Write what was planted. Latents only: labels of test parts lie in ``ground_truth`` and nowhere else."""
    folder.mkdir()
    columns: dict[str, list] = {name: [] for name in NAMES + NUMBERS}
    for session in recordings:
        world = worlds[session.key]
        for seat in session.seats:
            for name, value in zip(NAMES, (session.corpus, session.split, session.name, seat), strict=True):
                columns[name] += [value] * world.rows
            columns["time_s"].append((np.arange(world.rows) + 0.5) / LABEL_HZ)
            columns["za"].append(at_labels(world.za[seat]))
            columns["zv"].append(at_labels(world.zv[seat]))
    table: dict[str, Any] = {name: columns[name] for name in NAMES}
    table |= {name: np.concatenate(columns[name]).astype(np.float32) for name in NUMBERS}
    write_parquet(folder / "latents.parquet", table, SCHEMA, {})  # card.json speaks for all files
    write_json(folder / "oracle.json", planted(recordings, worlds))
    with (folder / "specimens.csv").open("w", newline="", encoding="utf-8") as file:
        names = [field.name for field in dataclasses.fields(Specimen)]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(dataclasses.asdict(specimen) for specimen in specimens(edition))


def planted(recordings: tuple[Session, ...], worlds: dict[str, World]) -> dict:
    """Return the law, and what a perfect reader scores on every part with and without each term."""
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for session in recordings:
        world = worlds[session.key]
        pairs = [(world.terms(seat), world.engagement[seat]) for seat in session.seats]
        if not any(kind in ("alone", "silent") for _, kind in session.specimens):
            parts.setdefault(f"{session.corpus}/{session.split}", []).extend(pairs)
    return {
        "law": {
            "weights": {
                "za": float(WEIGHT_AUDIO),
                "zv": float(WEIGHT_VISUAL),
                "partner": float(WEIGHT_PARTNER),
            },
            "slope": SLOPE,
            "lag_s": LAG_S,
            "grid_hz": GRID_HZ,
            "pad_samples": PAD,
        },
        "fitted_on": "noxi/train",
        "ccc": oracle(parts["noxi/train"], parts),
    }
