"""A feature of a shard: one recording after another, each kept as soon as it is finished."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from affectssm.corpora.checksums import ChangedError, all_changed, check_unchanged
from affectssm.corpora.manifest import StreamRow, content_hash, read_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.base import Extractor, Source, make
from affectssm.features.blocks import CheckedBlocks
from affectssm.features.facebox import FaceRows
from affectssm.features.progress import Progress
from affectssm.media.probe import MediaNote
from affectssm.settings.features import decisive
from affectssm.store.card import make_card
from affectssm.store.faults import Fault, write_faults
from affectssm.store.finished import FinishedElsewhere, base_id
from affectssm.store.shards import PartWriter, ResumableShard, ShardReader
from affectssm.vocabulary.features import Spec
from affectssm.vocabulary.features import spec as spec_of
from affectssm.vocabulary.stages import feature_modules

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """The recordings that one job handles, and where their files lie.

    Attributes:
        manifest: the corpus's manifest.
        name: the shard's name.
        root: the corpus's root folder.
        ground_truth: the folder with the withheld test labels, where there is one.
        named: whether the edition has a name of its own, so that the paths below its root do not count.
    """

    manifest: Path
    name: str
    root: Path
    ground_truth: Path | None = None
    named: bool = False

    def recordings(self) -> dict[str, list[StreamRow]]:
        """Return recording -> its rows, in the order of the recordings' names."""
        grouped: dict[str, list[StreamRow]] = defaultdict(list)
        for row in read_manifest(self.manifest, self.name):
            grouped[row.recording].append(row)
        return dict(sorted(grouped.items()))

    def base(self, row: StreamRow) -> Path:
        """Return the folder that a row's path is below.

        Raises:
            ConfigError: if that is the ground truth's, and there is none.
        """
        base = {"root": self.root, "ground_truth": self.ground_truth}[row.base]
        if base is None:
            raise ConfigError(
                f"{row.recording}/{row.participant}", "labels below the ground-truth folder", "--ground-truth",
                "give the folder the manifest was made with",
            )  # fmt: skip
        return base


def extract_shard(
    feature: str,
    shard: Shard,
    settings: Mapping[str, Any],
    out: Path,
    faults_out: Path,
    faces: Path | None = None,
) -> None:
    """Extract one feature of a shard's recordings.

    A killed job goes on when it is started again; :mod:`affectssm.store.shards` says what a kill can lose. What was
    finished of the same content in another shard or edition is copied. What is wrong with a recording's data becomes
    fault rows, and the others go on.

    Args:
        feature: a name in :data:`affectssm.vocabulary.features.FEATURES`.
        shard: the recordings.
        settings: the feature's settings (:func:`affectssm.settings.features.settings_of`).
        out: the feature file to write.
        faults_out: the fault table to write.
        faces: the shard's face track, for features that need it.

    Raises:
        ConfigError: if the feature, its settings or its weights are not what they should be.
        ChangedError: if files are not those the manifest was made of; all other recordings are done by then.
        DataError: if nothing can be written.
    """
    spec = spec_of(feature)
    if spec.needs_faces and faces is None:
        raise ConfigError(
            f"feature {feature}", "no face track", "--faces", "give the shard's face_track file"
        )
    recordings = shard.recordings()
    if spec.network:
        import torch

        torch.set_num_threads(settings.get("threads", 1))
    extractor = make(feature, dict(settings))
    modules = feature_modules(feature, {row.corpus for rows in recordings.values() for row in rows})
    recordings = {name: _covered(rows, spec, extractor) for name, rows in recordings.items()}
    extractor.meet(row for rows in recordings.values() for row in rows)
    card = make_card(f"features/{feature}", modules, decisive(settings), **extractor.card())
    reader = ShardReader(faces) if faces is not None and spec.needs_faces else None
    try:
        with ResumableShard(out, card) as result, FinishedElsewhere(result) as elsewhere:
            _run(_Job(spec, extractor, shard, reader), recordings, result, elsewhere)
    finally:
        if reader is not None:
            reader.close()
    # the parts go last: a job killed here has nothing to compute again
    write_faults(faults_out, result.faults(), card)
    result.finish()


