"""Numbers that no recorder writes, in headers and among samples: they cost what they stand in, and nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from affectssm.corpora.demo.pickle2 import dumps_dat
from affectssm.corpora.discover import discover_corpus
from affectssm.corpora.manifest import Manifest
from affectssm.errors import DataError
from affectssm.families.biosignals.stages.cut import cut_shard
from affectssm.features.extract import Shard, extract_shard
from affectssm.settings.biosignals import EpochSettings
from affectssm.settings.corpora import CorpusSettings, DeapSettings
from affectssm.store.boundary import RAISE
from affectssm.store.faults import Fault, read_faults
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader
from tests.corpora import small_corpora, test_deap
from tests.corpora.trees import SETTINGS, codes, dyad, one
from tests.media.synthetic import regular, write_media

PREPROCESSED = DeapSettings(root="unused", shards=1, lacks=("ratings",))
ORIGINAL = DeapSettings(root="unused", shards=1, variant="original")
DIALOGUE = CorpusSettings(root="unused", shards=1, lacks=SETTINGS.lacks)


def extracted(kind: str, root: Path, out: Path) -> tuple[ShardReader, list[Fault]]:
    path = out / kind / "s00.h5"
    faults = path.with_suffix(".faults.parquet")
    extract_shard(kind, Shard(out / "manifest.parquet", "s00", root), {}, path, faults)
    return ShardReader(path), read_faults(faults)


def dat(root: Path, name: str, changes: dict[tuple[int, int], float]) -> None:
    data = np.random.default_rng(0).normal(size=(1, 40, 8064))
    for place, value in changes.items():
        data[0][place] = value
    (root / f"{name}.dat").write_bytes(dumps_dat(data, np.full((1, 4), 6.0)))


@pytest.mark.parametrize("value", [1e300, -1e39, np.inf, np.nan])
def test_a_sample_beyond_float32_is_masked_and_the_others_stay(tmp_path: Path, value: float) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    dat(root, "s01", {(3, 5000): value})  # an electrode of the EEG, 36 s after the stimulus began
    dat(root, "s02", {})
    discover_corpus("deap", root, None, PREPROCESSED, out)
    reader, faults = extracted("eeg", root, out)
    assert [(fault.recording, fault.code) for fault in faults] == [("s01_v01", "signal_not_finite")]
    assert "1 of 8064" in faults[0].found
    track = reader.track("s01_v01", "s01")
    assert np.flatnonzero(~track.valid).tolist() == [5000] and not track.value[5000].any()
    np.testing.assert_array_equal(track.value[:5000], reader.track("s02_v01", "s02").value[:5000])
    for kind in ("eog", "emg", "gsr", "ratings"):
        assert extracted(kind, root, out)[1] == []
    index = epochs(out)
    lost = (5000 - 3 * 128) // 512
    assert [(row["subject"], row["epoch"]) for row in index if not row["eeg"]] == [("s01", lost)]


def epochs(out: Path, name: str = "epochs") -> list[dict]:
    folder = out / name
    cut_shard(
        EpochSettings(), out / "manifest.parquet", out, "s00", folder / "s00.h5", folder / "s00.parquet",
        folder / "s00.faults.parquet",
    )  # fmt: skip
    with h5py.File(folder / "s00.h5") as file:
        for kind in file:
            assert np.isfinite(file[kind]["value"][:]).all()
    return read_parquet(folder / "s00.parquet").to_pylist()


def deap_tracks(tmp_path: Path, **changes: dict) -> Path:
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    for name, own in changes.items():
        dat(root, name, own)
    discover_corpus("deap", root, None, PREPROCESSED, out)
    for kind in ("eeg", "eog", "emg", "gsr", "ratings"):
        extracted(kind, root, out)
    return out


def test_epochs_that_another_rate_drives_beyond_float32_are_not_there(tmp_path: Path) -> None:
    edge = {
        (3, 5000 + step): 3.4e38 * (-1) ** (step // 4) for step in range(16)
    }  # finite, until it is resampled
    out = deap_tracks(tmp_path, s01=edge, s02={})
    folder = out / "epochs"
    cut_shard(
        EpochSettings(rate_hz=100.0), out / "manifest.parquet", out, "s00", folder / "s00.h5",
        folder / "s00.parquet", folder / "s00.faults.parquet",
    )  # fmt: skip
    with h5py.File(folder / "s00.h5") as file:
        assert all(np.isfinite(file[kind]["value"][:]).all() for kind in file)
    index = read_parquet(folder / "s00.parquet").to_pylist()
    assert all(row["eeg"] for row in index if row["subject"] == "s02")
    assert not all(row["eeg"] for row in index if row["subject"] == "s01")


def test_a_trial_that_cannot_be_cut_costs_its_modality(tmp_path: Path, monkeypatch) -> None:
    from affectssm.families.biosignals.stages import cut as stage

    out = deap_tracks(tmp_path, s01={}, s02={})
    cut = stage.cut

    def failing(row, track, settings):
        if (row.recording, row.kind) == ("s01_v01", "emg"):
            raise FloatingPointError("planted here")
        return cut(row, track, settings)

    monkeypatch.setattr(stage, "cut", failing)
    with pytest.raises(FloatingPointError):
        epochs(out)
    monkeypatch.setenv(RAISE, "0")
    index = epochs(out)
    assert {(row["subject"], row["emg"], row["eeg"]) for row in index} == {
        ("s01", False, True),
        ("s02", True, True),
    }
    (fault,) = read_faults(out / "epochs" / "s00.faults.parquet")
    assert (fault.corpus, fault.recording, fault.stream, fault.code) == (
        "deap",
        "s01_v01",
        "emg",
        "unexpected",
    )


def test_a_trial_whose_ratings_are_lost_keeps_its_epochs(tmp_path: Path, monkeypatch) -> None:
    from affectssm.features import biosignals

    works = biosignals._ratings

    def failing(row, path):
        if row.recording == "s01_v01":
            raise ZeroDivisionError("planted here")
        return works(row, path)

    monkeypatch.setattr(biosignals, "_ratings", failing)
    monkeypatch.setenv(RAISE, "0")
    index = epochs(deap_tracks(tmp_path, s01={}, s02={}))
    assert {(row["subject"], np.isnan(row["valence"])) for row in index} == {("s01", True), ("s02", False)}


def bdf_with(root: Path, name: str, at: int, text: str, width: int = 8) -> None:
    """A recording with a field of its header replaced."""
    (path,) = small_corpora.CORPORA["deap-original"].unit(root, int(name[1:]))
    data = bytearray(path.read_bytes())
    data[at : at + width] = text.encode().ljust(width)
    path.write_bytes(bytes(data))


CHANNELS = len(test_deap.LABELS)
RECORD_S, PHYSICAL_MIN = 244, 256 + CHANNELS * (16 + 80 + 8)
PHYSICAL_MAX = PHYSICAL_MIN + 8 * CHANNELS


@pytest.mark.parametrize(
    ("at", "text"),
    [(RECORD_S, "1e-320"), (RECORD_S, "1e308"), (RECORD_S, "1e-9"), (PHYSICAL_MIN, "-1e308"), (PHYSICAL_MIN, "1e308"),
     (PHYSICAL_MAX, "1e300"), (PHYSICAL_MIN, "-3e38")],
)  # fmt: skip
def test_a_bdf_header_of_impossible_numbers_costs_its_subject_alone(
    tmp_path: Path, at: int, text: str
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    small = small_corpora.CORPORA["deap-original"]
    small.unit(root, 1)
    bdf_with(root, "s02", at, text)
    small.whole(root, 2)
    manifest = discover_corpus("deap", root, None, ORIGINAL, out)
    reader, faults = extracted("eeg", root, out)
    assert np.isfinite(reader.track("s01_v01", "s01").value).all()
    told = [fault for fault in [*manifest.faults.rows, *faults] if fault.participant == "s02"]
    codes_told = {fault.code for fault in told if fault.code not in ("unit_decided", "status_high_bits")}
    assert codes_told & {"unreadable_file", "signal_not_finite"}, told
    assert "unexpected" not in codes_told


HEADER = (
    '<?xml version="1.0" ?><stream ssi-v="2"><info ftype="BINARY" sr="{sr}" dim="{dim}" byte="{byte}" type="FLOAT" '
    'delim=" " /><meta type="" /><chunk from="0" to="2" byte="{offset}" num="{num}"/></stream>'
)
GOOD = {"sr": "25.0", "dim": "88", "byte": "4", "offset": "0", "num": "50"}
MANY = "9" * 401


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (field, text)
        for field in GOOD
        for text in (MANY, "9" * 5000, "1e308", "1e-320", "-1", "inf", "nan", "", "0")
    ],
)
def test_an_ssi_header_of_impossible_numbers_costs_its_stream_alone(
    tmp_path: Path, field: str, text: str
) -> None:
    folder = dyad(tmp_path / "train/001")
    (folder / "expert.audio.egemapsv2.stream").write_text(HEADER.format(**{**GOOD, field: text}))
    manifest = discover_corpus("noxi", tmp_path, None, DIALOGUE, tmp_path / "out")
    assert one(manifest, participant="expert", kind="clip") and one(
        manifest, participant="novice", kind="egemapsv2"
    )
    if (field, text) not in {("offset", "0"), ("num", "0")}:  # a recorder that was killed leaves 0 rows
        assert "stream_bad_header" in codes(manifest, participant="expert", stream="egemapsv2")
    assert "unexpected" not in codes(manifest)


def table_with(tmp_path: Path, text: str) -> tuple[Path, Manifest]:
    root = tmp_path / "root"
    root.mkdir()
    dat(root, "s01", {})
    (root / "participant_ratings.csv").write_text(f"{test_deap.HEADER}\n{text}\n")
    return root, discover_corpus("deap", root, None, PREPROCESSED, tmp_path / "out")


@pytest.mark.parametrize(
    "text",
    [
        '1,1,1,0,"6,6,6,6,3\n' + "1,2,2,0,6,6,6,6,3\n" * 9000,
        f"1,1,1,0,{MANY},6,6,6,3",
        f"{MANY},1,1,0,6,6,6,6,3\n1,1,1,0,6,6,6,6,3",
        "1,1,1,0,6\x00,6,6,6,3",
    ],
    ids=["a quote that is never closed", "401 digits", "a subject of 401 digits", "NUL"],
)
def test_a_table_of_ratings_that_cannot_be_read_leaves_the_signals(
    tmp_path: Path, text: str, monkeypatch
) -> None:
    monkeypatch.setenv(RAISE, "0")
    _, manifest = table_with(tmp_path, text)
    assert len({row.recording for row in manifest.rows}) == 1
    assert [fault for fault in manifest.faults.rows if fault.stream == "ratings" or "rating" in fault.code]


def riff(path: Path, tag: int, bits: int) -> None:
    """A WAV of a format that has no decoder."""
    body = bytes(6400)
    head = struct.pack("<HHIIHH", tag, 1, 16000, 32000, max(1, bits // 8), bits)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)


@pytest.mark.parametrize(("tag", "bits"), [(1, 0), (3, 16), (0x4242, 16), (0xFFFF, 8), (1, 7), (0, 0)])
def test_a_wav_without_a_decoder_costs_itself_alone(tmp_path: Path, tag: int, bits: int) -> None:
    folder = dyad(tmp_path / "train/001")
    riff(folder / "expert.audio.wav", tag, bits)
    manifest = discover_corpus("noxi", tmp_path, None, DIALOGUE, tmp_path / "out")
    assert len({(row.participant, row.kind) for row in manifest.rows if row.kind != "audio"}) == 12
    told = codes(manifest, participant="expert", stream="audio")
    assert "unreadable_media" in told or [row for row in manifest.rows if row.kind == "audio"]
    assert "unexpected" not in codes(manifest)
    if [row for row in manifest.rows if row.kind == "audio"]:
        extract_shard(
            "wav2vec2", Shard(tmp_path / "out/manifest.parquet", "s00", tmp_path), settings(),
            tmp_path / "out/w.h5", tmp_path / "out/w.faults.parquet",
        )  # fmt: skip
        with ShardReader(tmp_path / "out/w.h5") as reader:
            assert reader.keys() or read_faults(tmp_path / "out/w.faults.parquet")


@pytest.mark.parametrize("ticks", [0xFFFFFFF0, 0x7FFFFFFF, 100_000_000])
def test_a_video_that_says_it_lasts_for_years_is_not_believed(tmp_path: Path, ticks: int) -> None:
    folder = dyad(tmp_path / "train/001")
    path = write_media(folder / "expert.video.mp4", regular(30, 25))
    write_media(folder / "novice.video.mp4", regular(30, 25))
    data = bytearray(path.read_bytes())
    for box in (b"mvhd", b"mdhd"):  # version and flags, two times, then ticks a second and how many
        at = data.index(box) + 16
        data[at : at + 8] = struct.pack(">II", 1, ticks)
    path.write_bytes(bytes(data))
    manifest = discover_corpus("noxi", tmp_path, None, DIALOGUE, tmp_path / "out")
    said = [row for row in manifest.rows if (row.participant, row.kind) == ("expert", "video")]
    assert all(row.duration_s < 60 and row.frames < 100 for row in said)
    assert said or codes(manifest, participant="expert", stream="video") == ["unreadable_media"]
    assert one(manifest, participant="novice", kind="video").duration_s == pytest.approx(1.2)


def settings() -> dict:
    from affectssm.settings.features import completed

    return completed("wav2vec2", {})


def test_a_root_of_nothing_that_can_be_read_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "s01.dat").write_bytes(b"")
    with pytest.raises(DataError, match="no trial that can be used"):
        discover_corpus("deap", tmp_path, None, PREPROCESSED, tmp_path / "out")
