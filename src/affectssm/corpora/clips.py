"""What corpora of clips with one label each have in common: what is said of a clip by all forms a corpus comes in.

A clip is named ``video[clip]`` in all forms, and has one split and one label whatever these say: the first form that
says something counts, tables before pickles before files of whole videos. What contradicts it is a fault.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from affectssm.corpora.clip_tables import UNLABELLED, recording_of
from affectssm.corpora.listing import Entry
from affectssm.corpora.manifest import StreamRow
from affectssm.store.faults import Action, FaultLog
from affectssm.store.ids import is_id
from affectssm.vocabulary.kinds import SENTIMENT

SPEAKER = "speaker"
SPLITS = ("train", "val", "test")
SAME = 0.01  # labels are means of few annotators, written with four digits at least
CLASSES = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class ClipCorpus:
    """A corpus.

    Attributes:
        corpus: its name; ``title`` the owner's.
        language: that is spoken.
        scale: the largest label, which is the least one's size.
        labels: how many a clip has: the clip's, or with those of text, audio and vision alone.
        audio, vision: columns of the supplied arrays.
        counts: split -> clips of the owner's, as far as known; of each of several releases.
        classes: split -> negative, neutral and positive ones in the release that has as many in all.
    """

    corpus: str
    title: str
    language: str
    scale: float
    labels: int
    audio: int
    vision: int
    counts: Mapping[str, tuple[int, ...]]
    classes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """What a form holds of a clip: the fields are those of a row of the manifest."""

    entry: Entry
    rate: float
    frames: int
    dim: int
    duration_s: float = 0.0
    start_s: float = 0.0


@dataclass
class Clip:
    """A clip.

    Attributes:
        video, name: its ids.
        split: "" where none is known.
        label: NaN where none is known.
        entry: the file that says so.
        listed: whether a table names it.
        pieces: kind -> what there is of it.
    """

    video: str
    name: str
    split: str
    label: float
    entry: Entry
    listed: bool = False
    pieces: dict[str, Piece] = field(default_factory=dict)

    @property
    def recording(self) -> str:
        """Its name."""
        return recording_of(self.video, self.name)


class Clips:
    """Collects what is said of clips.

    Args:
        corpus: whose.
        log: where the faults go.
    """

    def __init__(self, corpus: ClipCorpus, log: FaultLog) -> None:
        self.corpus, self.log = corpus, log
        self.found: dict[str, Clip] = {}
        self._odd: dict[tuple[str, str], list[str]] = defaultdict(list)

    def claim(self, video: str, name: str, split: str, label: float, entry: Entry) -> Clip | None:
        """Return a clip, which a file puts into a split and gives a label; None where its name is unusable."""
        recording = recording_of(video, name)
        if not is_id(recording):
            self._odd["unsafe_id", entry.rel].append(ascii(recording))
            return None
        if abs(label) > self.corpus.scale + SAME:
            self._odd["label_out_of_range", entry.rel].append(f"{recording} {label:g}")
            label = math.nan
        clip = self.found.setdefault(recording, Clip(video, name, split, label, entry))
        if clip.entry is not entry:
            self._compare(clip, split, label, entry)
        return clip

    def _compare(self, clip: Clip, split: str, label: float, entry: Entry) -> None:
        if clip.split in ("", UNLABELLED) and split:
            clip.split = split
        elif split not in ("", UNLABELLED, clip.split):
            self._odd["split_differs", entry.rel].append(f"{clip.recording} {split}, not {clip.split}")
        if math.isnan(clip.label) and not math.isnan(label):
            clip.label, clip.entry = label, entry
        elif not self.agree(clip, label):
            self._odd["labels_differ", entry.rel].append(f"{clip.recording} {label:g}, not {clip.label:g}")

    @staticmethod
    def agree(clip: Clip, label: float) -> bool:
        """Whether a label is that of a clip, or none."""
        return math.isnan(label) or math.isnan(clip.label) or abs(clip.label - label) <= SAME

    def add(self, clip: Clip, kind: str, piece: Piece) -> None:
        """Add what a file holds of a clip; of several files for one kind the first counts."""
        if kind in clip.pieces:
            self._odd["duplicate_stream", piece.entry.rel].append(f"{clip.recording} {kind}")
        else:
            clip.pieces[kind] = piece

    def note(self, code: str, entry: Entry, names: Iterable[str]) -> None:
        """Add clips about which something is odd in a file; each oddity of a file becomes one fault."""
        self._odd[code, entry.rel].extend(names)

    def finish(self) -> list[StreamRow]:
        """Return the rows of the clips that can be used, after all faults were told."""
        usable = []
        for clip in self.found.values():
            labelled = clip.split != UNLABELLED
            if not clip.split or (labelled and math.isnan(clip.label)):
                lacks = "no label" if clip.split else "no split"
                self._odd["clip_unlabelled", clip.entry.rel].append(f"{clip.recording} {lacks}")
            else:
                usable.append(clip)
                if labelled:
                    clip.pieces[SENTIMENT] = Piece(clip.entry, 1.0, 1, self.corpus.labels, 1.0)
        for (code, rel), names in sorted(self._odd.items()):
            expected, action = _SAID[code]
            tell(self.log, code, names, "", expected, action, rel)
        self._note_counts(usable)
        return [row for clip in usable for row in self._rows(clip)]

    def _rows(self, clip: Clip) -> Iterator[StreamRow]:
        for kind, piece in clip.pieces.items():
            yield StreamRow(
                self.corpus.corpus, clip.split, clip.recording, SPEAKER, kind, piece.entry.rel, "root", piece.rate,
                piece.frames, piece.dim, piece.duration_s, piece.entry.size, "", clip.video, self.corpus.language,
                "", piece.start_s,
            )  # fmt: skip

    def _note_counts(self, clips: Iterable[Clip]) -> None:
        """Report how many clips of a split there are, and of each class, where the owner's are other numbers."""
        found: dict[str, Counter[int]] = defaultdict(Counter)
        for clip in clips:
            found[clip.split][0 if math.isnan(clip.label) else (clip.label > 0) - (clip.label < 0)] += 1
        for split, known in self.corpus.counts.items():
            held = found[split]
            classes = tuple(held[sign] for sign in (-1, 0, 1))
            owners = self.corpus.classes.get(split, ())
            if held.total() not in known or (held.total() == sum(owners) and classes != owners):
                self.log.add(
                    "counts_differ",
                    found=f"{held.total()} clips in {split}"
                    + _by_class(classes if split != UNLABELLED else ()),
                    expected=f"{' or '.join(map(str, known))} as the owner has" + _by_class(owners),
                    action="ignored",
                )


