"""Damaged files of every registered corpus, through discovery and through every registered extractor.

Whatever happens to one file becomes rows of the fault table or one clear error; nothing blocks, and what was not
damaged comes out as if nothing had happened. A corpus or a feature that is registered without a small corpus in
``small_corpora.py`` fails :func:`test_every_corpus_and_every_feature_is_tried`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.corpora.checksums import ChangedError
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.errors import DataError
from affectssm.features import extract
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.corpora import settings_class
from affectssm.settings.features import completed
from affectssm.store.boundary import RAISE
from affectssm.store.faults import Fault, read_faults
from affectssm.store.shards import ShardReader, Track
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.faults import CODES
from affectssm.vocabulary.features import FEATURES, spec
from affectssm.vocabulary.kinds import KINDS
from tests.corpora.damage import CONTENT, NO_FILE, SEVERAL, fifo, gone
from tests.corpora.small_corpora import CORPORA as SMALL
from tests.corpora.small_corpora import Small

INTACT = 2  # units that nothing happens to, beside those that are damaged
LIMIT_S = 300
Key = tuple[str, str]
Tracks = dict[Key, Track]


class BlockedError(BaseException):
    """Something waits for ever; no Exception, so that nothing takes it for a fault of a file."""


@pytest.fixture(autouse=True)
def as_for_users(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unexpected errors become faults, as outside of the tests, and what blocks is interrupted."""

    def stop(*_: object) -> None:
        raise BlockedError(f"blocked for {LIMIT_S} s")

    monkeypatch.delenv(RAISE)
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def discovered(small: Small, root: Path, out: Path, **settings: Any) -> Manifest:
    settings = {"shards": 1, **small.settings, **settings}
    return discover_corpus(small.corpus, root, None, settings_class(small.corpus)(**settings), out)


def features_of(manifest: Manifest) -> list[str]:
    kinds = {row.kind for row in manifest.rows}
    return [name for name, one in FEATURES.items() if one.kind in kinds]


def extracted(feature: str, root: Path, out: Path) -> tuple[Tracks, list[Fault]]:
    """Every track of a feature, and its faults."""
    path = out / f"{feature}.h5"
    faces = out / "face_track.h5" if spec(feature).needs_faces else None
    faults = path.with_suffix(".faults.parquet")
    settings = completed(feature, {})
    extract_shard(feature, Shard(out / "manifest.parquet", "s00", root), settings, path, faults, faces)
    with ShardReader(path) as reader:
        return {key: reader.track(*key) for key in reader.keys()}, read_faults(faults)  # noqa: SIM118


def same(one: Track, other: Track) -> bool:
    return all(
        np.array_equal(getattr(one, part), getattr(other, part)) for part in ("value", "time", "valid")
    )


@dataclass(frozen=True)
class Whole:
    """What a corpus gives that nothing happened to: kinds and, by feature, the track of each participant.

    Participants of subject-wise corpora differ in their names alone, and have one entry.
    """

    small: Small
    kinds: dict[str, set[str]]
    tracks: dict[str, dict[str, Track]]

    def role(self, row: StreamRow) -> str:
        return row.participant if row.participant in self.kinds else next(iter(self.kinds))


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Whole]:
    """Every small corpus whole, with its tracks; a feature is extracted of the first corpus that has its files."""
    found: dict[str, Whole] = {}
    tried: set[tuple[str, str]] = set()
    for name, small in SMALL.items():
        folder = tmp_path_factory.mktemp(name)
        small.unit(folder / "root", 1)
        small.whole(folder / "root", 1)
        manifest = discovered(small, folder / "root", folder / "out")
        kinds: dict[str, set[str]] = {}
        for row in manifest.rows:
            kinds.setdefault(row.participant, set()).add(row.kind)
        tracks = {}
        for feature in features_of(manifest):
            paths = [row.path for row in manifest.rows if row.kind == spec(feature).kind]
            key = (feature, Path(paths[0]).suffix)
            if key in tried:
                continue
            made, _ = extracted(feature, folder / "root", folder / "out")
            if made:
                tried.add(key)
                tracks[feature] = {participant: track for (_, participant), track in made.items()}
        found[name] = Whole(small, kinds, tracks)
    return found


def test_every_corpus_and_every_feature_is_tried(wholes: dict[str, Whole]) -> None:
    assert {whole.small.corpus for whole in wholes.values()} == set(CORPORA)
    assert {kind for whole in wholes.values() for own in whole.kinds.values() for kind in own} == set(KINDS)
    assert {feature for whole in wholes.values() for feature in whole.tracks} == set(FEATURES)


@dataclass(frozen=True)
class Damaged:
    """A corpus in which a unit has each damage and seed: damaged file -> damage, and the files of whole units."""

    hurt: dict[Path, str]
    whole: set[Path]

    def of(self, root: Path, row: StreamRow) -> bool:
        """Whether a row's files were damaged."""
        path = root / row.path
        own = {path, root / f"{row.path}~"}
        return any(hurt in own or hurt.parent == path for hurt in self.hurt)


