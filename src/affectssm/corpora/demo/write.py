"""Writes the demo corpora: small recordings in the owners' own formats, made again to the same bytes.

Below ``out``: ``noxi/`` and ``mpiigi/`` as the owners lay them out, ``ground_truth/`` with the test labels (absent
where they are withheld), ``truth/`` with what was planted, and ``card.json`` with the hash of every file.
"""

from __future__ import annotations

import csv
import dataclasses
import multiprocessing
import os
import shutil
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

from affectssm.corpora.demo import layout, texts
from affectssm.corpora.demo.layout import Session
from affectssm.corpora.demo.world import (
    GRID_HZ,
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
from affectssm.errors import DataError
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card, sha256
from affectssm.store.parquet import write_parquet

PROCESSES = 2  # how many write at a time; the bytes do not depend on it
CONTENT = {"noxi", "mpiigi", "ground_truth", "truth", "card.json"}
GROUND_TRUTH_FOLDERS = {"noxi": "noxi", "mpiigi": "mpiigroupinteraction"}
LATENT_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("corpus", "split", "recording", "participant")]
    + [("time_s", pa.float32()), ("za", pa.float32()), ("zv", pa.float32())]
)


def write_demo(edition: str, out: Path) -> None:
    """Write an edition of the demo corpora as the folder ``out``, whole or not at all.

    An earlier edition at ``out`` is replaced once the new one is complete.

    Raises:
        ConfigError: if there is no such edition.
        DataError: if ``out`` holds something else, or cannot be written.
    """
    recordings = layout.sessions(edition)
    out = Path(out)
    _refuse_foreign(out)
    mark = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary, former = (out.with_name(f".{out.name}.{mark}.{end}") for end in ("tmp", "old"))
    try:
        _write_all(edition, recordings, temporary)
        if out.exists():
            out.rename(former)
        temporary.rename(out)
    except OSError as error:
        raise DataError(
            out,
            f"writing the demo corpora failed: {error.strerror or error}",
            "a folder with room and the right to write",
            "free space or mend the rights, then run the same command again",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def session_world(session: Session) -> World:
    """Return the truth behind a recording."""
    silent = [seat for seat in session.seats if session.has(seat, "silent")]
    return make_world(session.key, session.seats, session.seconds, silent)


def _refuse_foreign(out: Path) -> None:
    foreign = sorted({path.name for path in out.iterdir()} - CONTENT) if out.is_dir() else []
    if foreign:
        raise DataError(
            out, f"a folder that also holds {foreign[0]}", "no folder, or an earlier demo", "name another folder"
        )


def _write_all(edition: str, recordings: tuple[Session, ...], out: Path) -> None:
    from affectssm.corpora.demo.session import write_empty_seat, write_seat, write_surroundings

    worlds = {session.key: session_world(session) for session in recordings}
    for session in recordings:
        write_surroundings(session, out)
        for participant, kind in session.specimens:
            if kind == "visual_only":
                write_empty_seat(session, participant, out)
    # spawned, not forked: codecs and OpenCV keep threads that do not survive a fork
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [
            pool.submit(write_seat, session, seat, worlds[session.key], out)
            for session in sorted(recordings, key=lambda session: -session.seconds)
            for seat in session.seats
        ]
        for job in jobs:
            job.result()
    for session in recordings:
        if session.is_test and not layout.withheld(edition):
            folder = out / "ground_truth" / GROUND_TRUTH_FOLDERS[session.folder] / session.split / session.name
            for seat, engagement in worlds[session.key].engagement.items():
                texts.write_labels(folder / f"{seat}.engagement.annotation.csv", engagement, session, seat)
    _write_truth(edition, recordings, worlds, out / "truth")
    files = {path.relative_to(out).as_posix(): sha256(path) for path in sorted(out.rglob("*")) if path.is_file()}
    card = make_card("corpora/demo", ["affectssm.corpora.demo.write"], {"edition": edition}, files=files)
    write_json(out / "card.json", {"card": card})


def _write_truth(edition: str, recordings: tuple[Session, ...], worlds: dict[str, World], folder: Path) -> None:
    """Write what was planted. Latents only: labels of test parts lie in ``ground_truth`` and nowhere else."""
    folder.mkdir()
    columns: dict[str, list] = {name: [] for name in LATENT_SCHEMA.names}
    for session in recordings:
        world = worlds[session.key]
        for seat in session.seats:
            rows = world.rows
            named = zip(LATENT_SCHEMA.names, (session.corpus, session.split, session.name, seat), strict=False)
            for name, value in named:
                columns[name] += [value] * rows
            columns["time_s"].append((np.arange(rows) + 0.5) / texts.LABEL_HZ)
            columns["za"].append(at_labels(world.za[seat]))
            columns["zv"].append(at_labels(world.zv[seat]))
    flat = {
        name: np.concatenate(values).astype(np.float32) if LATENT_SCHEMA.field(name).type == pa.float32() else values
        for name, values in columns.items()
    }
    write_parquet(folder / "latents.parquet", flat, LATENT_SCHEMA, {"edition": edition})
    write_json(folder / "oracle.json", planted(recordings, worlds))
    with (folder / "specimens.csv").open("w", newline="", encoding="utf-8") as file:
        names = [field.name for field in dataclasses.fields(layout.Specimen)]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(dataclasses.asdict(specimen) for specimen in layout.specimens(edition))


def planted(recordings: tuple[Session, ...], worlds: dict[str, World]) -> dict:
    """Return the law and what a perfect reader of the latents scores on every part, with and without each term."""
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for session in recordings:
        world = worlds[session.key]
        pairs = [(world.terms(seat), world.engagement[seat]) for seat in session.seats]
        if not any(kind in ("alone", "silent") for _, kind in session.specimens):
            parts.setdefault(f"{session.corpus}/{session.split}", []).extend(pairs)
    return {
        "law": {
            "weights": {"za": float(WEIGHT_AUDIO), "zv": float(WEIGHT_VISUAL), "partner": float(WEIGHT_PARTNER)},
            "slope": SLOPE,
            "lag_s": LAG_S,
            "grid_hz": GRID_HZ,
            "pad_samples": PAD,
        },
        "fitted_on": "noxi/train",
        "ccc": oracle(parts["noxi/train"], parts),
    }