def _by_class(counts: tuple[int, ...]) -> str:
    return ": " + ", ".join(map("{} {}".format, counts, CLASSES)) if counts else ""


_SAID: dict[str, tuple[str, Action]] = {
    "unsafe_id": ("names that can be ids", "quarantined"),
    "label_out_of_range": ("labels on the scale of the corpus", "masked"),
    "split_differs": ("one split in all files; the one that was read first counts", "decided"),
    "labels_differ": ("one label in all files; the one that was read first counts", "decided"),
    "duplicate_stream": ("one file; the first, or the video nearest to its table, counts", "decided"),
    "duplicate_clip": ("a clip once; the first counts", "ignored"),
    "clip_unlabelled": ("a split and a label", "quarantined"),
    "empty_transcript": ("words", "ignored"),
    "stream_empty": ("at least a row", "ignored"),
    "csd_interval": ("features at the times of the labels", "quarantined"),
    "label_without_fold": ("labelled videos that lie in a fold", "quarantined"),
    "no_audio_stream": ("sound", "ignored"),
}


def tell(
    log: FaultLog, code: str, names: Sequence[str], what: str, expected: str, action: Action, stream: str = ""
) -> None:
    """Add one fault about several clips or videos, with their number and some of their names."""
    if names:
        some = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
        found = f"{len(names)}{f' {what}' if what else ''}: {some}"
        log.add(code, stream=stream, found=found, expected=expected, action=action)
