"""From media files to answers of a packed model: features as in training, windows over the whole, one table.

Nothing is held whole but the answers: features go through files, windows through the model some at a time. With a folder
``work`` a killed call goes on where it was.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from affectssm import __version__
from affectssm.corpora.manifest import read_manifest
from affectssm.errors import ConfigError
from affectssm.serving.answers import checked, spans_of, within
from affectssm.serving.asked_features import FACES, OTHER_CROPS, Asked, asked_of, check_encoders, take_names
from affectssm.serving.given import GIVEN, ROOT, given
from affectssm.serving.packed import Packed, unpacked
from affectssm.serving.run_facts import families
from affectssm.serving.tracks import covered, extract, faults_of
from affectssm.store.card import make_card
from affectssm.store.faults import Fault
from affectssm.vocabulary.targets import load

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
Paths = Sequence[Path | str] | Path | str


@dataclass(frozen=True)
class Options:
    """How media are to be answered for.

    Attributes:
        people: who of those in a video is meant: one, largest or all (:func:`affectssm.serving.given.given`).
        audio: sound files in place of the videos' own sound, in the order of the media.
        transcripts: text files of what is said, in the same order.
        language: of the transcripts.
        adapt: method of adaptation at test time; "" for none.
        weights_dir: folder with pretrained weights of encoders.
        accept_other_crops: let the tracked face stand in for supplied crops.
    """

    people: Any = "one"
    audio: tuple[Path, ...] = ()
    transcripts: tuple[Path, ...] = ()
    language: str = "english"
    adapt: str = ""
    weights_dir: Path = Path("weights")
    accept_other_crops: bool = False


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
    model: Path | str,
    media: Paths,
    *,
    people: str = "one",
    audio: Paths = (),
    transcripts: Paths = (),
    language: str = "english",
    adapt: str = "",
    work: Path | str | None = None,
    weights_dir: Path | str = "weights",
    accept_other_crops: bool = False,
) -> pd.DataFrame:
    """Answer for media with a packed model.

    Args:
        model: a file that ``affectssm pack`` wrote.
        media: a video, or several: of a model that looks at partners the others of one conversation, else recordings.
        people, audio, transcripts, language, adapt, weights_dir, accept_other_crops: as of :class:`Options`.
        work: folder for what is computed, with which a later call goes on; a temporary one where None.

    Returns:
        a row a frame (or item) of every participant: ``recording, participant, start_s, stop_s, time_s``, a column of each
        quantity (NaN where not valid), ``valid``. Its ``attrs`` have ``notes``, ``faults`` and ``provenance``.

    Raises:
        ConfigError: for features that media cannot give, weights that are not there, or an unknown option.
        DataError: for a model that is none, or media of which none can be used.
    """
    options = Options(
        people, _paths(audio), _paths(transcripts), language, adapt, Path(weights_dir), accept_other_crops
    )
    found = answers_of(Path(model), _paths(media), options, work=None if work is None else Path(work))
    frame = found.table.to_pandas()
    frame.attrs = {
        "notes": list(found.notes),
        "faults": [vars(fault) for fault in found.faults],
        "provenance": found.provenance,
    }
    return frame


def _paths(given_: Paths) -> tuple[Path, ...]:
    return (Path(given_),) if isinstance(given_, str | Path) else tuple(Path(one) for one in given_)


def answers_of(
    model: Path,
    media: Sequence[Path],
    options: Options,
    work: Path | None = None,
    progress: Progress | None = None,
) -> Answers:
    """Answer for media; arguments and errors as of :func:`predict`."""
    with unpacked(model) as (packed, run), _folder(work) as folder:
        return _Serving(packed, run, folder, options, progress or _say).answers(list(media))


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
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
        found = families()[self.told.family].answering
        assert found is not None
        self.answering = found

    def answers(self, media: list[Path]) -> Answers:
        self._check_adaptation()
        asked, faces = asked_of(
            self.told, self.run, self.work, self.options.weights_dir, self.options.accept_other_crops
        )
        manifest = self._manifest(media, faces)
        names = list(dict.fromkeys(one.made_as for one in asked))
        settings = {one.made_as: one.settings for one in asked} | {FACES: faces}
        features = extract(manifest, names, settings, self.work, self.progress)
        check_encoders(asked, features)
        take_names(asked, features)
        _LOG.info("the model answers")
        settings = {**self.packed.config, **self.told.beside, "set": self.told.set}
        table = load(self.answering.answer)(
            self.run, settings, manifest, features, self.work, self.options.adapt
        )
        table = checked(table, load(self.answering.quantities)(self.packed.config), str(self.packed.path))
        rows = read_manifest(manifest)
        if not self.answering.by_item:
            table = within(table, spans_of(rows, ROOT))
        people = self.work / "people.csv"
        return Answers(
            table,
            self.packed,
            faults_of(self.work, names),
            self._notes(media, asked, manifest),
            self._provenance(media, asked),
            people.read_text(encoding="utf-8") if people.is_file() else "",
        )

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
            self.options.audio,
            transcripts=self.options.transcripts,
            language=self.options.language,
            corpus=self.told.corpora[0] if signals and self.told.corpora else GIVEN,
            faces=faces,
        )

    def _notes(self, media: Sequence[Path], asked: Sequence[Asked], manifest: Path) -> list[str]:
        told, found = self.told, []
        if told.demo:
            why = ["learnt from demo data"] * (told.data == "demo")
            why += ["reads random encoders"] * (told.weights == "random")
            found.append(f"a demo model, which {' and '.join(why)}: its answers say nothing about people")
        if any(one.made_as != one.name for one in asked):
            found.append(OTHER_CROPS)
        people = sorted({(row.recording, row.participant) for row in read_manifest(manifest)})
        if told.partners and len(people) == 1:
            found.append("a model of conversations, which was given nobody but the person it answers for")
        if "audio" in told.reads and len(people) > len(media):
            found.append("several people of one file share its sound, which counts as that of each")
        for name, there in covered(manifest, [one.made_as for one in asked]).items():
            if without := [
                f"{recording}/{one}" for recording, one in people if (recording, one) not in there
            ]:
                found.append(
                    f"nothing that {name} could be made of: {', '.join(without[:5])}{' ...' * (len(without) > 5)}"
                )
        if told.non_commercial:
            found.append("non-commercial use only, by the licences that the model inherits")
        return found

    def _provenance(self, media: Sequence[Path], asked: Sequence[Asked]) -> dict[str, Any]:
        told, options = self.told, self.options
        files = [*media, *options.audio, *options.transcripts]
        return {
            "model": {
                "file": self.packed.path.name,
                "sha256": self.packed.sha256,
                "packed_by": self.packed.made_by,
                "run": told.run,
                "title": told.title,
                "experiment": told.experiment,
                "edition": told.edition,
                "part": told.part,
                "seeds": list(told.seeds),
                "data": told.data,
                "weights": told.weights,
                "licences": [one.model_dump() for one in told.licences],
            },
            "affectssm": __version__,
            "media": [str(path) for path in files],
            "features": {one.name: {"made_as": one.made_as, "settings": dict(one.settings)} for one in asked},
            "options": {"people": options.people, "adapt": options.adapt},
            "card": make_card(
                "serving/predict",
                [self.answering.answer],
                {"people": options.people, "adapt": options.adapt, "language": options.language},
                inputs=[*(path for path in files if path.is_file()), self.packed.path],
            ),
        }


def predict_files(
    model: Path,
    media: Sequence[Path],
    out: Path,
    *,
    plot: bool = False,
    work: Path | None = None,
    **options: Any,
) -> None:
    """Write what :func:`predict` answers: ``out``, and beside it faults, provenance, people and a plot.

    Args:
        model, media, work: as of :func:`predict`.
        out: the CSV.
        plot: draw it, too.
        options: fields of :class:`Options`.

    Raises:
        ConfigError: also for an ``out`` that is one of the media.
        DataError: also where it cannot be written.
    """
    from affectssm.serving.written import write_answers

    if out.resolve() in {path.resolve() for path in (*media, model)}:
        raise ConfigError(str(out), "a file that is read", "a file of its own", "name another one")
    kinds = ("audio", "transcripts")
    whole = Options(**{name: tuple(value) if name in kinds else value for name, value in options.items()})
    write_answers(answers_of(model, media, whole, work), out, plot)
