"""What the files are that somebody hands over, by their content, and what their recordings are called.

A file's name says nothing of what it holds: a still picture may be named ``.mp4``, and a container of sound alone
``.mkv``. Each is opened and asked.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affectssm.errors import ConfigError
from affectssm.media.probe import MediaError, MediaInfo, opened, probe
from affectssm.media.text import read_text
from affectssm.store.files import check_regular
from affectssm.store.ids import LONGEST, is_id

SIGNALS = (".bdf", ".edf")
_STILL = ("image2", "_pipe")  # FFmpeg's names of what reads single pictures
MOST_TEXT = 1 << 20  # bytes of a transcript
_HASH = 8

Kind = Literal["video", "audio", "signals", "text"]


class StillError(MediaError):
    """A picture in place of a video."""

    code = "still_picture"


@dataclass(frozen=True)
class GivenFile:
    """A file that can be used.

    Attributes:
        path: absolute, links followed.
        kind: video (with or without sound), audio, signals, or text.
    """

    path: Path
    kind: Kind


def look_at(path: Path) -> GivenFile:
    """Say what a file is.

    Raises:
        MediaError: if it is neither video, sound nor a recording of signals.
    """
    whole = Path(os.path.realpath(path))
    if whole.suffix.lower() in SIGNALS:
        return GivenFile(_regular(whole), "signals")
    info = probe(_regular(whole))
    if not info.video and not info.audio:
        raise MediaError(
            path,
            "neither pictures nor sound",
            "a video, a sound file, or a BDF or EDF file",
            "give the media file",
        )
    if info.video:
        _refuse_still(whole, info)
    return GivenFile(whole, "video" if info.video else "audio")


def _regular(path: Path) -> Path:
    try:
        size = check_regular(path).st_size
    except OSError as error:
        raise MediaError(
            path, error.strerror or str(error), "a media file", "give the path of a file that is there"
        ) from error
    if not size:
        raise MediaError(path, "an empty file", "a media file", "copy the file again from its source")
    return path


def _refuse_still(path: Path, info: MediaInfo) -> None:
    with opened(path) as container:
        name = container.format.name
    if name.endswith(_STILL) or (info.video[0].frames == 1 and not info.audio):
        raise StillError(
            path,
            f"a still picture ({name})",
            "a video of more than one picture",
            "give the video that it is of",
        )


def check_once(paths: Sequence[Path]) -> None:
    """Refuse a file that is given twice, by whatever name.

    Raises:
        ConfigError: naming it.
    """
    seen: dict[str, Path] = {}
    for path in paths:
        real = os.path.realpath(path)
        if real in seen:
            same = "" if str(seen[real]) == str(path) else f", and as {seen[real]}"
            raise ConfigError(
                str(path), f"the same file given twice{same}", "each file once", "leave one out"
            )
        seen[real] = path


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return the names of recordings, each of which can be an id, in the order of their files.

    A recording has the name of its file without the ending; files of one name have it with the ending, and where that
    is the same, too, with that of their folder. What cannot be an id is made one.
    """
    for spelling in (_stem, _full, _with_folder):
        names = [_safe(spelling(path), path) for path in paths]
        taken = Counter(names)
        if max(taken.values(), default=1) == 1:
            return names
        if spelling is not _with_folder:
            continue
    return [
        name if taken[name] == 1 else _hashed(name, path) for name, path in zip(names, paths, strict=True)
    ]


def _stem(path: Path) -> str:
    return path.stem


def _full(path: Path) -> str:
    return path.name


def _with_folder(path: Path) -> str:
    return f"{path.absolute().parent.name}_{path.name}"


def _safe(name: str, path: Path) -> str:
    """Return a name as an id: what is no printable character becomes ``_``."""
    found = "".join(one if one.isprintable() and one != "/" else "_" for one in name).strip()
    found = found.lstrip(".") or "recording"
    return found if is_id(found) else _hashed(found, path)


def _hashed(name: str, path: Path) -> str:
    """Return a name short enough to be an id, told apart from others by the file's path."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:_HASH]
    most = LONGEST - _HASH - 1
    while not is_id(found := f"{name[:most].strip()}_{digest}") and most > 1:
        most //= 2
    return found


def look_at_sound(path: Path) -> GivenFile:
    """Say what a file is that is given for its sound, which may be a video's.

    Raises:
        MediaError: if it has none.
    """
    whole = _regular(Path(os.path.realpath(path)))
    if not probe(whole).audio:
        raise MediaError(path, "no sound", "a file with an audio stream", "give the sound file")
    return GivenFile(whole, "audio")


def look_at_text(path: Path) -> GivenFile:
    """Say that a file is a text.

    Raises:
        MediaError: if it cannot be read as one.
    """
    whole = _regular(Path(os.path.realpath(path)))
    text = read_text(whole, MediaError, limit=MOST_TEXT)
    if "\0" in text.content:
        raise MediaError(
            path, "bytes that are no text", "a text file in UTF-8", "give the file with what is said"
        )
    return GivenFile(whole, "text")
