"""From media files to answers of a packed model: features as in training, windows over the whole, one table.

Nothing is held whole but the answers: features go through files, windows through the model some at a time. With a
folder ``work`` a killed call goes on where it was.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.families.answering import NOTES
from affectssm.serving.answers import checked, spans_of, within
from affectssm.serving.asked_features import FACES, Asked, asked_of, check_encoders, take_names
from affectssm.serving.given import GIVEN, ROOT, Extras, given
from affectssm.serving.notes import notes_of, provenance_of, without_text
from affectssm.serving.packed import Packed, unpacked
from affectssm.serving.run_facts import answering_of, families
from affectssm.serving.tracks import extract, faults_of, source_kinds
from affectssm.store.atomic import writing
from affectssm.store.boundary import boundary
from affectssm.store.faults import Fault
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.targets import load

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """How media are to be answered for.

    Attributes:
        people: who of those in a video is meant: one, largest or all (:func:`affectssm.serving.given.given`).
        audio: sound files in place of the videos' own sound, in the order of the media.
        transcripts: text files of what is said, in the same order.
        language: of the transcripts; "" for that of the corpus that the model learnt from.
        adapt: method of adaptation at test time; "" for none.
        weights_dir: folder with pretrained weights of encoders.
        accept_other_crops: let the tracked face stand in for supplied crops.
    """

    people: Any = "one"
    audio: tuple[Path, ...] = ()
    transcripts: tuple[Path, ...] = ()
    language: str = ""
    adapt: str = ""
    weights_dir: Path = Path("weights")
    accept_other_crops: bool = False


USUAL = Options()


@dataclass(frozen=True)
class Answers:
    """What a model answered.

    Attributes:
        table: a row a frame (or item) of every participant, see :class:`affectssm.families.answering.Answering`.
        packed: the model.
        faults: what was wrong with the media and with features of them.
        notes: what who reads the answers has to know.
        provenance: model, files, versions and options.
        people: the identity table of those who were told apart, as CSV; "" where nobody was.
    """

    table: pa.Table
    packed: Packed
    faults: list[Fault]
    notes: list[str]
    provenance: dict[str, Any]
    people: str = field(default="", repr=False)


def predict(
    model: Path, media: Sequence[Path], options: Options = USUAL, *, work: Path | None = None
) -> pd.DataFrame:
    """Answer for media with a packed model.

    Args:
        model: a file that ``affectssm pack`` wrote.
        media: a video, or several: of a model that looks at partners the others of one conversation, else recordings.
        options: how they are answered for.
        work: folder for what is computed, with which a later call goes on; a temporary one where None.

    Returns:
        a row a frame (or item) of every participant: ``recording, participant, start_s, stop_s, time_s``, a column of
        each quantity (NaN where not valid), ``valid``. Its ``attrs`` have ``notes``, ``faults`` and ``provenance``.

    Raises:
        ConfigError: for features that media cannot give, weights that are not there, or an unknown option.
        DataError: for a model that is none, or media of which none can be used.
    """
    found = answers_of(model, media, options, work=work)
    frame = found.table.to_pandas()
    frame.attrs = {
        "notes": list(found.notes),
        "faults": [vars(fault) for fault in found.faults],
        "provenance": found.provenance,
    }
    return frame


def answers_of(
    model: Path,
    media: Sequence[Path],
    options: Options,
    work: Path | None = None,
    progress: Progress | None = None,
) -> Answers:
    """Answer for media; arguments and errors as of :func:`predict`."""
    os.environ.setdefault("GLOG_minloglevel", "2")  # MediaPipe would say the same of every picture
    with unpacked(model) as (packed, run), _folder(work) as folder:
        return _Serving(packed, run, folder, options, progress or _say).answers(list(media))


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        with writing(work):
            work.mkdir(parents=True, exist_ok=True)
        yield work.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="affectssm-") as folder:
        yield Path(folder)


def _say(what: str, number: int, of: int) -> None:
    _LOG.info("%d/%d %s", number, of, what)


class _Serving:
    """One call: a model, and the folder it computes in."""

    def __init__(self, packed: Packed, run: Path, work: Path, options: Options, progress: Progress) -> None:
        self.packed, self.told, self.run, self.work = packed, packed.description, run, work
        self.options, self.progress = options, progress
        found = answering_of(families()[self.told.family], self.told.stage)
        assert found is not None
        self.answering = found
        known = (CORPORA[one].language for one in self.told.corpora if one in CORPORA)
        self.language = options.language or next(filter(None, known), "english")

    def answers(self, media: list[Path]) -> Answers:
        self._check_adaptation()
        asked, faces = asked_of(
            self.told, self.run, self.work, self.options.weights_dir, self.options.accept_other_crops
        )
        manifest = self._manifest(media, faces)
        names = list(dict.fromkeys(one.made_as for one in asked))
        _check_kinds(manifest, names, self.told.title)
        told = {one.made_as: one.settings for one in asked} | {FACES: faces}
        features = extract(manifest, names, told, self.work, self.progress)
        check_encoders(asked, features)
        take_names(asked, features)
        _LOG.info("the model answers")
        settings = {**self.packed.config, **self.told.beside, "set": self.told.set}
        with boundary(self.packed.path):  # a stranger's configuration may still be one that nobody foresaw
            table = load(self.answering.answer)(
                self.run, settings, manifest, features, self.work, self.options.adapt
            )
        own = json.loads((table.schema.metadata or {}).get(NOTES.encode(), b"[]"))
        table = checked(table, load(self.answering.quantities)(self.packed.config), str(self.packed.path))
        rows = read_manifest(manifest)
        if not self.answering.by_item:
            table = within(table, spans_of(rows, ROOT))
        seen = sorted({(row.recording, row.participant) for row in rows})
        people = self.work / "people.csv"
        return Answers(
            table,
            self.packed,
            [*faults_of(self.work, names), *without_text(rows, names)],
            [*notes_of(self.packed, asked, features, seen, len(media), self.answering.alone), *own],
            self._provenance(media, asked),
            people.read_text(encoding="utf-8") if people.is_file() else "",
        )

    def _provenance(self, media: Sequence[Path], asked: Sequence[Asked]) -> dict[str, Any]:
        told = {"people": self.options.people, "adapt": self.options.adapt, "language": self.language}
        files = [*media, *self.options.audio, *self.options.transcripts]
        return provenance_of(self.packed, asked, self.answering.answer, files, told)

    def _check_adaptation(self) -> None:
        asked, known = self.options.adapt, self.answering.adapts
        if asked and asked not in known:
            raise ConfigError(
                f"--adapt {asked}", "a method that this model does not have" if known else "a model without adaptation",
                f"one of {', '.join(known)}" if known else "no --adapt", "leave it out",
            )  # fmt: skip

    def _manifest(self, media: list[Path], faces: dict[str, Any]) -> Path:
        first, others = (media[:1], media[1:]) if self.told.partners else (media, [])
        signals = "signals" in self.told.reads
        return given(
            first,
            others,
            self.options.people,
            self.work,
            Extras(self.options.audio, self.options.transcripts, self.language),
            corpus=self.told.corpora[0] if signals and self.told.corpora else GIVEN,
            faces=faces,
            progress=self.progress,
        )


def _check_kinds(manifest: Path, names: Sequence[str], title: str) -> None:
    """Refuse media of which not one feature can be made, before any is.

    Raises:
        DataError: saying what they hold, and what the model reads.
    """
    held = {row.kind for row in read_manifest(manifest)}
    wanted = {kind for name in names for kind in source_kinds(name)}
    if not held & wanted:
        raise DataError(
            "media", f"{' and '.join(sorted(held))} alone", f"{' or '.join(sorted(wanted))}, which {title} reads",
            "give media that have it",
        )  # fmt: skip
