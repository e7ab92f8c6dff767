"""The demo corpora of bio-signals: made again to the same bytes, with every specimen found, and a truth that shows."""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch

from affectssm.corpora.demo import physio_subjects
from affectssm.corpora.demo.physio import write_physio_demo
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest
from affectssm.errors import ConfigError, DataError
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.corpora import settings_class
from affectssm.store.faults import read_faults
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader
from affectssm.vocabulary.faults import CODES

KINDS = {"deap": ("eeg", "eog", "emg", "gsr", "ratings"), "mahnob": ("eeg", "ecg", "gsr", "ratings")}


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The whole demo of both editions of DEAP and of MAHNOB-HCI; some 230 MB, taken away again."""
    folder = tmp_path_factory.mktemp("physio")
    for edition in ("physio", "physio-original"):
        write_physio_demo(edition, folder / edition)
    yield folder
    shutil.rmtree(folder)


def out_of(folder: Path, corpus: str) -> Path:
    return folder.parent / f"{folder.name}-{corpus}"


@cache
def found_in(folder: Path, corpus: str) -> Manifest:
    """The manifest of a corpus of an edition, discovered once for all tests."""
    variant = {"variant": "original"} if folder.name == "physio-original" else {}
    settings = settings_class(corpus)(shards=1, **variant)
    return discover_corpus(corpus, folder / corpus, None, settings, out_of(folder, corpus))


def extracted(kind: str, folder: Path, corpus: str) -> ShardReader:
    """A feature of it, extracted once for all tests."""
    found_in(folder, corpus)
    out = out_of(folder, corpus)
    if not (out / f"{kind}.h5").exists():
        extract_shard(
            kind, Shard(out / "manifest.parquet", "s00", folder / corpus), {}, out / f"{kind}.h5",
            out / f"{kind}.faults.parquet",
        )  # fmt: skip
    return ShardReader(out / f"{kind}.h5")


@pytest.mark.parametrize(
    ("edition", "corpus"), [("physio", "deap"), ("physio", "mahnob"), ("physio-original", "deap")]
)
def test_every_specimen_is_found_and_nothing_else(demos: Path, edition: str, corpus: str) -> None:
    manifest = found_in(demos / edition, corpus)
    faults = list(manifest.faults.rows)
    for kind in KINDS[corpus]:
        with extracted(kind, demos / edition, corpus) as reader:
            tracks = reader.keys()
            assert {name for name, _ in tracks} == {
                row.recording for row in manifest.rows if row.kind == kind
            }
        faults += read_faults(out_of(demos / edition, corpus) / f"{kind}.faults.parquet")
    found = {(fault.participant, fault.recording, fault.code) for fault in faults}
    with (demos / edition / "truth/specimens.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"] == corpus]
    planted = {(row["participant"], row["recording"], row["code"]) for row in rows}
    # a session whose session.xml cannot be read has no subject
    nameless = {(name, code) for who, name, code in found if not who}
    planted = {("" if (name, code) in nameless else who, name, code) for who, name, code in planted}
    assert found == planted
    assert {code for *_, code in found} <= set(CODES)


def test_the_pickle_that_would_run_costs_its_subject_and_no_other(demos: Path) -> None:
    manifest = found_in(demos / "physio", "deap")
    # s05 to s07 are specimens of which nothing is left
    assert {row.participant for row in manifest.rows} == {
        f"s{number:02d}" for number in (1, 2, 3, 4, 8, 9, 10, 11, 12, 13)
    }
    (fault,) = [fault for fault in manifest.faults.rows if fault.code == "unsafe_file"]
    assert fault.found == "a pickle that asks for commands.getoutput"


def test_a_dat_reads_with_pythons_own_pickle_as_the_owner_documents(demos: Path) -> None:
    with (demos / "physio/deap/data_preprocessed_python/s01.dat").open("rb") as file:
        held = pickle.load(file, encoding="latin1")  # noqa: S301 - written by this test
    assert held["data"].shape == (4, 40, 8064)
    assert held["labels"].shape == (4, 4)
    assert held["data"].dtype == held["labels"].dtype == np.float64


def test_the_tracks_of_a_preprocessed_file_are_its_rows(demos: Path) -> None:
    found_in(demos / "physio", "deap")
    with (demos / "physio/deap/data_preprocessed_python/s03.dat").open("rb") as file:
        held = pickle.load(file, encoding="latin1")  # noqa: S301 - written by this test
    videos = sorted(read_recordings(demos / "physio", "s03"))
    assert len(videos) == 4  # of five
    for kind, columns in {
        "eeg": slice(0, 32),
        "eog": slice(32, 34),
        "emg": slice(34, 36),
        "gsr": slice(36, 37),
    }.items():
        with extracted(kind, demos / "physio", "deap") as reader:
            for place, recording in enumerate(videos):
                track = reader.track(recording, "s03")
                assert np.array_equal(track.value, held["data"][place, columns].T.astype(np.float32))
                assert track.rate == 128
                assert (track.time < 0).sum() == 3 * 128
    with extracted("ratings", demos / "physio", "deap") as reader:
        values = np.concatenate([reader.track(recording, "s03").value for recording in videos])
        np.testing.assert_allclose(values[:, :4], np.nan_to_num(held["labels"]), rtol=1e-6)
        assert values[-1, 0] == 0  # a rating that is missing
        assert not values[:, 4:].any()


def read_recordings(edition: Path, subject: str) -> dict[str, tuple[float, float]]:
    """Recording -> planted valence and arousal."""
    rows = read_parquet(edition / "truth/drift.parquet").to_pylist()
    return {row["recording"]: (row["valence"], row["arousal"]) for row in rows if row["subject"] == subject}


def test_trials_in_the_order_of_presentation_get_their_own_videos_ratings(demos: Path) -> None:
    """s28 lacks three onsets: the ratings that end up beside a trial are those its signals were made with."""
    edition = demos / "physio-original"
    manifest = found_in(edition, "deap")
    planted = read_recordings(edition, "s28")
    assert {row.recording for row in manifest.rows if row.participant == "s28"} == set(planted)
    assert len(planted) == 5
    with (
        extracted("ratings", edition, "deap") as ratings,
        extracted("eeg", edition, "deap") as eeg,
    ):
        fast = {}
        for recording, (valence, arousal) in planted.items():
            np.testing.assert_allclose(
                ratings.track(recording, "s28").value[0, :2], (valence, arousal), atol=0.006
            )
            track = eeg.track(recording, "s28")
            now, rest = (
                track.value[rows] - track.value[rows].mean(axis=0)
                for rows in (track.time > 1, track.time < -0.5)
            )
            fast[recording] = np.log(power(now, 512, 14, 44) / power(rest, 512, 14, 44)) / 2
        high = [fast[name] for name, (_, arousal) in planted.items() if arousal > 5]
        low = [fast[name] for name, (_, arousal) in planted.items() if arousal < 5]
        assert min(high) > 0.15
        assert max(low) < -0.15


def power(values: np.ndarray, rate: float, low: float, high: float) -> float:
    frequencies, spectrum = welch(values, rate, nperseg=round(rate), axis=0)
    return float(spectrum[(frequencies >= low) & (frequencies < high)].mean())


def test_recorded_signals_are_bipolar_and_in_ohm(demos: Path) -> None:
    import mne

    edition = demos / "physio-original"
    manifest = found_in(edition, "deap")
    row = next(row for row in manifest.rows if (row.participant, row.kind) == ("s01", "emg"))
    raw = mne.io.read_raw_bdf(edition / "deap" / row.path, verbose="ERROR")
    start = round(row.start_s * 512)
    with (
        extracted("emg", edition, "deap") as emg,
        extracted("gsr", edition, "deap") as gsr,
    ):
        track = emg.track(row.recording, "s01")
        electrodes = raw.get_data(["EXG5", "EXG6", "EXG7", "EXG8"], start, start + row.frames) * 1e6
        np.testing.assert_allclose(track.value[:, 0], electrodes[0] - electrodes[1], atol=1e-3)
        np.testing.assert_allclose(track.value[:, 1], electrodes[2] - electrodes[3], atol=1e-3)
        nanosiemens = raw.get_data(["GSR1"], start, start + row.frames)[0]
        np.testing.assert_allclose(gsr.track(row.recording, "s01").value[:, 0], 1e9 / nanosiemens, rtol=1e-5)
        geneva = next(row for row in manifest.rows if (row.participant, row.kind) == ("s28", "gsr"))
        ohm = gsr.track(geneva.recording, "s28").value
        assert 1e4 < np.median(ohm) < 1e6
    words = raw.get_data(["Status"])[0].astype(int) & 0xFF
    assert words[start + 3 * 512] == 4
    assert words[start + 3 * 512 - 1] == 0


def test_electrodes_come_in_one_order_whatever_the_files(demos: Path) -> None:
    import mne

    from affectssm.corpora.channels import EEG

    edition = demos / "physio-original"
    manifest = found_in(edition, "deap")
    with extracted("eeg", edition, "deap") as reader:
        orders = []
        for subject in ("s01", "s28"):
            row = next(row for row in manifest.rows if (row.participant, row.kind) == (subject, "eeg"))
            raw = mne.io.read_raw_bdf(edition / "deap" / row.path, verbose="ERROR")
            orders.append(tuple(raw.ch_names[:32]))
            start = round(row.start_s * 512)
            expected = raw.get_data(list(EEG), start, start + 5).T * 1e6
            np.testing.assert_allclose(reader.track(row.recording, subject).value[:5], expected, atol=1e-3)
    assert orders[0] != orders[1] == EEG


def test_a_session_of_mahnob_is_cut_by_its_pulses(demos: Path) -> None:
    manifest = found_in(demos / "physio", "mahnob")
    row = next(row for row in manifest.rows if (row.recording, row.kind) == ("2", "ecg"))
    assert (row.participant, row.rate, row.dim, row.fold_group) == ("P1", 256.0, 3, "P1")
    assert (row.start_s, row.baseline_s, row.duration_s) == (0.0, 30.0, 78.0)
    with extracted("ratings", demos / "physio", "mahnob") as reader:
        for recording, (valence, arousal) in read_recordings(demos / "physio", "P2").items():
            known = (0.0 if recording == "138" else valence, arousal)
            assert tuple(reader.track(recording, "P2").value[0, :2]) == known


def test_made_again_to_the_same_bytes(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    write_physio_demo("physio-tiny", first)
    write_physio_demo("physio-tiny", second)
    cards = [json.loads((folder / "card.json").read_text())["card"] for folder in (first, second)]
    assert cards[0]["extra"]["files"] == cards[1]["extra"]["files"]
    assert set(cards[0]["extra"]["files"]) == {
        path.relative_to(first).as_posix()
        for path in first.rglob("*")
        if path.is_file() and path.name != "card.json"
    }
    (second / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="also holds mine"):
        write_physio_demo("physio-tiny", second)


def test_the_oracle_gains_by_undoing_the_drift(demos: Path) -> None:
    oracle = json.loads((demos / "physio/card.json").read_text())["card"]["extra"]["oracle"]
    for corpus in ("deap", "mahnob"):
        for split in ("within", "across"):
            for dimension in ("valence", "arousal"):
                undone = oracle[corpus][split]["undone"][dimension]
                assert undone > 0.9
                assert undone > oracle[corpus][split]["as_recorded"][dimension]


def test_the_second_visit_is_weaker_for_every_subject_of_deap_and_mahnob_has_none(demos: Path) -> None:
    """Measured in the written truth: what the visits differ by beside the drift of trials, the same for all."""
    rows = read_parquet(demos / "physio/truth/drift.parquet").to_pylist()
    law = json.loads((demos / "physio/truth/oracle.json").read_text())["law"]
    assert law["visit_drift"]["mahnob"] == {}
    planted = law["visit_drift"]["deap"]
    by_subject: dict[str, dict[bool, list[float]]] = {}
    for row in rows:
        if row["corpus"] == "deap":
            later = int(row["recording"][-2:]) > (3 if row["subject"] == "s03" else 2)
            by_subject.setdefault(row["subject"], {}).setdefault(later, []).append(row["gain"])
    assert len(by_subject) == 10
    changes = [np.median(own[True]) - np.median(own[False]) for own in by_subject.values()]
    assert np.median(changes) == pytest.approx(planted["gain"], abs=0.15)
    trials = {row["recording"] for row in rows if row["corpus"] == "deap"}
    assert len(trials) == 40


def test_no_edition_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="physio-original"):
        write_physio_demo("physio-big", tmp_path / "x")
    assert set(physio_subjects.EDITIONS) == {"physio", "physio-tiny", "physio-original"}