def damaged(small: Small, root: Path, bodies: bool) -> Damaged:
    plan = [(kind, seed) for kind in (*CONTENT, *NO_FILE) for seed in range(SEVERAL.get(kind, 1))]
    hurt: dict[Path, str] = {}
    for number, (kind, seed) in enumerate(plan, INTACT + 1):
        for place, path in enumerate(small.unit(root, number)):
            if small.damaged(path) and bodies == path.name.endswith("~"):
                (CONTENT | NO_FILE)[kind](path, np.random.default_rng([number, place, seed]))
                hurt[path] = kind
    intact = {path for number in range(1, INTACT + 1) for path in small.unit(root, number)}
    small.whole(root, INTACT + len(plan))
    return Damaged(hurt, intact)


CASES = [(name, False) for name in SMALL] + [(name, True) for name in ("noxi", "noxi_add", "mpiigi")]


@pytest.mark.parametrize(("name", "bodies"), CASES)
def test_a_damaged_file_costs_itself_alone(
    tmp_path: Path, wholes: dict[str, Whole], name: str, bodies: bool
) -> None:
    whole, root, out = wholes[name], tmp_path / "root", tmp_path / "out"
    damage = damaged(whole.small, root, bodies)
    manifest = discovered(whole.small, root, out)
    check_discovery(whole, manifest, root, damage)
    faults = list(manifest.faults.rows)
    for feature in whole.tracks:
        rows = [row for row in manifest.rows if row.kind == spec(feature).kind]
        if not any(damage.of(root, row) for row in rows):
            continue
        tracks, found = extracted(feature, root, out)
        faults += found
        told = {(fault.recording, fault.participant) for fault in faults}
        for row in rows:
            key, expected = (row.recording, row.participant), whole.tracks[feature].get(whole.role(row))
            if expected is None:
                continue
            if damage.of(root, row):
                assert key in tracks or key in told, (feature, row)
            else:
                assert same(tracks[key], expected), (feature, row)
        assert all(np.isfinite(track.value).all() for track in tracks.values())
    assert {fault.code for fault in faults} <= set(CODES)


def check_discovery(whole: Whole, manifest: Manifest, root: Path, damage: Damaged) -> None:
    """Whoever none of whose files was damaged has all rows; what is no file is told, and no row uses it."""
    kinds: dict[Key, set[str]] = {}
    intact: set[Key] = set()
    for row in manifest.rows:
        key = (row.recording, row.participant)
        kinds.setdefault(key, set()).add(row.kind)
        if root / row.path in damage.whole or not whole.small.damaged(Path(f"{row.participant}.x")):
            intact.add(key)
    assert len(intact) >= INTACT * len(whole.kinds)
    for key in intact:
        assert kinds[key] == whole.kinds.get(key[1], next(iter(whole.kinds.values()))), key
    told = {fault.stream for fault in manifest.faults.rows if fault.code == "unreadable_file"}
    used = {row.path for row in manifest.rows}
    for path, kind in damage.hurt.items():
        if kind in NO_FILE and kind not in ("forbidden", "gone"):  # root may read what is forbidden
            assert str(path.relative_to(root)) in told
            assert str(path.relative_to(root)).removesuffix("~") not in used


@pytest.mark.parametrize("checksum", ["sha256", "mtime"])
@pytest.mark.parametrize("name", SMALL)
def test_a_file_that_changes_after_discovery_is_not_used(
    tmp_path: Path, wholes: dict[str, Whole], name: str, checksum: str
) -> None:
    whole, root, out = wholes[name], tmp_path / "root", tmp_path / "out"
    for number in (1, 2, 3, 4):
        whole.small.unit(root, number)
    whole.small.whole(root, 4)
    manifest = discovered(whole.small, root, out, checksum=checksum)
    kept = {path: (path.read_bytes(), path.stat()) for path in root.rglob("*") if path.is_file()}
    units = sorted({row.fold_group for row in manifest.rows})
    for feature in list(whole.tracks)[:: 3 if len(whole.tracks) > 4 else 1]:
        kind = spec(feature).kind
        rows = {row.fold_group: row for row in manifest.rows if row.kind == kind and whole.role(row) in
                whole.tracks[feature]}  # fmt: skip
        if spec(feature).needs_faces:
            extracted("face_track", root, out)
        per_unit = (
            len({row.path for row in rows.values()}) > 1
        )  # DEAP's recordings share the table of ratings
        named = [root / rows[unit].path for unit in units[:3]][: 3 if per_unit else 1]
        victims = [min(path.iterdir()) if path.is_dir() else path for path in named]
        for path, befalls in zip(victims, (other_content, gone, fifo), strict=False):
            befalls(path, np.random.default_rng(0))
        with pytest.raises(ChangedError, match="as the manifest says") as caught:
            extracted(feature, root, out)
        assert len(named) == 1 or all(path.name in str(caught.value) for path in named)
        parts: set[str] = set()
        for path in (out / f"{feature}.h5.parts").glob("*.h5"):
            with ShardReader(path) as reader:
                parts.update(reader.recordings)
        if per_unit:  # nothing else is lost
            assert parts == {row.recording for row in manifest.rows} - {
                rows[unit].recording for unit in units[:3]
            }
        for path in victims:
            path.unlink(missing_ok=True)
            path.write_bytes(kept[path][0])
            os.utime(path, ns=(kept[path][1].st_atime_ns, kept[path][1].st_mtime_ns))
        tracks, _ = extracted(feature, root, out)
        for row in rows.values():
            expected, found = whole.tracks[feature][whole.role(row)], tracks[row.recording, row.participant]
            if feature == "listed_frames":  # lines of a file of all videos
                found = replace(found, value=found.value - found.value[:1] + expected.value[:1])
            assert same(found, expected)


