"""Features of media that were handed over: those asked for, and the face tracks that they rest on.

Each is a feature file as the workflow writes it, by the workflow's own extractors: a call that was killed goes on with
the next recording, and what is wrong with a recording becomes fault rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import ConfigError
from affectssm.serving.given import ROOT, SHARD
from affectssm.serving.people_tracks import line_of_track, write_people
from affectssm.store import card as cards
from affectssm.store.faults import Fault, read_faults
from affectssm.store.parquet import read_parquet_card
from affectssm.store.shards import ShardReader
from affectssm.vocabulary.features import spec

FACES = "face_track"
_READ_FROM_FILES = {"bert": "bert_text"}
"""Features of a corpus's table of clips -> those of a text file a recording, which have the same values."""
_BEFORE = f"{0:020d}-before.h5"  # sorts before all parts
Progress = Callable[[str, int, int], None]
"""Is told a feature's name, its number among those computed (from 1) and how many there are."""


def needed(names: Sequence[str]) -> list[str]:
    """Return the features to compute, each after those that it rests on.

    Raises:
        ConfigError: for a name that is none, or of a feature that belongs to a fold.
    """
    found: list[str] = []
    for name in names:
        one = spec(name)
        if one.by_fold:
            raise ConfigError(
                f"feature {name}", "every fold has one of its own", "a feature of media", "leave it out"
            )
        found += [FACES, name] if one.needs_faces else [name]
    return list(dict.fromkeys(found))


def extract(
    manifest: Path,
    names: Sequence[str],
    settings: Mapping[str, Mapping[str, Any]],
    work: Path,
    progress: Progress | None = None,
) -> Path:
    """Extract features of all recordings of a manifest, or go on where a killed call was.

    Args:
        manifest: as :func:`affectssm.serving.given.given` writes it.
        names: of features; face tracks that they need are made without being named.
        settings: feature -> its settings (:func:`affectssm.settings.features.settings_of`), of each that is computed.
        work: gets ``features/{name}/s00.h5`` and ``s00.faults.parquet`` beside it.
        progress: told before each feature.

    Returns:
        ``work/features``.

    Raises:
        ConfigError: for a feature that is none, or weights that are not there.
        DataError: if nothing can be written, or a file changed since the manifest was made.
    """
    out = work / "features"
    wanted = needed(names)
    told_apart = people_of(manifest) != "one"
    for number, name in enumerate(wanted, 1):
        if progress is not None:
            progress(name, number, len(wanted))
        if name != FACES:
            _extract(name, manifest, settings[name], out)
        elif not told_apart:
            _extract(name, manifest, settings[name], out)
            _tell_people(manifest, out, work)
        # else those who told people apart have written the track of each
    return out


def check_weights(names: Sequence[str], settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse features whose pretrained weights are not there, before anything is computed.

    Args:
        names: of the features.
        settings: of each.

    Raises:
        ConfigError: for the first that cannot be loaded.
    """
    from affectssm.features.wanted import state_of, wanted_by

    for name in names:
        for wanted in wanted_by(name, settings[name]):
            found = state_of(Path(settings[name]["weights_dir"]), wanted)
            if not found.usable:
                raise ConfigError(
                    f"feature {name}, {found.where}", found.found or f"weights that are {found.state}",
                    f"the pretrained weights of {wanted.repository}",
                    f"affectssm weights fetch, on a network ({found.remedy}); or --weights random, for trials",
                )  # fmt: skip


def people_of(manifest: Path) -> str:
    """Return whom the maker of a manifest meant: one, largest or all."""
    card = read_parquet_card(manifest) or {}
    return str(card.get("settings", {}).get("people", "one"))


def _tell_people(manifest: Path, out: Path, work: Path) -> None:
    """Write into people.csv when everybody's face was seen."""
    rows = read_manifest(manifest)
    videos = {(row.recording, row.participant): row.path for row in rows if row.kind == "video"}
    with ShardReader(feature_file(out, FACES)) as reader:
        keys = dict.fromkeys((row.recording, row.participant) for row in rows)
        lines = [
            line_of_track(reader, *key, f"/{videos[key]}" if key in videos else "") for key in sorted(keys)
        ]
    write_people(work / "people.csv", lines)


def _extract(name: str, manifest: Path, settings: Mapping[str, Any], out: Path) -> None:
    from affectssm.extraction import extract_on_device
    from affectssm.features.extract import Shard

    found = spec(_READ_FROM_FILES.get(name, name))
    shard = Shard(manifest, SHARD, ROOT, named=True)
    track, faults = feature_file(out, name), faults_file(out, name)
    faces = feature_file(out, FACES) if found.needs_faces else None
    _take_up(track)
    extract_on_device(found.name, shard, settings, track, faults, faces, name)


def _take_up(track: Path) -> None:
    """Make a finished file a part of an unfinished one, whose recordings count as far as they are still the same.

    So a second call computes what is new: what is done says the card, and the content of each recording.
    """
    if not track.is_file():
        return
    try:
        with h5py.File(track, "r+", locking=False) as file:
            card = cards.without_contents(json.loads(file.attrs["card"]))
            file.attrs["card"] = cards.dumps(card | {"id": cards.card_id(card)})
    except (OSError, KeyError, ValueError):
        return  # torn, or of another format: made again
    parts = track.with_name(f"{track.name}.parts")
    parts.mkdir(exist_ok=True)
    track.replace(parts / _BEFORE)


def feature_file(features: Path, name: str) -> Path:
    """Return the file of a feature."""
    return features / name / f"{SHARD}.h5"


def faults_file(features: Path, name: str) -> Path:
    """Return the fault table beside it."""
    return features / name / f"{SHARD}.faults.parquet"


def faults_of(work: Path, names: Sequence[str]) -> list[Fault]:
    """Return what was wrong with the media and with features of them, each once."""
    files = [work / "faults.parquet", *(faults_file(work / "features", name) for name in needed(names))]
    found = [fault for path in files if path.is_file() for fault in read_faults(path)]
    return list(dict.fromkeys(found))


def source_kinds(name: str) -> tuple[str, ...]:
    """Return the kinds of manifest rows that a feature of given media is made of."""
    return (spec(_READ_FROM_FILES.get(name, name)).kind,)


def covered(manifest: Path, names: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return feature -> (recording, participant) of whom there is something that it can be made of."""
    rows = read_manifest(manifest)
    return {
        name: sorted({(row.recording, row.participant) for row in rows if row.kind in source_kinds(name)})
        for name in names
    }
