"""EDF and BDF: what the header promises, channels by name in one unit, and the events of the status channel.

MNE reads the samples; the header is read here first, so that a cut or foreign file is refused in plain words,
and so that labels stay as they were written (MNE renames duplicates). Voltages come in microvolts whatever the
header's unit, every other quantity as the header has it.

Format: www.edfplus.info/specs/edf.html, www.biosemi.com/faq/file_format.htm (BDF: 24-bit samples, same header).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.media.edf_header import SignalChannel, SignalHeader, read_signal_header
from affectssm.media.probe import MediaError

BLOCK_S = 60.0
WORD = (1 << 24) - 1  # a BDF sample holds 24 bits
_MICROVOLTS = {"uV": 1.0, "µV": 1.0, "μV": 1.0, "mV": 1e3, "V": 1e6}
_MNE_SCALES = {"uV": 1e-6, "µV": 1e-6, "μV": 1e-6, "mV": 1e-3}


@dataclass(frozen=True)
class Event:
    """A rising edge of the status channel: its sample number and the masked code that begins there."""

    sample: int
    code: int


class SignalFile:
    """One EDF or BDF file; a stretch of it is in memory at a time.

    Args:
        path: the file.

    Raises:
        MediaError: if it is absent, of another format, or shorter than its header says.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.header: SignalHeader = read_signal_header(self.path)
        self._raws: dict[float, tuple[Any, list[int]]] = {}

    @property
    def labels(self) -> list[str]:
        """Labels of the channels as the header has them, annotation channels included."""
        return [channel.label for channel in self.header.channels]

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.header.records * self.header.record_s

    @cached_property
    def status(self) -> SignalChannel:
        """The last channel of samples: recorders label the status channel in many ways, or not at all."""
        signals = [channel for channel in self.header.channels if not channel.is_annotation]
        if not signals:
            raise self._error("annotations only", "channels of samples")
        return signals[-1]

    def find(self, labels: Sequence[str]) -> list[SignalChannel]:
        """Return the channels with these labels, which must be there exactly once.

        Raises:
            MediaError: naming the labels that are missing or occur more than once.
        """
        have = self.labels
        missing = [label for label in labels if have.count(label) == 0]
        if missing:
            raise self._error(
                f"no channel {', '.join(missing)} (it has {', '.join(map(repr, have[:60]))})",
                f"the channels {', '.join(labels)}",
            )
        double = sorted({label for label in labels if have.count(label) > 1})
        if double:
            raise self._error(
                f"several channels labelled {', '.join(double)}", "each label that is asked for once"
            )
        return [self.header.channels[have.index(label)] for label in labels]

    def need_seconds(self, seconds: float, what: str) -> None:
        """Refuse a file too short for its purpose.

        Raises:
            MediaError: if it lasts less than ``seconds``.
        """
        if self.duration_s < seconds:
            raise self._error(f"too short: {self.duration_s:g} s", f"at least {seconds:g} s for {what}")

    def read(self, channels: Sequence[SignalChannel], start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return samples ``start`` to ``stop`` of channels of one rate: (T, C) float64, voltages in microvolts.

        Raises:
            MediaError: for channels of several rates, or samples beyond the end.
        """
        rates = {channel.rate for channel in channels}
        if len(rates) != 1 or any(channel.is_annotation for channel in channels):
            raise self._error(
                f"channels at {sorted(rates)} Hz", "channels of samples, of one rate in one call"
            )
        raw, places = self._opened(rates.pop())
        count = (
            self.header.records * channels[0].per_record
        )  # MNE would also count what follows the last record
        stop = count if stop is None else stop
        if not 0 <= start <= stop <= count:
            raise self._error(f"{count} samples", f"samples {start} to {stop}: the file is too short")
        picks = [places[channel.index] for channel in channels]
        try:
            values = raw.get_data(picks=picks, start=start, stop=stop, verbose="ERROR")
        except (OSError, ValueError, AssertionError, RuntimeError) as error:
            raise self._error(f"samples that cannot be read: {error}", "a whole file") from error
        scales = [
            _MICROVOLTS.get(channel.unit, 1.0) / _MNE_SCALES.get(channel.unit, 1.0) for channel in channels
        ]
        return np.ascontiguousarray((values * np.array(scales)[:, None]).T)

    def blocks(self, channels: Sequence[SignalChannel], seconds: float = BLOCK_S) -> Iterator[np.ndarray]:
        """Yield all samples of some channels in stretches of ``seconds``: memory does not grow with the file."""
        count = self.header.records * channels[0].per_record
        step = max(1, round(seconds * channels[0].rate))
        for start in range(0, count, step):
            yield self.read(channels, start, min(start + step, count))

    def events(self, mask: int) -> list[Event]:
        """Return the rising edges of the status channel: where the word & ``mask`` becomes another code than 0.

        A code the file begins with is no edge.
        """
        found: list[Event] = []
        before, at = None, 0
        for block in self.blocks([self.status]):
            codes = (self.status.words(block[:, 0]) & WORD & mask).astype(np.int64)
            earlier = np.concatenate([codes[:1] if before is None else [before], codes[:-1]])
            rises = np.flatnonzero((codes != earlier) & (codes != 0))
            found += [Event(at + int(place), int(codes[place])) for place in rises]
            before, at = codes[-1], at + len(codes)
        return found

    def status_words(self) -> list[int]:
        """Return the 24-bit words that occur in the status channel, sorted."""
        seen: set[int] = set()
        for block in self.blocks([self.status]):
            seen.update((np.unique(self.status.words(block[:, 0])) & WORD).tolist())
        return sorted(seen)

    def close(self) -> None:
        """Forget the open readers."""
        self._raws.clear()

    def _opened(self, rate: float) -> tuple[Any, list[int]]:
        """MNE's reader of the channels of one rate, and each channel's place in it (-1: another rate)."""
        if rate not in self._raws:
            self._raws[rate] = self._open(rate)
        return self._raws[rate]

    def _open(self, rate: float) -> tuple[Any, list[int]]:
        import mne

        signals = [channel for channel in self.header.channels if not channel.is_annotation]
        left_out = [channel for channel in signals if channel.rate != rate]
        kept = [channel for channel in signals if channel.rate == rate]
        ambiguous = {channel.label for channel in left_out} & {channel.label for channel in kept}
        if ambiguous:
            raise self._error(f"channels labelled {sorted(ambiguous)} at several rates", "one rate a label")
        reader = mne.io.read_raw_bdf if self.header.is_bdf else mne.io.read_raw_edf
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what it would warn of was checked in the header
                raw = reader(
                    self.path,
                    exclude=[channel.label for channel in left_out],
                    stim_channel=None,
                    preload=False,
                    verbose="ERROR",
                )
        except (OSError, ValueError, AssertionError, RuntimeError, IndexError) as error:
            raise self._error(f"a file that MNE cannot open: {error}", "an EDF or BDF file") from error
        places = [-1] * len(self.header.channels)
        for place, channel in enumerate(kept):
            places[channel.index] = place
        return raw, places

    def _error(self, found: str, expected: str) -> MediaError:
        return MediaError(self.path, found, expected, "copy the file again from the owner's download")
