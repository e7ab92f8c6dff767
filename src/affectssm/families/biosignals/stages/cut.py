"""Epochs: trials of bio-signals cut into stretches of equal length at one rate, with an index of them.

Epoch k of a trial covers [k, k + 1) * length seconds after its stimulus began; what is left at the end is not used.
``{shard}.h5`` holds ``{modality}/value`` (E, C, L) float32 of every modality of the corpus, not yet standardised, and
``{shard}.parquet`` a row an epoch: where it lies, subject, trial, start, which modalities it has, and the trial's
valence and arousal (NaN where there is no rating). A modality of which a sample of the epoch is not valid is one the
epoch does not have: zeros.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.channels import RATINGS
from affectssm.corpora.manifest import StreamRow, content_hash, read_manifest
from affectssm.errors import DataError, UnexpectedError
from affectssm.families.biosignals.stages.dimensions import DIMENSIONS
from affectssm.families.biosignals.stages.filters import bridged, filtered, resampled
from affectssm.families.biosignals.stages.format import EPOCHS
from affectssm.settings.biosignals import EpochSettings
from affectssm.store import layout
from affectssm.store.boundary import boundary
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog
from affectssm.store.shards import ShardReader, Track
from affectssm.timeline.segment_writer import Cut, write_index, written_segments
from affectssm.vocabulary.kinds import SIGNAL_KINDS


def cut(row: StreamRow, track: Track, settings: EpochSettings) -> Cut:
    """Cut one modality of a trial.

    Args:
        row: its row of the manifest.
        track: its samples, at seconds since the stimulus began.
        settings: how.
    """
    rate, length = settings.rate_hz, round(settings.length_s * settings.rate_hz)
    onset = int(np.searchsorted(track.time, 0.0))
    count = int((len(track.time) - onset) / track.rate / settings.length_s + 1e-6)
    value = bridged(track.value.astype(np.float64), track.valid)
    if settings.recorded == "filtered" and row.path.endswith(".bdf"):
        value = filtered(row.kind, value, track.rate)
    there = _whole(track.valid[onset:], track.rate * settings.length_s, count)
    if settings.baseline == "subtracted":
        rest = track.valid & (track.time < 0) & (track.time >= -settings.baseline_s)
        there &= rest.any()
        value = value - (value[rest].mean(axis=0) if rest.any() else 0.0)
    value, onset = resampled(value, track.rate, rate, onset)
    stretch = value[onset : onset + count * length]
    if len(stretch) < count * length:  # a sample that the change of rate has rounded away
        stretch = np.pad(stretch, ((0, count * length - len(stretch)), (0, 0)), mode="edge")
    epochs = stretch.reshape(count, length, value.shape[1]).transpose(0, 2, 1)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and so not finite
        stored = np.where(there[:, None, None], epochs, 0).astype(np.float32)
    there &= np.isfinite(stored).all(axis=(1, 2))
    return Cut(np.where(there[:, None, None], stored, np.float32(0)), there)


def _whole(valid: np.ndarray, step: float, count: int) -> np.ndarray:
    """Which epochs have valid samples only."""
    borders = np.rint(np.arange(count + 1) * step).astype(int)
    return np.array([valid[a:b].all() for a, b in pairwise(borders)], bool)


def cut_shard(
    settings: EpochSettings,
    manifest: Path,
    features: Path,
    shard: str,
    out: Path,
    index: Path,
    faults: Path,
) -> None:
    """Cut the trials of a shard.

    Args:
        settings: how.
        manifest: the corpus's manifest.
        features: ``results/features/{corpus}-{edition}`` with the tracks of its modalities and ratings.
        shard: the shard's name.
        out: ``{shard}.h5`` to write; ``index`` the index beside it, which is written last.
        faults: the fault table to write: modalities of trials that cannot be cut.

    Raises:
        DataError: if a track is absent, or nothing can be written.
    """
    everywhere = read_manifest(manifest)
    dims = {kind: {row.dim for row in everywhere if row.kind == kind} for kind in SIGNAL_KINDS}
    rows = [row for row in everywhere if row.shard == shard]
    kinds = [kind for kind in SIGNAL_KINDS if any(row.kind == kind for row in rows)]
    files = {kind: layout.track(features, kind, shard) for kind in (*kinds, "ratings")}
    card = make_card(
        "epochs",
        ["affectssm.families.biosignals.stages.cut"],
        settings.model_dump(mode="json"),
        inputs=files.values(),
        content=content_hash(rows),
        shard=shard,
    )
    readers = {kind: ShardReader(path) for kind, path in files.items()}
    try:
        held = {kind: found for kind, found in dims.items() if found}
        log = FaultLog(rows[0].corpus if rows else "")
        epochs = _write_values(out, rows, held, readers, settings, card, log)
    finally:
        for reader in readers.values():
            reader.close()
    log.write(faults, card)
    write_index(index, EPOCHS, epochs, card)


def _write_values(
    out: Path,
    rows: list[StreamRow],
    kinds: Mapping[str, set[int]],
    readers: Mapping[str, ShardReader],
    settings: EpochSettings,
    card: Mapping[str, Any],
    log: FaultLog,
) -> list[dict[str, Any]]:
    """Write the values, trial by trial; return the rows of the index."""
    trials: dict[tuple[str, str], dict[str, StreamRow]] = defaultdict(dict)
    for row in rows:
        trials[row.participant, row.recording][row.kind] = row
    length = round(settings.length_s * settings.rate_hz)
    shapes = {kind: (_only(kind, found, out), length) for kind, found in kinds.items()}
    with written_segments(out, EPOCHS, shapes, card, rate_hz=settings.rate_hz) as file:
        for (subject, recording), by_kind in sorted(trials.items()):
            cuts: dict[str, Cut] = {}
            for kind in kinds:
                if kind in by_kind and (recording, subject) in readers[kind]:
                    found = _cut(by_kind[kind], readers[kind].track(recording, subject), settings, log)
                    cuts |= {kind: found} if found is not None else {}
            count = min((len(found.there) for found in cuts.values()), default=0)
            ratings = _ratings(readers["ratings"], recording, subject)
            same = {"corpus": rows[0].corpus, "shard": rows[0].shard, "subject": subject, "trial": recording}
            file.append(same | ratings, count, settings.length_s, cuts)
        return file.rows


def _cut(row: StreamRow, track: Track, settings: EpochSettings, log: FaultLog) -> Cut | None:
    """Cut one modality of a trial; None, and a fault, where that cannot be done."""
    try:
        with boundary(f"{row.kind} of {row.recording}/{row.participant}"):
            return cut(row, track, settings)
    except UnexpectedError as error:
        notes = log.about(row.recording, row.participant)
        notes.add(error.code, row.kind, error.found, "samples that can be cut", "quarantined")
        return None


def _ratings(reader: ShardReader, recording: str, subject: str) -> dict[str, float]:
    """The ratings of a trial by dimension; NaN where there is none, or none could be read."""
    if (recording, subject) not in reader:
        return dict.fromkeys(DIMENSIONS, np.nan)
    known = reader.track(recording, subject).value[0]
    return {name: float(known[RATINGS.index(name)]) or np.nan for name in DIMENSIONS}


def _only(kind: str, dims: set[int], out: Path) -> int:
    if len(dims) != 1:
        raise DataError(
            out, f"{kind} of {sorted(dims)} channels", "one number of channels", "make the manifest again"
        )
    return next(iter(dims))
