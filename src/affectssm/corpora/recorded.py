"""What a recorder's BDF must be for a trial to be cut from it."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora.channels import LEADS, electrodes
from affectssm.errors import DataError
from affectssm.media.edf import SignalFile
from affectssm.media.probe import MediaError
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog


def checked_file(
    path: Path, corpus: str, subject: str, recording: str, rate: float, log: FaultLog
) -> SignalFile | None:
    """Open a recording; None, and a fault, where it cannot be used."""
    try:
        with boundary(path):
            file = SignalFile(path)
            fastest = file.status.rate
    except DataError as error:
        log.add(
            error.code or "unreadable_file",
            recording=recording,
            participant=subject,
            found=error.found,
            expected=error.expected,
            action="quarantined",
        )
        return None
    header = file.header
    if not header.closed:
        log.add(
            "unclosed_recording",
            recording=recording,
            participant=subject,
            found=f"{header.promised} records by the header; {header.records} whole ones ({file.duration_s:g} s) "
            f"and {header.surplus} bytes of another are there",
            expected="a header with the number of records",
            action="decided",
        )
    elif header.surplus:
        more = header.surplus // header.record_bytes
        log.add(
            "stream_long_body",
            recording=recording,
            participant=subject,
            found=f"{header.surplus} bytes after the last record"
            + (f", as many as {more} records" if more else ""),
            expected="as many bytes as the header says",
            action="ignored",
        )
    if fastest != rate:
        log.add(
            "stream_rate_decided",
            recording=recording,
            participant=subject,
            found=f"{fastest:g} Hz",
            expected=f"{rate:g} Hz as {corpus} is described; the header's rate was taken",
            action="decided",
        )
    return file


def checked_kinds(
    file: SignalFile, corpus: str, subject: str, recording: str, log: FaultLog
) -> tuple[dict[str, int], float]:
    """Return the modalities a file has all channels of (modality -> leads), and the rate of all of them."""
    dims: dict[str, int] = {}
    rate = file.status.rate
    for kind, leads in LEADS[corpus].items():
        try:
            channels = file.find(electrodes(leads))
            slower = [channel for channel in channels if channel.rate != rate]
            if slower:
                raise MediaError(
                    file.path, f"{slower[0].label} at {slower[0].rate:g} Hz", f"{rate:g} Hz as the status", ""
                )
        except MediaError as error:
            log.add(
                "channel_missing",
                recording=recording,
                participant=subject,
                stream=kind,
                found=error.found,
                expected=error.expected,
                action="quarantined",
            )
            continue
        dims[kind] = len(leads)
    return dims, rate