def other_content(path: Path, _: np.random.Generator) -> None:
    """Another last byte, and so another time; the size stays, but of pictures, whose folder goes by names and sizes."""
    data, before = path.read_bytes(), path.stat()
    path.write_bytes(data[: None if path.suffix == ".jpg" else -1] + bytes([data[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("feature", FEATURES)
def test_an_extractor_that_fails_on_one_file_costs_that_file(
    tmp_path: Path, wholes: dict[str, Whole], feature: str, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    name = next(name for name, whole in wholes.items() if feature in whole.tracks)
    small, root, out = wholes[name].small, tmp_path / "root", tmp_path / "out"
    for number in (1, 2):
        small.unit(root, number)
    small.whole(root, 2)
    manifest = discovered(small, root, out)
    if spec(feature).needs_faces:
        extracted("face_track", root, out)
    victim = next(row for row in manifest.rows if row.kind == spec(feature).kind)
    make = extract.make

    def failing(*given: Any) -> Any:
        extractor = make(*given)
        extract = extractor.extract

        def half(source: Any) -> Iterator[Track]:
            if (source.row.recording, source.row.participant) == (victim.recording, victim.participant):
                yield from list(extract(source))[:1]
                raise ZeroDivisionError("planted here")
            yield from extract(source)

        extractor.extract = half
        return extractor

    monkeypatch.setattr(extract, "make", failing)
    tracks, faults = extracted(feature, root, out)
    key = (victim.recording, victim.participant)
    (fault,) = [fault for fault in faults if fault.code == "unexpected"]
    assert (fault.recording, fault.participant, fault.stream) == (*key, victim.kind)
    assert fault.found == "ZeroDivisionError: planted here" and fault.action == "quarantined"
    assert "Traceback" in caplog.text and "planted here" in caplog.text
    assert key not in tracks and tracks
    (out / f"{feature}.h5").unlink()
    monkeypatch.setenv(RAISE, "1")
    with pytest.raises(ZeroDivisionError, match="planted here"):
        extracted(feature, root, out)


READERS = {
    "noxi": (
        "measure.read_engagement", "measure.read_header", "measure.body_rows", "seats.read_language",
        "seats.read_lines", "measure.decide_rate", "probe",
    ),
    "noxi_add": ("measure.count_frames",),
    "mpiigi": ("measure.read_header",),
    "deap": ("deap_preprocessed.read_dat", "deap.read_ratings", "deap_preprocessed._videos"),
    "deap-original": ("recorded.SignalFile", "deap_original.checked_kinds", "deap.read_ratings"),
    "mahnob": ("mahnob.read_session_xml", "recorded.SignalFile", "mahnob.checked_kinds"),
    "affwild2": ("affwild2_measure.read_valence_arousal",),
    "simsv2": ("clip_files.read_supplied",),
    "folder": ("folder_measure.read_series", "folder_measure.check_moving", "probe"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "reader"), [(name, one) for name, own in READERS.items() for one in own])
def test_a_reader_that_fails_in_discovery_costs_its_file(
    tmp_path: Path, wholes: dict[str, Whole], name: str, reader: str, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    small, root = wholes[name].small, tmp_path / "root"
    for number in (1, 2):
        small.unit(root, number)
    small.whole(root, 2)
    target = "affectssm.media.probe.probe" if reader == "probe" else f"affectssm.corpora.{reader}"
    module, _, function = target.rpartition(".")
    owner = __import__(module, fromlist=[function])
    works, calls = getattr(owner, function), []

    def failing(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise ZeroDivisionError("planted here")
        return works(*given, **named)

    monkeypatch.setattr(owner, function, failing)
    if (name, reader) == ("deap-original", "deap.read_ratings"):
        with pytest.raises(DataError, match="planted here"):  # nobody knows what was shown without the table
            discovered(small, root, tmp_path / "out")
        return
    manifest = discovered(small, root, tmp_path / "out")
    found = [fault for fault in manifest.faults.rows if fault.code == "unexpected"]
    assert [fault.found for fault in found] == ["ZeroDivisionError: planted here"]
    assert "Traceback" in caplog.text
    assert len({row.fold_group for row in manifest.rows}) == (2 if len(wholes[name].kinds) > 1 or "ratings" in
                                                              reader else 1)  # fmt: skip
    calls.clear()
    monkeypatch.setenv(RAISE, "1")
    with pytest.raises(ZeroDivisionError, match="planted here"):
        discovered(small, root, tmp_path / "out")
