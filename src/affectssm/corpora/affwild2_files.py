"""Which files below Aff-Wild2's root are what: by their folders and names alone.

Videos lie in three places and in two containers and are found by their stems; the annotations' folders have been called
differently from one edition to the next.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from affectssm.corpora.listing import Entry, Listing, is_named
from affectssm.vocabulary.corpora import VIDEOS

_CHALLENGE = re.compile(r"VA_Estimation_Challenge|VA_Set", re.IGNORECASE)
_SPLITS = {"train_set": "train", "training_set": "train", "validation_set": "val"}
_TEST = re.compile(r"(?:.*_)?(?:Valence_Arousal|VA)(?:_.*)?_test_set(?:_.*)?\.txt", re.IGNORECASE)
_CROPS = re.compile(r"cropped_aligned.*", re.IGNORECASE)
_SIDE = re.compile(r"(?P<stem>.+)_(?:left|right)")


@dataclass
class Files:
    """The files of the corpus.

    Attributes:
        annotations: split -> name -> files.
        tests: lists of the test videos and templates of what is to be handed in.
        videos: stem -> files; ``crops`` name -> folders.
    """

    annotations: dict[str, dict[str, list[Entry]]] = field(
        default_factory=lambda: {"train": defaultdict(list), "val": defaultdict(list)}
    )
    tests: list[Entry] = field(default_factory=list)
    videos: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    crops: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))


def sort_files(listing: Listing) -> Files:
    """Return the files by what they are; hidden ones and those of other challenges are left out."""
    found = Files()
    for entry in listing.files:
        name = entry.parts[-1]
        if name.startswith("."):
            continue
        stem = PurePosixPath(name).stem
        split = _split((listing.root.name, *entry.parts))
        if is_named(name, VIDEOS):
            found.videos[stem].append(entry)
        elif split:
            found.annotations[split][stem].append(entry)
        elif _TEST.fullmatch(name):
            found.tests.append(entry)
    for entry in listing.folders:
        above = entry.parts[-2] if len(entry.parts) > 1 else listing.root.name
        if _CROPS.fullmatch(above):
            found.crops[entry.parts[-1]].append(entry)
    return found


def _split(parts: tuple[str, ...]) -> str:
    """Return the split of an annotation by the two folders it lies in, or "" for any other file."""
    if len(parts) < 3 or not _CHALLENGE.fullmatch(parts[-3]):
        return ""
    return _SPLITS.get(parts[-2].lower(), "")


def recording_of(name: str) -> str:
    """Return the video a person was annotated in: two people of one are told by ``_left`` and ``_right``.

    It decides what must not be divided between folds, so it holds for all names, beyond the owner's list.
    """
    match = _SIDE.fullmatch(name)
    return match["stem"] if match else name


def video_of(name: str, files: Files) -> list[Entry]:
    """Return the files of a person's video: one of the very name, else of the video two people share."""
    return files.videos.get(name) or files.videos.get(recording_of(name)) or []
