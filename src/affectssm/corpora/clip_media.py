"""The videos of clips: which clip each is of, and what they hold by their headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from affectssm.corpora.clips import SPEAKER, Clip, Clips, Piece, tell
from affectssm.corpora.listing import Entry
from affectssm.corpora.measure_media import MediaMeasurer, probing
from affectssm.corpora.memory import current
from affectssm.corpora.people import Measured, Person, Source
from affectssm.corpora.progress import Progress
from affectssm.store.faults import Fault, FaultLog
from affectssm.vocabulary.kinds import TRANSCRIPT

SHORT_S = 0.5


def add_media(root: Path, videos: Iterable[Entry], clips: Clips) -> None:
    """Add the videos of clips, ``.../<video>/<clip>.<ending>``, and say what is missing or belongs to no clip."""
    held: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in videos:
        if len(entry.parts) > 1:
            held[entry.parts[-2], entry.parts[-1].rpartition(".")[0]].append(entry)
    if not held:
        return
    found = [
        (clip, _nearest(clips, clip, held.pop((clip.video, clip.name), []))) for clip in clips.found.values()
    ]
    without = [clip.recording for clip, entry in found if entry is None and clip.listed]
    log = clips.log
    tell(log, "clip_without_file", without, "clips", "a video of every clip", "ignored", "video")
    rest = sorted(entries[0].rel for entries in held.values())
    tell(log, "files_without_clip", rest, "videos", "those that a table of clips names", "ignored", "video")
    filmed = [(clip, entry) for clip, entry in found if entry is not None]
    said = Progress(log.corpus, "videos looked at", len(filmed)).said
    current().ahead((probing(root / entry.rel) for _, entry in filmed), said)
    for clip, entry in filmed:
        media, faults = _measured(root, log.corpus, clip, entry)
        log.rows += faults
        _add(clips, clip, entry, media)


def _nearest(clips: Clips, clip: Clip, entries: Sequence[Entry]) -> Entry | None:
    """Return, of several videos of a clip's name, the one that lies nearest to the file that names the clip."""
    own = clip.entry.parts[:-1]

    def shared(entry: Entry) -> int:
        return next((at for at, part in enumerate(own) if entry.parts[at : at + 1] != (part,)), len(own))

    nearest = max(entries, key=shared, default=None)
    if nearest is not None and len(entries) > 1:
        clips.note("duplicate_stream", nearest, [f"{clip.recording} video"])
    return nearest


def _measured(root: Path, corpus: str, clip: Clip, entry: Entry) -> tuple[dict[str, Measured], list[Fault]]:
    log = FaultLog(corpus)
    source = Source(root / entry.rel, entry, "root")
    person = Person(clip.split, clip.recording, SPEAKER, {"video": source})
    media = MediaMeasurer(person, log).media()
    # videos are where sound is expected here
    return media, [fault for fault in log.rows if fault.code != "audio_from_video"]


def _add(clips: Clips, clip: Clip, entry: Entry, media: dict[str, Measured]) -> None:
    for kind, one in media.items():
        clips.add(clip, kind, Piece(entry, one.rate, one.frames, one.dim, one.duration_s))
    notes = clips.log.about(clip.recording, SPEAKER)
    seconds = max((one.duration_s for one in media.values()), default=SHORT_S)
    if seconds < SHORT_S:
        notes.add("clip_short", "video", f"{seconds:.2f} s", f"{SHORT_S:g} s at least", "ignored")
    if media and "audio" not in media:
        notes.add("no_audio_stream", "audio", "a video without sound", "sound", "ignored")
    said = clip.pieces.get(TRANSCRIPT)
    if said is not None and media:  # words are spread over the clip
        clip.pieces[TRANSCRIPT] = Piece(said.entry, said.rate, said.frames, said.dim, seconds)
