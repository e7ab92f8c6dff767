"""CMU-MOSEI's ``.csd`` files: sequences of whole videos, of which a clip is the part at the time of its label.

Clip k of a video is the k-th interval of its labels, as the owner's SDK aligns (``video[k]``). Other forms may number
the clips of a video in another way: where its names or labels there are not those here, its sequences are left out.
Splits are the standard folds of videos (``mosei_folds.txt``). What a file holds is told by its columns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from affectssm.corpora.clips import Clip, Clips, Piece, tell
from affectssm.corpora.listing import Entry, Listing
from affectssm.errors import DataError
from affectssm.media.csd import Csd
from affectssm.store.boundary import boundary
from affectssm.store.files import read_whole

KINDS = {300: "csd_glove", 74: "csd_covarep", 35: "csd_facet", 713: "csd_openface2"}
RATES = {"csd_glove": 0.0, "csd_covarep": 100.0, "csd_facet": 30.0, "csd_openface2": 30.0}  # words have none
LABEL_COLUMNS = (7, 1)  # sentiment and six emotions, or sentiment alone
FOLDS = Path(__file__).with_name("mosei_folds.txt")
SOME = 8  # videos that tell a file's columns
Made = TypeVar("Made")


@dataclass
class Labelled:
    """What files of labels hold.

    Attributes:
        videos: those with labels.
        clips: video -> clips, and where they begin and end in seconds.
    """

    videos: set[str] = field(default_factory=set)
    clips: dict[str, list[tuple[Clip, float, float]]] = field(default_factory=lambda: defaultdict(list))


@cache
def folds() -> dict[str, str]:
    """Return video -> train, val or test."""
    lines = read_whole(FOLDS, 1 << 20).decode("utf-8").splitlines()
    parts = [line.split() for line in lines if not line.startswith("#")]
    return {video: split for split, *videos in parts for video in videos}


def add_sequences(root: Path, listing: Listing, clips: Clips) -> None:
    """Add what the sequences below a root hold of each clip."""
    files = [entry for entry in listing.files if entry.parts[-1].lower().endswith(".csd")]
    held = {entry: _read(root, entry, clips, _columns) or 0 for entry in files}
    labels = [entry for entry, columns in held.items() if columns in LABEL_COLUMNS]
    features = {entry: KINDS[columns] for entry, columns in held.items() if columns in KINDS}
    if features and not labels:
        clips.log.add(
            "missing_stream", stream="csd", found=f"no labels beside {', '.join(one.rel for one in features)}",
            expected="CMU_MOSEI_Labels.csd, which says when each clip is", action="ignored",
        )  # fmt: skip
    labelled = Labelled()
    elsewhere: dict[str, dict[str, Clip]] = defaultdict(dict)
    for clip in clips.found.values():
        elsewhere[clip.video][clip.name] = clip
    for entry in labels:
        _read(root, entry, clips, partial(_add_labels, labelled=labelled, elsewhere=elsewhere))
    if labels:
        missing = sorted(set(folds()) - labelled.videos)
        tell(
            clips.log,
            "fold_unlabelled",
            missing,
            "videos",
            "labels of every video of a fold",
            "ignored",
            "csd",
        )
    for entry, kind in features.items():
        _read(root, entry, clips, partial(_add_features, kind=kind, labelled=labelled))
    for kind, entry in {kind: entry for entry, kind in features.items()}.items():
        own = (clip for held in labelled.clips.values() for clip, _, _ in held if kind not in clip.pieces)
        clips.note("stream_empty", entry, [f"{clip.recording} {kind}" for clip in own])


def _read(root: Path, entry: Entry, clips: Clips, work: Callable[[Csd, Entry, Clips], Made]) -> Made | None:
    """Return what is made of a file; None, and a fault, where it cannot be used."""
    try:
        with boundary(root / entry.rel), Csd(root / entry.rel) as sequences:
            return work(sequences, entry, clips)
    except DataError as error:
        _note(clips, entry, error)
        return None


def _note(clips: Clips, entry: Entry, error: DataError) -> None:
    code = error.code or "unreadable_file"
    clips.log.add(code, stream=entry.rel, found=error.found, expected=error.expected, action="quarantined")


def _columns(sequences: Csd, *_: object) -> int:
    """Return the columns of a file's features; 0 where it is none that is used here (words, phones)."""
    found = Counter(shape[1] for _, shape, _ in sequences.sizes(SOME) if len(shape) == 2)
    return found.most_common(1)[0][0] if found else 0


def _add_labels(
    sequences: Csd,
    entry: Entry,
    clips: Clips,
    labelled: Labelled,
    elsewhere: Mapping[str, Mapping[str, Clip]],
) -> None:
    """Add the clips of a file of labels; of a video that another form has, only those that it has.

    Args:
        sequences, entry: the file.
        clips: what was found so far.
        labelled: is added to.
        elsewhere: video -> name -> clip of other forms.
    """
    known = folds()
    clips.note("label_without_fold", entry, [video for video in sequences.videos if video not in known])
    labelled.videos.update(sequences.videos)
    for video in sequences.videos:
        own = elsewhere.get(video)
        if video not in known and own is None:
            continue
        try:
            values, intervals = sequences.read(video)
        except DataError as error:
            _note(clips, entry, error)
            continue
        labels = {str(at): value for at, value in enumerate(values[:, 0].tolist())}
        if own is not None and not _same(own, labels):
            clips.note(
                "labels_differ", entry, [f"{video}: {len(labels)} labels, of which other files have others"]
            )
            continue
        for (name, label), span in zip(labels.items(), intervals.tolist(), strict=True):
            wanted = own is None or name in own
            clip = clips.claim(video, name, known.get(video, ""), label, entry) if wanted else None
            if clip is not None and span[1] > span[0]:
                labelled.clips[video].append((clip, *span))


def _same(own: Mapping[str, Clip], labels: Mapping[str, float]) -> bool:
    """Whether the clips of a video, as another form has them, are among those of its labels."""
    return all(name in labels and Clips.agree(clip, labels[name]) for name, clip in own.items())


def _add_features(sequences: Csd, entry: Entry, clips: Clips, kind: str, labelled: Labelled) -> None:
    """Add a kind of features to the clips whose time the file holds at least half of."""
    for video, shape, (first, last) in sequences.sizes():
        if len(shape) != 2 or KINDS.get(shape[1]) != kind:
            continue
        for clip, start, end in labelled.clips.get(video, ()):
            overlap = min(end, last) - max(start, first)
            if not shape[0] or overlap < (end - start) / 2:
                clips.note(
                    "csd_interval", entry, [f"{clip.recording} at {start:.1f}-{end:.1f} s of {last:.1f}"]
                )
                continue
            rows = max(1, round(shape[0] * overlap / max(last - first, overlap)))
            clips.add(clip, kind, Piece(entry, RATES[kind], rows, shape[1], end - start, start))
