"""Named editions: what one holds, by content, and how another corpus under its name is told from a mended one.

An edition's folder keeps the fingerprints of its files by recording. A recording is as it was if at least half of its
files are; so a mended table of ratings, which every trial of a corpus shares, changes no recording by itself. A corpus
may grow, and up to half of its recordings may change or go; beyond that it is another one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from affectssm.corpora.manifest import StreamRow
from affectssm.errors import DataError
from affectssm.store.atomic import write_json
from affectssm.store.files import open_regular
from affectssm.store.layout import held_in

Held = Mapping[str, Mapping[str, str]]
"""Recording -> ``participant/kind`` -> fingerprint of the file."""


def held_by(rows: Iterable[StreamRow]) -> dict[str, dict[str, str]]:
    """Return the fingerprints of the files of a manifest; neither paths nor anything that was measured."""
    held: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        held[row.recording][f"{row.participant}/{row.kind}"] = row.checksum
    return {recording: held[recording] for recording in sorted(held)}


def write_held(edition: Path, rows: Iterable[StreamRow]) -> None:
    """Write what a named edition holds from now on."""
    write_json(held_in(edition), held_by(rows))


def check_held(edition: Path, corpus: str, rows: Iterable[StreamRow]) -> None:
    """Refuse another content under a name that was given before.

    Args:
        edition: the folder of the edition.
        corpus: the corpus, for messages.
        rows: the manifest that was made now.

    Raises:
        DataError: if more than half of the recordings that the edition holds are gone or differ.
    """
    path = held_in(edition)
    if not path.is_file():
        return
    before = _read_held(path)
    now = held_by(rows)
    gone = [recording for recording in before if recording not in now]
    differ = [
        recording
        for recording in before
        if recording in now and not _as_it_was(before[recording], now[recording])
    ]
    if 2 * (len(gone) + len(differ)) <= len(before):
        return
    name = edition.name.partition("-")[2]
    raise DataError(
        f"corpora.{corpus}.edition: {name}",
        f"of the {len(before)} recordings of that edition, "
        + " and ".join(
            f"{len(some)} {verb} ({', '.join(some[:3])}{', ...' if len(some) > 3 else ''})"
            for some, verb in ((differ, "differ"), (gone, "are not there"))
            if some
        )
        + _why(now, before),
        "the corpus that the name was given to, grown or with up to half of its recordings changed",
        "give another corpus another name; if this is that corpus and its files were changed on purpose, remove "
        f"{path} and run again: what differs is then computed again",
    )


def _read_held(path: Path) -> Held:
    try:
        with open_regular(path) as file:
            held = json.load(file)
        return {
            recording: {stream: str(value) for stream, value in files.items()}
            for recording, files in held.items()
        }
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            path, f"not readable: {error}", "what the edition holds", "remove it and run again"
        ) from error


def _as_it_was(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    same = sum(now.get(stream) == fingerprint for stream, fingerprint in before.items())
    return 2 * same >= len(before)


def _why(now: Held, before: Held) -> str:
    """Say where the fingerprints themselves explain the difference."""
    kinds_before, kinds_now = _kinds(before), _kinds(now)
    if kinds_before != kinds_now:
        was, now_is = "/".join(sorted(kinds_before)), "/".join(sorted(kinds_now))
        return f"; its files were fingerprinted by {was}, now by {now_is} (corpora.*.checksum)"
    if kinds_now == {"mtime"} and _sizes(now) == _sizes(before):
        return (
            "; all files have the sizes they had and other times: they were copied without their times (cp -a and "
            "rsync -a keep them, checksum: sha256 needs none)"
        )
    return ""


def _kinds(held: Held) -> set[str]:
    """Return what files were fingerprinted by: sha256 or mtime."""
    return {value.partition(":")[0] for files in held.values() for value in files.values()}


def _sizes(held: Held) -> dict[str, dict[str, str]]:
    """Return the sizes in fingerprints ``mtime:size:time`` (``+`` between the files of a stream)."""
    return {
        recording: {
            stream: "+".join(one.partition(":")[0] for one in value.removeprefix("mtime:").split("+"))
            for stream, value in files.items()
        }
        for recording, files in held.items()
    }