class _Job:
    """What is the same for every recording of a shard.

    ``changed`` collects the files that are not those of the manifest.
    """

    def __init__(
        self,
        spec: Spec,
        extractor: Extractor,
        shard: Shard,
        faces: ShardReader | None,
    ) -> None:
        self.spec, self.extractor, self.shard, self.faces = spec, extractor, shard, faces
        self.face_card = base_id(faces.card) if faces is not None else ""
        self.changed: list[ChangedError] = []
        self._intact: dict[tuple[str, str], bool] = {}  # many trials lie in one file, which is looked at once

    def content(self, recording: str, rows: list[StreamRow]) -> str:
        """Return a hash of everything a recording's tracks are made of."""
        if self.faces is None:
            return _hash(content_hash(rows, self.shard.named))
        if recording not in self.faces.contents:
            raise DataError(
                self.faces.path, f"without recording {recording}", "every recording of the shard",
                "make the face track again from this manifest",
            )  # fmt: skip
        return _hash(content_hash(rows, self.shard.named), self.face_card, self.faces.contents[recording])

    def content_elsewhere(self, rows: list[StreamRow]) -> str:
        """Return the hash that the same content has where editions are named differently from here."""
        of_rows = content_hash(rows, not self.shard.named)
        # a face track is made of the same rows as what reads it
        return _hash(of_rows) if self.faces is None else _hash(of_rows, self.face_card, _hash(of_rows))

    def is_intact(self, rows: list[StreamRow]) -> bool:
        """Whether the files of a recording are those of the manifest; those that cannot be read say so later."""
        for row in rows:
            base, key = self.shard.base(row), (row.base, row.path)
            if key in self._intact:
                continue
            self._intact[key] = True
            try:
                check_unchanged(row, base)
            except ChangedError as error:
                self._intact[key] = False
                self.changed.append(error)
                _LOG.warning("%s is left out for now: %s", row.recording, error)
            except OSError as error:
                _LOG.warning("%s: %s", base / row.path, error.strerror or error)
        return all(self._intact[row.base, row.path] for row in rows)

    def source(self, row: StreamRow) -> Source:
        """Return a participant's stream without its faces."""
        return Source(row, self.shard.base(row) / row.path)

    def participant(self, row: StreamRow, part: PartWriter) -> int:
        """Extract one participant's track; return its rows. Whatever is wrong with the file becomes faults."""
        source = self.source(row)
        if self.faces is not None:
            if (row.recording, row.participant) not in self.faces:
                return 0  # the video could not be read; the face track says so
            source.faces = FaceRows(self.faces, row.recording, row.participant)
        blocks = CheckedBlocks(self.extractor, source)
        failure = self._append(row, blocks, part)
        if failure is None:
            notes = blocks.notes if blocks.rows else [blocks.nothing()]
        else:
            part.discard(row.participant)
            blocks.rows = 0
            code = failure.code or "unreadable_media"
            notes = [MediaNote(code, failure.found, failure.expected, "quarantined")]
        # those who read the face track would repeat what was said of the video
        notes = [*(source.notes if self.faces is None else ()), *notes]
        part.faults.extend(_fault(row, note) for note in notes)
        return blocks.rows

    def _append(self, row: StreamRow, blocks: CheckedBlocks, part: PartWriter) -> DataError | None:
        """Write the blocks of a track; return why the file could not be read further."""
        found = iter(blocks)
        while True:
            try:
                block = next(found, None)
            except DataError as error:
                if self.faces is not None and error.where == str(self.faces.path):
                    raise  # the face track is no file of the owner's
                return error
            if block is None:
                return None
            part.append(row.participant, block)


def _fault(row: StreamRow, note: MediaNote) -> Fault:
    return Fault(
        row.corpus,
        row.recording,
        row.participant,
        row.kind,
        note.code,
        note.found,
        note.expected,
        note.action,
    )


def _covered(rows: Iterable[StreamRow], spec: Spec, extractor: Extractor) -> list[StreamRow]:
    """Return the rows of a recording that a feature is made of, by participant."""
    wanted = [row for row in rows if row.kind == spec.kind and extractor.wants(row)]
    return sorted(wanted, key=lambda row: row.participant)


class _Next(NamedTuple):
    """A recording that is to be computed: its number of all, its rows and their content."""

    number: int
    recording: str
    rows: list[StreamRow]
    content: str


def _unfinished(
    job: _Job,
    recordings: Mapping[str, list[StreamRow]],
    result: ResumableShard,
    elsewhere: FinishedElsewhere,
    progress: Progress,
) -> Iterator[_Next]:
    """Yield what was not finished before, and whose files are those of the manifest."""
    for number, (recording, rows) in enumerate(recordings.items(), 1):
        content = job.content(recording, rows)
        if result.done(recording, content):
            progress.finished(number, recording, "before")
        elif found := elsewhere.take(recording, content, [job.content_elsewhere(rows)]):
            progress.finished(number, recording, f"in {found}")
        elif job.is_intact(rows):
            yield _Next(number, recording, rows, content)


def _run(
    job: _Job, recordings: Mapping[str, list[StreamRow]], result: ResumableShard, elsewhere: FinishedElsewhere
) -> None:
    """Extract recording by recording.

    Raises:
        ChangedError: once all others are done, if files are not those of the manifest.
    """
    progress = Progress(job.spec.name, len(recordings))
    left_over = _unfinished(job, recordings, result, elsewhere, progress)
    while group := list(islice(left_over, job.extractor.ahead)):
        job.extractor.prepare([job.source(row) for one in group for row in one.rows])
        for number, recording, rows, content in group:
            started = time.monotonic()
            with result.recording(recording, content) as part:
                written = sum(job.participant(row, part) for row in rows)
            progress.computed(number, recording, len(rows), written, time.monotonic() - started)
    if job.changed:
        raise all_changed(job.changed)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
