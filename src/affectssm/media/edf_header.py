"""The header of an EDF or BDF file, and whether the file is as long as it says."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from affectssm.media.probe import CutFileError, MediaError
from affectssm.store.files import open_regular

_FIXED = 256  # bytes of the part that does not depend on the channels; as many again a channel
_MAX_CHANNELS = 2048
_RECORD_S = (1e-6, 1e6)  # seconds a record may take; the specification has a few
_LARGEST = 1e30  # of a physical value: beyond float32's 3e38 there are no samples
# widths of the fields a channel has, each stored for all channels in turn
_WIDTHS = {
    "label": 16, "transducer": 80, "unit": 8, "physical_min": 8, "physical_max": 8, "digital_min": 8,
    "digital_max": 8, "prefilter": 80, "per_record": 8, "reserved": 32,
}  # fmt: skip


@dataclass(frozen=True)
class SignalChannel:
    """A channel: its place, label, unit as written, rate in Hz, samples a record, and its two ranges."""

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

    def words(self, values: np.ndarray) -> np.ndarray:
        """Return the integers in the file behind values in the unit of the header: int64 of the same shape.

        Microvolts count as the unit where the header says so; a status channel's other units carry no factor.
        """
        factor = {"mV": 1e-3, "V": 1e-6}.get(self.unit, 1.0)
        (low, high), (first, last) = self.physical, self.digital
        return np.rint((values * factor - low) * (last - first) / (high - low) + first).astype(np.int64)


@dataclass(frozen=True)
class SignalHeader:
    """Channels, records and their seconds, as a file's header has them; ``surplus`` bytes follow the last record."""

    is_bdf: bool
    header_bytes: int
    records: int
    record_s: float
    channels: tuple[SignalChannel, ...]
    surplus: int = 0

    @property
    def record_bytes(self) -> int:
        """Bytes of one record."""
        return (3 if self.is_bdf else 2) * sum(channel.per_record for channel in self.channels)


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
            channels = _number(path, fixed, 252, 4, "number of channels") if _magic(fixed) else 0
            if not 0 < channels <= _MAX_CHANNELS:
                raise _foreign(path, f"{size} bytes that begin with {fixed[:8]!r}")
            rest = file.read(_FIXED * channels)
    except OSError as error:
        raise _foreign(path, error.strerror or str(error)) from error
    if len(rest) < _FIXED * channels:
        raise _foreign(path, f"{size} bytes, fewer than the header of {channels} channels takes")
    header = _parse(path, fixed, rest, channels)
    whole = _check_size(path, header, size)
    return replace(header, surplus=size - whole)


def _magic(fixed: bytes) -> bool:
    return len(fixed) == _FIXED and (fixed[:8] == b"\xffBIOSEMI" or fixed[:8].strip() == b"0")


def _parse(path: Path, fixed: bytes, rest: bytes, count: int) -> SignalHeader:
    header_bytes = _number(path, fixed, 184, 8, "size of the header")
    records = _number(path, fixed, 236, 8, "number of records")
    seconds = _float(path, fixed[244:252], "length of a record")
    if header_bytes != _FIXED * (count + 1) or records < -1 or not _RECORD_S[0] <= seconds <= _RECORD_S[1]:
        raise _foreign(
            path, f"a header of {header_bytes} bytes, {records} records of {seconds:g} s, {count} channels"
        )
    texts = _fields(rest, count)
    channels = []
    for at in range(count):
        per_record = int(_float(path, texts["per_record"][at], "samples a record"))
        physical, digital = (
            (_float(path, texts[f"{kind}_min"][at], kind), _float(path, texts[f"{kind}_max"][at], kind))
            for kind in ("physical", "digital")
        )
        label = texts["label"][at].decode("latin-1").strip()
        largest = max(map(abs, physical))
        if per_record < 1 or physical[0] == physical[1] or digital[0] >= digital[1] or largest > _LARGEST:
            raise _foreign(path, f"channel {label!r} with {per_record} samples, {physical}, {digital}")
        unit = texts["unit"][at].decode("latin-1").strip()
        channels.append(SignalChannel(at, label, unit, per_record / seconds, per_record, physical, digital))
    return SignalHeader(fixed[:1] == b"\xff", header_bytes, records, seconds, tuple(channels))


def _fields(rest: bytes, count: int) -> dict[str, list[bytes]]:
    found, at = {}, 0
    for name, width in _WIDTHS.items():
        found[name] = [rest[at + width * place : at + width * (place + 1)] for place in range(count)]
        at += width * count
    return found


def _check_size(path: Path, header: SignalHeader, size: int) -> int:
    """Return the bytes a file takes by its header.

    One that is cut is refused: where its trials would end cannot be known from what is left.
    """
    whole = header.header_bytes + header.records * header.record_bytes
    held = max(0, size - header.header_bytes) // header.record_bytes
    if header.records < 1:
        raise MediaError(
            path,
            f"a header that promises {header.records} records ({held} are there)",
            "a recording that was ended properly",
            "save the recording again with the recorder's software, or leave it out",
        )
    if size < whole:
        raise CutFileError(
            path,
            f"{size} bytes: {held} of {header.records} records, cut after {held * header.record_s:g} s",
            f"{whole} bytes ({header.records * header.record_s:g} s), as the header says",
            "copy the file again from the owner's download",
        )
    return whole


def _number(path: Path, text: bytes, at: int, width: int, what: str) -> int:
    return int(_float(path, text[at : at + width], what))


def _float(path: Path, text: bytes, what: str) -> float:
    try:
        value = float(text.decode("ascii").strip().replace(",", "."))
    except (UnicodeDecodeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise _foreign(path, f"{text!r} for the {what}")
    return value


def _foreign(path: Path, found: str) -> MediaError:
    return MediaError(
        path,
        found,
        "an EDF or BDF file with its whole header",
        "copy the file again from the owner's download",
    )
