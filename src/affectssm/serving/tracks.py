"""Features of media that were handed over: those asked for, and the face tracks that they rest on.

Each is a feature file as the workflow writes it, by the workflow's own extractors: a call that was killed goes on with
the next recording, and what is wrong with a recording becomes fault rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import ConfigError
from affectssm.serving.given import ROOT, SHARD
from affectssm.store.faults import Fault, read_faults
from affectssm.vocabulary.features import spec

FACES = "face_track"
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
    for number, name in enumerate(wanted, 1):
        if progress is not None:
            progress(name, number, len(wanted))
        _extract(name, manifest, settings[name], out)
    return out


def _extract(name: str, manifest: Path, settings: Mapping[str, Any], out: Path) -> None:
    from affectssm import device
    from affectssm.features.extract import Shard, extract_shard
    from affectssm.gpu_memory import halving, out_of_memory

    shard = Shard(manifest, SHARD, ROOT, named=True)
    track, faults = feature_file(out, name), faults_file(out, name)
    faces = feature_file(out, FACES)

    def run(**changed: int) -> None:
        extract_shard(name, shard, {**settings, **changed}, track, faults, faces if faces.is_file() else None)

    found = spec(name)
    if not found.network:
        run()
        return
    what = f"extract {name}"
    device.begin(what, threads=settings.get("threads", 1))
    if "batch" in settings:
        halving(
            what, f"features.{found.section or name}.batch", settings["batch"], lambda batch: run(batch=batch)
        )
    else:
        with out_of_memory(what):
            run()


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


def covered(manifest: Path, names: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return feature -> (recording, participant) of whom there is something that it can be made of."""
    rows = read_manifest(manifest)
    return {
        name: sorted({(row.recording, row.participant) for row in rows if row.kind == spec(name).kind})
        for name in names
    }
