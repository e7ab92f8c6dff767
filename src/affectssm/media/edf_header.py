"""The header of an EDF or BDF file, and whether the file is as long as it says.

Fields are text of fixed widths. Only those that decide the samples are looked at: what writers put into the names
of the patient and the recording, into dates and reserved fields, in whatever encoding, refuses nothing. A field
ends at its first NUL.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from affectssm.media.probe import CutFileError, MediaError
from affectssm.media.text import number
from affectssm.store.files import open_regular

_FIXED = 256  # bytes of the part that does not depend on the channels; as many again a channel
_MAX_CHANNELS = 2048
_MICROVOLTS = {"nV": 1e-3, "uV": 1.0, "mV": 1e3, "V": 1e6}
# where the micro sign stands in the encodings of recorders' machines; in the others the same bytes are no unit
_ENCODINGS = ("utf-8", "latin-1", "shift_jis", "cp437")
_RECORD_S = (1e-6, 1e6)  # what a record can last
_LARGEST = 1e30  # of a physical value: float32 ends at 3e38, and filters add values up
# widths of the fields a channel has, each stored for all channels in turn
_WIDTHS = {
    "label": 16, "transducer": 80, "unit": 8, "physical_min": 8, "physical_max": 8, "digital_min": 8,
    "digital_max": 8, "prefilter": 80, "per_record": 8, "reserved": 32,
}  # fmt: skip


@dataclass(frozen=True)
class SignalChannel:
    """A channel: its place, label, unit, rate in Hz, samples a record, and its two ranges.

    The unit is as written, but for its micro sign, which is ``u`` whatever sign and encoding the writer had.
    """

    index: int
    label: str
    unit: str
    rate: float
    per_record: int
    physical: tuple[float, float]
    digital: tuple[float, float]

    @property
    def is_annotation(self) -> bool:
        """Whether it holds EDF+ or BDF+ text instead of samples."""
        return self.label in ("EDF Annotations", "BDF Annotations")

    def values(self, words: np.ndarray) -> np.ndarray:
        """Return the samples behind the file's integers: float64, microvolts for voltages, else in the unit."""
        (low, high), (first, last) = self.physical, self.digital
        scale = _MICROVOLTS.get(self.unit, 1.0)
        return ((words - first) * ((high - low) / (last - first)) + low) * scale


@dataclass(frozen=True)
class SignalHeader:
    """Channels, records and their seconds.

    Attributes:
        is_bdf: whether a sample has 24 bits instead of 16.
        header_bytes: bytes before the first record.
        records: whole records that can be read; ``promised`` is what the header says, below 1 where the
            recording was never closed.
        record_s: seconds of a record.
        channels: in the order of the file.
        surplus: bytes after the last of the records.
    """

    is_bdf: bool
    header_bytes: int
    records: int
    record_s: float
    channels: tuple[SignalChannel, ...]
    promised: int
    surplus: int = 0

    @property
    def closed(self) -> bool:
        """Whether the recorder wrote the number of records when it ended, which BioSemi's leaves at -1 before."""
        return self.promised > 0

    @property
    def width(self) -> int:
        """Bytes of one sample."""
        return 3 if self.is_bdf else 2

    @property
    def record_bytes(self) -> int:
        """Bytes of one record."""
        return self.width * sum(channel.per_record for channel in self.channels)

    @property
    def offsets(self) -> list[int]:
        """Where each channel's samples begin in a record, in samples."""
        return [0, *accumulate(channel.per_record for channel in self.channels)]


