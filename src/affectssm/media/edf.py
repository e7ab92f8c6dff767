"""EDF and BDF: what the header promises, channels by name in one unit, and the events of the status channel.

The samples are read here, from what :mod:`affectssm.media.edf_header` found, and not by MNE, which parses the whole
header a second time: it refuses files for a patient's name or a reserved field, reads other units than it says, and
renames labels that occur twice. Voltages come in microvolts whatever the header's unit, every other quantity as the
header has it.

Format: www.edfplus.info/specs/edf.html, www.biosemi.com/faq/file_format.htm (BDF: 24-bit samples, same header).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from affectssm.media.edf_header import SignalChannel, SignalHeader, read_signal_header
from affectssm.media.probe import MediaError, ShortFileError
from affectssm.store.files import open_regular

BLOCK_S = 60.0
WORD = (1 << 24) - 1  # a BDF sample holds 24 bits


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
            ShortFileError: if it lasts less than ``seconds``.
        """
        if self.duration_s < seconds:
            found, expected = f"too short: {self.duration_s:g} s", f"at least {seconds:g} s for {what}"
            raise self._error(found, expected, ShortFileError)

    def read(self, channels: Sequence[SignalChannel], start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return samples ``start`` to ``stop`` of channels of one rate: (T, C) float64, voltages in microvolts.

        Raises:
            MediaError: for channels of several rates, or samples beyond the end.
        """
        words = self.words(channels, start, stop)
        return np.stack([channel.values(words[:, at]) for at, channel in enumerate(channels)], axis=1)

    def words(self, channels: Sequence[SignalChannel], start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the integers of the file behind the samples :meth:`read` returns: (T, C) int32.

        Raises:
            MediaError: as :meth:`read`.
        """
        rates = {channel.rate for channel in channels}
        if len(rates) != 1 or any(channel.is_annotation for channel in channels):
            raise self._error(
                f"channels at {sorted(rates)} Hz", "channels of samples, of one rate in one call"
            )
        size = channels[0].per_record
        count = self.header.records * size
        stop = count if stop is None else stop
        if not 0 <= start <= stop <= count:
            raise self._error(f"{count} samples", f"samples {start} to {stop}: the file is too short")
        first, last = start // size, -(-stop // size)
        records, width, offsets = self._records(first, last), self.header.width, self.header.offsets
        parts = []
        for channel in channels:
            at = offsets[channel.index]
            part = _integers(records[:, at * width : (at + size) * width], width)
            parts.append(part[start - first * size : stop - first * size])
        return np.stack(parts, axis=1)

    def events(self, mask: int, seconds: float = BLOCK_S) -> list[Event]:
        """Return the rising edges of the status channel: where the word & ``mask`` becomes another code than 0.

        A code the file begins with is no edge. ``seconds`` are read at a time.
        """
        found: list[Event] = []
        before: int | None = None
        for start, stop in self._stretches(self.status, seconds):
            codes = self.words([self.status], start, stop)[:, 0] & WORD & mask
            earlier = np.concatenate([codes[:1] if before is None else [before], codes[:-1]])
            rises = np.flatnonzero((codes != earlier) & (codes != 0))
            found += [Event(start + int(place), int(codes[place])) for place in rises]
            before = int(codes[-1])
        return found

    def status_words(self) -> list[int]:
        """Return the 24-bit words that occur in the status channel, sorted."""
        seen: set[int] = set()
        for start, stop in self._stretches(self.status, BLOCK_S):
            seen.update((np.unique(self.words([self.status], start, stop)) & WORD).tolist())
        return sorted(seen)

    def _stretches(self, channel: SignalChannel, seconds: float) -> Iterator[tuple[int, int]]:
        count = self.header.records * channel.per_record
        step = max(1, round(min(seconds * channel.rate, count)))
        yield from ((start, min(start + step, count)) for start in range(0, count, step))

    def _records(self, first: int, last: int) -> np.ndarray:
        """Return whole records, (last - first, bytes) uint8."""
        size = self.header.record_bytes
        try:
            with open_regular(self.path) as file:
                file.seek(self.header.header_bytes + first * size)
                data = file.read((last - first) * size)
        except OSError as error:
            raise self._error(f"samples that cannot be read: {error}", "a whole file") from error
        if len(data) < (last - first) * size:
            raise self._error("a file that has become shorter while it was read", "a whole file")
        return np.frombuffer(data, np.uint8).reshape(last - first, size)

    def _error(self, found: str, expected: str, kind: type[MediaError] = MediaError) -> MediaError:
        return kind(self.path, found, expected, "copy the file again from the owner's download")


def _integers(samples: np.ndarray, width: int) -> np.ndarray:
    """Return the little-endian integers, int32, of the bytes (records, samples width) of one channel."""
    padded = np.zeros((samples.size // width, 4), np.uint8)
    padded[:, 4 - width :] = samples.reshape(-1, width)
    return padded.view("<i4")[:, 0] >> (8 * (4 - width))
