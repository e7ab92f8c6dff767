"""CMU-MOSEI's ``.csd`` files: sequences of whole videos, of which a clip is the part at the time of its label.

Clip k of a video is the k-th interval of its labels, as the owner's SDK aligns (``video[k]``). Splits are the standard
folds of videos (``mosei_folds.txt``). What a file holds is told by its columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from affectssm.corpora.clips import Clip, Clips, Piece, tell
from affectssm.corpora.listing import Entry, Listing
from affectssm.errors import DataError
from affectssm.media.csd import Csd
from affectssm.store.boundary import boundary

KINDS = {300: "csd_glove", 74: "csd_covarep", 35: "csd_facet", 713: "csd_openface2"}
RATES = {"csd_glove": 0.0, "csd_covarep": 100.0, "csd_facet": 30.0, "csd_openface2": 30.0}  # words have none
LABEL_COLUMNS = (7, 1)  # sentiment and six emotions, or sentiment alone
Made = TypeVar("Made")
FOLDS = Path(__file__).with_name("mosei_folds.txt")


class Spans(dict[str, list[tuple[Clip, float, float]]]):
    """Video -> clips, and where they begin and end in seconds."""


@cache
def folds() -> dict[str, str]:
    """Return video -> train, val or test."""
    lines = FOLDS.read_text(encoding="utf-8").splitlines()
    parts = [line.split() for line in lines if not line.startswith("#")]
    return {video: split for split, *videos in parts for video in videos}


def add_sequences(root: Path, listing: Listing, clips: Clips) -> None:
    """Add what the sequences below a root hold of each clip."""
    files = [entry for entry in listing.files if entry.parts[-1].lower().endswith(".csd")]
    held = {entry: columns for entry in files if (columns := _columns(root, entry, clips))}
    labels = next((entry for entry, columns in held.items() if columns in LABEL_COLUMNS), None)
    features = {entry: KINDS[columns] for entry, columns in held.items() if columns in KINDS}
    if labels is None:
        if features:
            clips.log.add(
                "missing_stream", stream="csd", found=f"no labels beside {', '.join(e.rel for e in features)}",
                expected="CMU_MOSEI_Labels.csd, which says when each clip is", action="ignored",
            )  # fmt: skip
        return
    spans = _guarded(root, labels, clips, _labelled) or Spans()
    for entry, kind in features.items():
        _guarded(root, entry, clips, partial(_add, kind=kind, spans=spans))


def _columns(root: Path, entry: Entry, clips: Clips) -> int:
    """Return the columns of a file's features; 0 where it is none that is used here (words, phones)."""

    def most(sequences: Csd, *_: object) -> int:
        found = Counter(shape[1] for _, shape, _ in sequences.sizes(8) if len(shape) == 2)
        return found.most_common(1)[0][0] if found else 0

    return _guarded(root, entry, clips, most) or 0


def _guarded(
    root: Path, entry: Entry, clips: Clips, work: Callable[[Csd, Entry, Clips], Made]
) -> Made | None:
    """Return what is made of a file; None, and a fault, where it cannot be used."""
    try:
        with boundary(root / entry.rel), Csd(root / entry.rel) as sequences:
            return work(sequences, entry, clips)
    except DataError as error:
        code, found = error.code or "unreadable_file", f"{entry.rel}: {error.found}"
        clips.log.add(code, stream="csd", found=found, expected=error.expected, action="quarantined")
        return None


def _labelled(sequences: Csd, entry: Entry, clips: Clips) -> Spans:
    """Return the clips by video, without those that have another label elsewhere."""
    known, spans = folds(), Spans()
    elsewhere = {clip.video for clip in clips.found.values()}
    without = [video for video in sequences.videos if video not in known]
    clips.note("label_without_fold", entry, without)
    missing = sorted(set(known) - set(sequences.videos))
    tell(clips.log, "fold_unlabelled", missing, "videos", "labels of every video of a fold", "ignored", "csd")
    for video in sequences.videos:
        if video not in known and video not in elsewhere:
            continue
        values, intervals = sequences.read(video)
        for at, (value, (start, end)) in enumerate(
            zip(values[:, 0].tolist(), intervals.tolist(), strict=True)
        ):
            clip = clips.claim(video, str(at), known.get(video, ""), value, entry)
            if clip is not None and end > start and clips.agree(clip, value):
                spans.setdefault(video, []).append((clip, start, end))
    return spans


def _add(sequences: Csd, entry: Entry, clips: Clips, kind: str, spans: Spans) -> None:
    """Add a kind of features to the clips whose time the file holds at least half of."""
    found: set[str] = set()
    for video, shape, (first, last) in sequences.sizes():
        if len(shape) != 2 or KINDS.get(shape[1]) != kind:
            continue
        for clip, start, end in spans.get(video, ()):
            found.add(clip.recording)
            overlap = min(end, last) - max(start, first)
            if not shape[0] or overlap < (end - start) / 2:
                clips.note(
                    "csd_interval", entry, [f"{clip.recording} at {start:.1f}-{end:.1f} s of {last:.1f}"]
                )
                continue
            rows = max(1, round(shape[0] * overlap / max(last - first, overlap)))
            clips.add(clip, kind, Piece(entry, RATES[kind], rows, shape[1], end - start, start))
    without = [clip.recording for own in spans.values() for clip, _, _ in own if clip.recording not in found]
    clips.note("stream_empty", entry, [f"{name} {kind}" for name in without])
