"""``affectssm features``: from media files to one table of features."""

from __future__ import annotations

import csv
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.wanted import in_languages
from affectssm.serving.feature_files import check_name, write
from affectssm.serving.feature_rows import Features as Rows
from affectssm.serving.given import GIVEN, Extras, People, given
from affectssm.serving.tracks import (
    FACES,
    check_weights,
    extract,
    faults_of,
    feature_file,
    needed,
    source_kinds,
)
from affectssm.settings.features import Features, decisive, settings_of
from affectssm.store.atomic import staged
from affectssm.store.card import make_card, read_card
from affectssm.store.faults import COLUMNS, Fault
from affectssm.vocabulary.features import spec

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What features are asked for, of which media.

    Attributes:
        media: a recording each.
        names: of features.
        people, audio, transcripts, language, corpus: see :func:`affectssm.serving.given.given`.
        hz: frames a second of one clock for all; None: each feature at its own rate.
    """

    media: Sequence[Path]
    names: Sequence[str]
    people: People = "one"
    audio: Sequence[Path] = ()
    transcripts: Sequence[Path] = ()
    language: str = "english"
    corpus: str = GIVEN
    hz: float | None = None


@dataclass(frozen=True)
class Written:
    """A table that was written: its rows, dimensions of features, features that nobody has, and what was wrong."""

    rows: int
    dims: Mapping[str, int]
    absent: Sequence[str]
    faults: Sequence[Fault]


def write_features(asked: Asked, features: Features, out: Path, work: Path | None = None) -> Written:
    """Extract features of media and write them as one table, with its faults and people beside it.

    Args:
        asked: which, of what.
        features: the section of the configuration.
        out: ``.parquet``, ``.csv`` or ``.h5``; ``{name}.faults.csv`` and ``{name}.people.csv`` lie beside it.
        work: where manifest and feature files are kept; None: beside ``out`` until that is written, so that the same
            call goes on where it was killed.

    Raises:
        ConfigError: for what cannot be asked, and for weights that are not there.
        DataError: where no file can be used, or no feature has a single row.
    """
    check_name(out)
    if asked.hz is not None and not 0 < asked.hz <= 1000:
        raise ConfigError("--hz", f"{asked.hz:g}", "above 0, 1000 at most", "name frames a second")
    wanted = needed(asked.names)
    settings = {name: settings_of(name, features) for name in {*wanted, FACES}}
    # a BERT is wanted of the language alone; whether there is a text at all is not yet known
    told = {name: in_languages(own, [asked.language]) for name, own in settings.items()}
    check_weights([name for name in wanted if name != "bert" or asked.transcripts], told)
    folder = work if work is not None else out.with_name(f".{out.name}.work")
    manifest = given(
        asked.media, (), asked.people, folder, Extras(asked.audio, asked.transcripts, asked.language),
        corpus=asked.corpus, faces=settings[FACES], progress=_watching,
    )  # fmt: skip
    there = {row.kind for row in read_manifest(manifest)}
    present = [name for name in asked.names if there & set(source_kinds(name))]
    absent = [name for name in asked.names if name not in present]
    if not present:
        kinds = ", ".join(sorted({kind for name in absent for kind in source_kinds(name)}))
        found = f"only {', '.join(sorted(there))}: nothing that {', '.join(absent)} can be made of"
        raise DataError(str(asked.media[0]), found, kinds, "give media that have it, or name other features")
    extract(manifest, present, settings, folder, _extracting)
    written = _write(asked, present, absent, settings, out, folder, manifest)
    if work is None:
        shutil.rmtree(folder, ignore_errors=True)
    return written


def _write(
    asked: Asked,
    present: Sequence[str],
    absent: Sequence[str],
    settings: Mapping[str, Mapping[str, Any]],
    out: Path,
    folder: Path,
    manifest: Path,
) -> Written:
    tracks = folder / "features"
    faults = faults_of(folder, present)
    with Rows(tracks, present, read_manifest(manifest)) as rows:
        if not rows.dims:
            found = f"no row of {', '.join(present)}"
            reasons = "; ".join(dict.fromkeys(fault.found for fault in faults[:3]))
            raise DataError(
                str(asked.media[0]), found, "a row at least", reasons or "give media that can be read"
            )
        pieces = rows.native() if asked.hz is None else rows.on_clock(asked.hz)
        card = _card(asked, present, settings, tracks)
        count = write(out, pieces, rows.dims, asked.hz is not None, card)
        dims = dict(rows.dims)
    with staged(out.with_suffix(".faults.csv")) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(fault) for fault in faults)
    with staged(out.with_suffix(".people.csv")) as temporary:
        shutil.copyfile(folder / "people.csv", temporary)
    return Written(count, dims, absent, faults)


def _card(
    asked: Asked, names: Sequence[str], settings: Mapping[str, Mapping[str, Any]], tracks: Path
) -> dict[str, Any]:
    """Return the card of a table: settings and weights of each feature, by the cards of their files."""
    files = {name: feature_file(tracks, name) for name in names}
    made = {name: (read_card(path) or {}).get("extra", {}) for name, path in files.items()}
    weights = {name: settings[name]["weights"] for name in names if "weights" in settings[name]}
    return make_card(
        "given/features",
        ["affectssm.serving.feature_rows", *(spec(name).target for name in names)],
        {name: decisive(settings[name]) for name in needed(names)},
        inputs=files.values(),
        weights=weights,
        made={
            name: {key: value for key, value in own.items() if key != "contents"}
            for name, own in made.items()
        },
        people=asked.people,
        hz=asked.hz,
    )


def _watching(recording: str, number: int, of: int) -> None:
    _LOG.info("people of %s (recording %d of %d)", recording, number, of)


def _extracting(name: str, number: int, of: int) -> None:
    _LOG.info("%s (feature %d of %d)", name, number, of)


def features_section(files: Sequence[Path], weights: str | None) -> Features:
    """Return the section of features of a configuration; without one, that of the paper's scale.

    Args:
        files: YAML files of a configuration.
        weights: ``pretrained`` or ``random`` in place of the configuration's; without one, random is small.
    """
    from affectssm.families.configuration import load_config
    from affectssm.settings.base import at_scale
    from affectssm.settings.features import SCALES

    if files:
        found = load_config(list(files)).features
        changed = {"weights": weights} if weights else {}
        if weights == "pretrained":
            changed["size"] = "full"
        return Features.model_validate(found.model_dump() | changed)
    given = dict(SCALES["paper"])
    if weights == "random":
        given |= {"weights": "random", "size": "small"}
    return at_scale(Features, given)