def read_signal_header(path: Path) -> SignalHeader:
    """Read a header and compare it with the file's size.

    Raises:
        MediaError: if the file is absent, is neither EDF nor BDF, or has a header that cannot be.
        CutFileError: if it ends before its header says.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            fixed = file.read(_FIXED)
            channels = int(_float(path, fixed[252:256], "number of channels")) if _magic(fixed) else 0
            if not 0 < channels <= _MAX_CHANNELS:
                raise _foreign(path, f"{size} bytes that begin with {fixed[:8]!r}")
            rest = file.read(_FIXED * channels)
    except OSError as error:
        raise _foreign(path, error.strerror or str(error)) from error
    if len(rest) < _FIXED * channels:
        raise _foreign(path, f"{size} bytes, fewer than the header of {channels} channels takes")
    header = _parse(path, fixed, rest, channels)
    records = _check_size(path, header, size)
    return replace(
        header, records=records, surplus=size - header.header_bytes - records * header.record_bytes
    )


def _magic(fixed: bytes) -> bool:
    return len(fixed) == _FIXED and (fixed[:8] == b"\xffBIOSEMI" or _text(fixed[:8]) == "0")


def _parse(path: Path, fixed: bytes, rest: bytes, count: int) -> SignalHeader:
    header_bytes = int(_float(path, fixed[184:192], "size of the header"))
    records = int(_float(path, fixed[236:244], "number of records"))
    seconds = _float(path, fixed[244:252], "length of a record")
    if header_bytes != _FIXED * (count + 1) or records < -1 or not _RECORD_S[0] <= seconds <= _RECORD_S[1]:
        raise _foreign(
            path, f"a header of {header_bytes} bytes, {records} records of {seconds:g} s, {count} channels"
        )
    texts = _fields(rest, count)
    channels = tuple(
        _channel(path, {name: field[at] for name, field in texts.items()}, at, seconds) for at in range(count)
    )
    return SignalHeader(fixed[:1] == b"\xff", header_bytes, records, seconds, channels, promised=records)


def _channel(path: Path, fields: dict[str, bytes], at: int, seconds: float) -> SignalChannel:
    per_record = int(_float(path, fields["per_record"], "samples a record"))
    physical, digital = (
        (_float(path, fields[f"{kind}_min"], kind), _float(path, fields[f"{kind}_max"], kind))
        for kind in ("physical", "digital")
    )
    label, rate = _text(fields["label"]), per_record / seconds
    fits = per_record >= 1 and digital[0] < digital[1]
    if not fits or physical[0] == physical[1] or max(map(abs, physical)) > _LARGEST:
        raise _foreign(
            path, f"channel {label!r} with {per_record} samples in {seconds:g} s, {physical}, {digital}"
        )
    return SignalChannel(at, label, _unit(fields["unit"]), rate, per_record, physical, digital)


def _unit(field: bytes) -> str:
    """Return a unit; the micro sign of any of the known encodings becomes ``u``."""
    for encoding in _ENCODINGS:
        try:
            text = _text(field, encoding)
        except UnicodeDecodeError:
            continue
        # Greek mu and the micro sign, before a unit in letters
        if text[:1] in ("\u03bc", "\u00b5") and text[1:].isascii() and text[1:].isalpha():
            return "u" + text[1:]
    return _text(field)


def _fields(rest: bytes, count: int) -> dict[str, list[bytes]]:
    found, at = {}, 0
    for name, width in _WIDTHS.items():
        found[name] = [rest[at + width * place : at + width * (place + 1)] for place in range(count)]
        at += width * count
    return found


def _check_size(path: Path, header: SignalHeader, size: int) -> int:
    """Return how many records can be read: as many as the header says, all there are where it does not say.

    A file that is cut is refused: where its trials would end cannot be known from what is left.
    """
    held = max(0, size - header.header_bytes) // header.record_bytes
    if not header.closed:
        if not held:
            raise MediaError(
                path,
                f"a header that promises {header.promised} records, and not one whole record",
                "a recording",
                "leave it out",
            )
        return held
    whole = header.header_bytes + header.records * header.record_bytes
    if size < whole:
        raise CutFileError(
            path,
            f"{size} bytes: {held} of {header.records} records, cut after {held * header.record_s:g} s",
            f"{whole} bytes ({header.records * header.record_s:g} s), as the header says",
            "copy the file again from the owner's download",
        )
    return header.records


def _float(path: Path, field: bytes, what: str) -> float:
    value = number(_text(field))
    if value is None:
        raise _foreign(path, f"{field!r} for the {what}")
    return value


def _text(field: bytes, encoding: str = "latin-1") -> str:
    return field.partition(b"\0")[0].decode(encoding).strip()


def _foreign(path: Path, found: str) -> MediaError:
    return MediaError(
        path,
        found,
        "an EDF or BDF file with its whole header",
        "copy the file again from the owner's download",
    )
