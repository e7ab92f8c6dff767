"""What a recorder's BDF must be for a trial to be cut from it."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora.channels import LEADS, electrodes
from affectssm.media.edf import SignalFile
from affectssm.media.probe import MediaError
from affectssm.store.faults import Notes


def checked_file(path: Path, corpus: str, rate: float, notes: Notes) -> SignalFile:
    """Open a recording, and report what is odd about it.

    Raises:
        DataError: where it cannot be used.
    """
    file = SignalFile(path)
    fastest, header = file.status.rate, file.header
    if not header.closed:
        found = (
            f"{header.promised} records by the header; {header.records} whole ones ({file.duration_s:g} s) "
        )
        found += f"and {header.surplus} bytes of another are there"
        notes.add("unclosed_recording", "", found, "a header with the number of records", "decided")
    elif header.surplus:
        more = header.surplus // header.record_bytes
        found = f"{header.surplus} bytes after the last record" + (
            f", as many as {more} records" if more else ""
        )
        notes.add("stream_long_body", "", found, "as many bytes as the header says", "ignored")
    if fastest != rate:
        expected = f"{rate:g} Hz as {corpus} is described; the header's rate was taken"
        notes.add("stream_rate_decided", "", f"{fastest:g} Hz", expected, "decided")
    return file


def checked_kinds(file: SignalFile, corpus: str, notes: Notes) -> tuple[dict[str, int], float]:
    """Return the modalities a file has all channels of (modality -> leads), and the rate of all of them."""
    dims: dict[str, int] = {}
    rate = file.status.rate
    for kind, leads in LEADS[corpus].items():
        try:
            channels = file.find(electrodes(leads))
        except MediaError as error:
            notes.add("channel_missing", kind, error.found, error.expected, "quarantined")
            continue
        if slower := [channel for channel in channels if channel.rate != rate]:
            found = f"{slower[0].label} at {slower[0].rate:g} Hz"
            notes.add("channel_missing", kind, found, f"{rate:g} Hz as the status", "quarantined")
            continue
        dims[kind] = len(leads)
    return dims, rate
