"""Epochs: the right samples of the right trials, at one rate, scaled by what was trained on."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.corpora.demo.physio import write_physio_demo
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import StreamRow
from affectssm.errors import DataError
from affectssm.families.biosignals.stages.cut import cut, cut_shard
from affectssm.families.biosignals.stages.format import EPOCHS
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.biosignals import EpochSettings, ProtocolSettings
from affectssm.settings.corpora import settings_class
from affectssm.store.faults import read_faults
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import Track
from affectssm.timeline.segments import ChannelScaler, SegmentStore
from affectssm.training.folds import folds
from affectssm.vocabulary.kinds import SIGNAL_KINDS

PLAIN = EpochSettings()


def row(kind: str = "eog", path: str = "s01.dat", **changes: Any) -> StreamRow:
    known: dict[str, Any] = {
        "corpus": "deap", "split": "all", "recording": "s01_v01", "participant": "s01", "kind": kind, "path": path,
        "base": "root", "rate": 128.0, "frames": 1, "dim": 2, "duration_s": 1.0, "bytes": 0, "checksum": "",
        "fold_group": "s01", "language": "", "shard": "s00",
    }  # fmt: skip
    return StreamRow(**{**known, **changes})


def track(value: np.ndarray, rate: float, baseline: int, valid: np.ndarray | None = None) -> Track:
    time = (np.arange(len(value)) + 0.5) / rate - baseline / rate
    known = np.ones(len(value), bool) if valid is None else valid
    return Track(np.where(known[:, None], value, 0).astype(np.float32), time, known, rate)


@given(st.integers(0, 500), st.integers(0, 2000))
def test_epochs_are_the_samples_after_the_stimulus_began(baseline: int, rest: int) -> None:
    value = np.random.default_rng(baseline).normal(size=(baseline + rest + 1, 2)).astype(np.float32)
    found = cut(row(), track(value, 128, baseline), PLAIN)
    assert found.value.dtype == np.float32
    assert len(found.value) == (rest + 1) // 512
    for number, epoch in enumerate(found.value):
        at = baseline + 512 * number
        assert np.array_equal(epoch, value[at : at + 512].T)


@pytest.mark.parametrize("rate", [200.0, 256.0, 512.0, 1000.0])
@pytest.mark.parametrize("baseline_s", [0, 3, 30])
@pytest.mark.parametrize("odd", [0, 1, 3])
def test_another_rate_keeps_the_signal_and_its_phase(rate: float, baseline_s: int, odd: int) -> None:
    baseline = round(baseline_s * rate) + odd
    count = baseline + round(13 * rate)
    native = track(np.zeros((count, 2)), rate, baseline)
    waves = np.stack([np.sin(2 * np.pi * 7 * native.time), 1e5 + 1e3 * native.time], axis=1)
    found = cut(row(rate=rate), track(waves, rate, baseline), PLAIN)
    assert found.value.shape == (3, 2, 512)
    # the first sample of the result is the first after the stimulus began
    time = native.time[baseline] + np.arange(3 * 512) / 128
    made = found.value.transpose(1, 0, 2).reshape(2, -1)
    inside = slice(64, -1)
    np.testing.assert_allclose(made[0, inside], np.sin(2 * np.pi * 7 * time)[inside], atol=0.02)
    np.testing.assert_allclose(made[1], 1e5 + 1e3 * time, rtol=2e-3)


def test_what_lies_beyond_the_new_rate_does_not_fold_back() -> None:
    native = track(np.zeros((256 * 13, 1)), 256, 256)
    tone = np.sin(2 * np.pi * 100 * native.time)[:, None]
    found = cut(row(rate=256.0), track(tone, 256, 256), PLAIN)
    assert np.abs(found.value[1:]).max() < 0.01  # 100 Hz would show as 28 Hz


def test_an_epoch_with_a_bad_sample_lacks_the_modality_and_its_neighbours_do_not_notice() -> None:
    rng = np.random.default_rng(0)
    value = 1e5 + rng.normal(size=(256 * 3 + 256 * 16, 1))
    valid = np.ones(len(value), bool)
    valid[256 * 3 + 256 * 5 : 256 * 3 + 256 * 6] = False
    whole = cut(row("gsr", dim=1, rate=256.0), track(value, 256, 768), PLAIN)
    holed = cut(row("gsr", dim=1, rate=256.0), track(value, 256, 768, valid), PLAIN)
    assert holed.there.tolist() == [True, False, True, True]
    assert not holed.value[1].any()
    np.testing.assert_allclose(holed.value[[0, 2, 3]], whole.value[[0, 2, 3]], rtol=1e-6)


def test_the_baseline_is_dropped_or_its_mean_taken_away() -> None:
    value = np.concatenate([np.full((640, 2), 9.0), np.full((384, 2), (2.0, 3.0)), np.full((1024, 2), 5.0)])
    found = cut(row(), track(value, 128, 1024), EpochSettings(baseline="subtracted"))
    assert np.array_equal(found.value[:, :, 0], [[3, 2], [3, 2]])
    idle = np.arange(len(value)) >= 1024
    without = cut(row(), track(value, 128, 1024, idle), EpochSettings(baseline="subtracted"))
    assert not without.there.any()
    assert cut(row(), track(value, 128, 1024, idle), PLAIN).there.all()


def test_recordings_are_filtered_and_preprocessed_files_are_not() -> None:
    native = track(np.zeros((256 * 23, 4)), 256, 768)
    slow, fast, common = (np.sin(2 * np.pi * hertz * native.time) for hertz in (1.0, 20.0, 12.0))
    value = np.stack([3000 + slow + common, fast + common, common - fast, common], axis=1)
    found = cut(row("eeg", "s01.bdf", dim=4, rate=256.0), track(value, 256, 768), PLAIN).value[1:4]
    assert np.abs(found[:, 0]).max() < 0.05
    assert np.abs(found[:, 1]).max() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(found[:, 1], -found[:, 2], atol=0.05)
    assert np.abs(found[:, 3]).max() < 0.05  # what all electrodes share is their reference's
    ecg = cut(row("ecg", "x.bdf", dim=4, rate=256.0), track(value, 256, 768), PLAIN).value[1:4]
    assert np.abs(ecg[:, 3]).max() == pytest.approx(1, abs=0.05)
    assert abs(ecg[:, 0].mean()) < 5
    gsr = cut(row("gsr", "x.bdf", dim=4, rate=256.0), track(value, 256, 768), PLAIN).value
    raw = cut(
        row("eeg", "x.bdf", dim=4, rate=256.0), track(value, 256, 768), EpochSettings(recorded="raw")
    ).value
    assert np.array_equal(gsr, raw)
    assert raw[:, 0].mean() == pytest.approx(3000, abs=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SegmentStore]]:
    """The tiny demo of both corpora, as epochs."""
    folder = tmp_path_factory.mktemp("epochs")
    write_physio_demo("physio-tiny", folder / "demo")
    files = []
    for corpus, kinds in {"deap": ("eeg", "eog", "emg", "gsr"), "mahnob": ("eeg", "ecg", "gsr")}.items():
        root, found, tracks = folder / "demo" / corpus, folder / "found" / corpus, folder / f"{corpus}-demo"
        discover_corpus(corpus, root, None, settings_class(corpus)(shards=1), found)
        for kind in (*kinds, "ratings"):
            out = tracks / kind / "s00.h5"
            extract_shard(
                kind,
                Shard(found / "manifest.parquet", "s00", root),
                {},
                out,
                out.with_suffix(".faults.parquet"),
            )
        out = folder / "epochs" / corpus / "s00.h5"
        index, faults = out.with_suffix(".parquet"), out.with_suffix(".faults.parquet")
        cut_shard(PLAIN, found / "manifest.parquet", tracks, "s00", out, index, faults)
        assert read_faults(faults) == []
        files.append(out)
    store = SegmentStore(files, EPOCHS)
    yield folder, store
    store.close()


def test_epochs_cut_before_a_kind_was_known_have_nothing_of_it(made, tmp_path: Path) -> None:
    """So that a new kind of signal makes no epochs anew."""
    _, store = made
    for path in (store.files[1], store.files[1].with_suffix(".parquet")):
        shutil.copy(path, tmp_path / path.name)
    old = tmp_path / store.files[1].with_suffix(".parquet").name
    pq.write_table(pq.read_table(old).drop_columns(["emg"]), old)
    both = SegmentStore([store.files[0], tmp_path / store.files[1].name], EPOCHS)
    assert all(np.array_equal(both.index.there[kind], store.index.there[kind]) for kind in SIGNAL_KINDS)
    assert both.shapes == store.shapes
    both.close()


def test_the_index_names_every_epoch_of_every_trial(made: tuple[Path, SegmentStore]) -> None:
    folder, store = made
    index = store.index
    planted = {
        (line["corpus"], line["subject"], line["recording"]): line
        for line in read_parquet(folder / "demo/truth/drift.parquet").to_pylist()
    }
    assert set(index.key) == set(planted)
    assert len(index) == 8 * 15 + 8 * 2
    for key, line in planted.items():
        numbers = index.rows_of([key])
        assert index.start_s[numbers].tolist() == [4.0 * n for n in range(15 if key[0] == "deap" else 2)]
        for name in ("valence", "arousal"):
            np.testing.assert_allclose(index.labels[name][numbers], line[name], rtol=1e-6)
    deap = np.array([key[0] == "deap" for key in index.key])
    assert np.array_equal(index.there["eog"], deap)
    assert np.array_equal(index.there["ecg"], ~deap)
    assert index.there["eeg"].all()
    assert store.modalities == ("eeg", "eog", "emg", "ecg", "gsr")
    assert store.shapes == {
        "eeg": (32, 512),
        "eog": (2, 512),
        "emg": (2, 512),
        "ecg": (3, 512),
        "gsr": (1, 512),
    }


def test_values_are_those_of_the_owners_file_in_any_order(made: tuple[Path, SegmentStore]) -> None:
    folder, store = made
    with (folder / "demo/deap/data_preprocessed_python/s02.dat").open("rb") as file:
        data = pickle.load(file, encoding="latin1")["data"]  # noqa: S301 - written by this test
    numbers = np.random.default_rng(0).permutation(
        store.index.rows_of(("deap", "s02", f"s02_v{v:02d}") for v in (1, 2, 3, 4))
    )
    values = store.values("eeg", numbers)
    for value, number in zip(values, numbers, strict=True):
        trial = int(store.index.key[number][2][-2:]) - 1
        at = 384 + 512 * int(store.index.number[number])
        assert np.array_equal(value, data[trial, :32, at : at + 512].astype(np.float32))
    assert np.array_equal(store.values("eeg", numbers[[3, 3, 0]]), values[[3, 3, 0]])
    assert not store.values("ecg", numbers).any()


def test_scaling_is_learnt_on_the_given_epochs_alone(made: tuple[Path, SegmentStore]) -> None:
    _, store = made
    fold = folds(store.index.key, ProtocolSettings(folds=2))[0]
    train, test = store.index.rows_of(fold.train), store.index.rows_of(fold.test)
    scaler = ChannelScaler.learn(store, train)
    for kind in ("eeg", "gsr"):
        values = store.values(kind, train).astype(np.float64)
        np.testing.assert_allclose(scaler.mean[kind][:, 0], values.mean(axis=(0, 2)), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(scaler.std[kind][:, 0], values.std(axis=(0, 2)), rtol=1e-9)
        scaled = scaler.apply(kind, store.values(kind, train), store.index.there[kind][train])
        np.testing.assert_allclose(scaled.mean(axis=(0, 2)), 0, atol=1e-4)
        np.testing.assert_allclose(scaled.std(axis=(0, 2)), 1, rtol=1e-4)
    there = np.zeros(len(test), bool)
    assert not scaler.apply("eeg", store.values("eeg", test), there).any()
    assert np.isfinite(scaler.apply("ecg", store.values("ecg", train), store.index.there["ecg"][train])).all()


def test_scaling_does_not_see_what_is_tested(made: tuple[Path, SegmentStore], tmp_path: Path) -> None:
    _, store = made
    fold = folds(store.index.key, ProtocolSettings(folds=2))[0]
    train, test = store.index.rows_of(fold.train), store.index.rows_of(fold.test)
    before = ChannelScaler.learn(store, train)
    for file in (store.files[0], store.files[0].with_suffix(".parquet")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with h5py.File(tmp_path / "s00.h5", "r+") as file:
        for number in test:
            file["eeg"]["value"][store.index.row[number]] = 1e6
    changed = SegmentStore([tmp_path / "s00.h5"], EPOCHS)
    after = ChannelScaler.learn(changed, train)
    for kind in changed.modalities:
        assert np.array_equal(before.mean[kind], after.mean[kind])
        assert np.array_equal(before.std[kind], after.std[kind])
    assert (changed.values("eeg", test) == 1e6).all()


def test_a_store_without_files_is_refused() -> None:
    with pytest.raises(DataError, match="at least one shard"):
        SegmentStore([], EPOCHS)
