"""``eeg``, ``eog``, ``emg``, ``ecg``, ``gsr`` and ``ratings``: the trials of DEAP and MAHNOB-HCI as tracks.

Signals come at the file's rate, as it has them, in microvolts and Ohm (:mod:`affectssm.corpora.channels`): a row is a
sample, at the seconds since the stimulus began, so that the baseline lies before 0. ``ratings`` is one row of
:data:`affectssm.corpora.channels.RATINGS` from 1 to 9, 0 where there is none; it is valid where valence or arousal is
known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from affectssm.corpora.channels import (
    COLUMNS,
    LEADS,
    PREPROCESSED_HZ,
    PREPROCESSED_SAMPLES,
    RATINGS,
    SCALE,
    combine,
    electrodes,
    is_conductance,
    resistance,
)
from affectssm.corpora.deap_dat import read_dat
from affectssm.corpora.deap_ratings import RatingsTable, read_ratings
from affectssm.corpora.mahnob_session import read_session_xml
from affectssm.corpora.manifest import StreamRow
from affectssm.features.base import Extractor, Source
from affectssm.media.edf import SignalFile
from affectssm.media.probe import MediaError
from affectssm.store.shards import Track

BLOCK_S = 20.0


class Signals(Extractor):
    """One modality of a trial; it has no settings."""

    def extract(self, source: Source) -> Iterator[Track]:
        row = source.row
        reader = (
            _Preprocessed(row, source.path) if source.path.suffix == ".dat" else _Recorded(row, source.path)
        )
        step = max(1, round(BLOCK_S * row.rate))
        first, last = np.full(row.dim, np.nan), np.zeros(row.dim)
        bad, beyond, idle = 0, 0, np.ones(row.dim, bool)
        for start in range(0, row.frames, step):
            stop = min(start + step, row.frames)
            value, known = reader.read(start, stop)
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and so not finite
                stored = value.astype(np.float32)
            valid = known & np.isfinite(stored).all(axis=1)
            if start == 0:
                first = value[0]
            idle &= (value == first).all(axis=0)
            last = value[-1]
            bad += int((~known).sum())
            beyond += int((known & ~valid).sum())
            time = (np.arange(start, stop) + 0.5) / row.rate - row.baseline_s
            yield Track(np.where(valid[:, None], stored, np.float32(0)), time, valid, row.rate)
        if row.kind == "gsr" and source.path.suffix != ".dat":
            self._note(source, beyond, idle & (last == first), no_resistance=bad)
        else:
            self._note(source, bad + beyond, idle & (last == first))

    def _note(self, source: Source, bad: int, idle: np.ndarray, no_resistance: int = 0) -> None:
        row = source.row
        if no_resistance:
            found = f"{no_resistance} of {row.frames} samples of 0 or below"
            source.note("signal_idle", found, "a resistance", "masked")
        if bad:
            source.note("signal_not_finite", f"{bad} of {row.frames} samples", f"{row.kind} values", "masked")
        if idle.any() and bad + no_resistance < row.frames:
            names = [lead.name for lead, flat in zip(LEADS[row.corpus][row.kind], idle, strict=True) if flat]
            source.note("signal_idle", f"{', '.join(names)} constant", "a signal that moves", "ignored")


class Ratings(Extractor):
    """A trial's ratings; it has no settings. Their faults were reported by discovery."""

    @property
    def dim(self) -> int:
        return len(RATINGS)

    def extract(self, source: Source) -> Iterator[Track]:
        found = _ratings(source.row, source.path)
        value = np.array([[found.get(name, 0.0) for name in RATINGS]], np.float32)
        known = bool((value[0, :2] > 0).any())
        yield Track(value if known else np.zeros_like(value), np.zeros(1), np.array([known]), source.row.rate)


class _Preprocessed:
    """A trial of DEAP's preprocessed edition: skin resistance may have any sign, its baseline was taken from it."""

    def __init__(self, row: StreamRow, path: Path) -> None:
        data, _ = _dat(path, _stamp(path))
        self.trial = data[_place(row), COLUMNS[row.kind]]

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        value = self.trial[:, start:stop].T
        return value, np.asarray(np.isfinite(value).all(axis=1))


class _Recorded:
    """A trial of a BDF, in which a modality is made of the electrodes' channels."""

    def __init__(self, row: StreamRow, path: Path) -> None:
        self.row, self.file = row, _recording(path, _stamp(path))
        self.leads = LEADS[row.corpus][row.kind]
        self.channels = self.file.find(electrodes(self.leads))
        self.start = round(row.start_s * row.rate)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        value = combine(self.leads, self.file.read(self.channels, self.start + start, self.start + stop))
        if self.row.kind != "gsr":
            return value, np.asarray(np.isfinite(value).all(axis=1))
        value, valid = resistance(value, is_conductance(self.row.corpus, self.row.participant))
        return value, np.asarray(valid.all(axis=1))


def _place(row: StreamRow) -> int:
    """Which trial of a preprocessed file a row is: they lie one after another."""
    return round(row.start_s * PREPROCESSED_HZ / PREPROCESSED_SAMPLES)


def _ratings(row: StreamRow, path: Path) -> Mapping[str, float]:
    if path.suffix == ".dat":
        _, labels = _dat(path, _stamp(path))
        named = zip(("valence", "arousal", "dominance", "liking"), labels[_place(row)].tolist(), strict=True)
        return {name: value for name, value in named if SCALE[0] <= value <= SCALE[1]}
    if path.suffix == ".xml":
        return read_session_xml(path).felt
    video = int(row.recording.rpartition("_v")[2])
    for trial in _table(path, _stamp(path)).of(int(row.participant.removeprefix("s"))):
        if trial.video == video:
            return trial.ratings
    raise MediaError(
        path, f"no line for {row.recording}", "the line it was found by", "make the manifest again"
    )


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


# a job's trials follow each other subject by subject: the file at hand is kept, and no other
@lru_cache(maxsize=1)
def _dat(path: Path, _: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return read_dat(path)


@lru_cache(maxsize=1)
def _recording(path: Path, _: tuple[int, int]) -> SignalFile:
    return SignalFile(path)


@lru_cache(maxsize=1)
def _table(path: Path, _: tuple[int, int]) -> RatingsTable:
    return read_ratings(path)
