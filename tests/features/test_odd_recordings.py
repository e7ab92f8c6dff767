"""Odd recordings go through the commands: what is there is measured and read, and the fault tables say what was odd."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from affectssm.cli import main
from affectssm.corpora.channels import EEG
from affectssm.corpora.demo.bdf import Sheet, write_bdf
from affectssm.corpora.manifest import read_manifest
from affectssm.store.faults import Fault, read_faults
from affectssm.store.shards import ShardReader
from tests.media.odd_sounds import RATE, encoded, joined, noise, wav

SECONDS = 6
LACKS = {"noxi": ["val", "test-base", "labels"], "deap": ["ratings"], "mahnob": []}


def discovered(root: Path, corpus: str, **settings: object) -> Path:
    """Run `discover`; return the folder it wrote."""
    out = root.with_name("found")
    given = json.dumps({"root": str(root), "shards": 1, "lacks": LACKS[corpus], **settings})
    assert main(["discover", corpus, "--root", str(root), "--settings", given, "--out", str(out)]) == 0
    return out


def extracted(root: Path, found: Path, feature: str) -> tuple[ShardReader, list[Fault]]:
    """Run `extract`; return the features and their faults."""
    out, faults = (found / f"{feature}.{end}" for end in ("h5", "parquet"))
    manifest = str(found / "manifest.parquet")
    asked = ["extract", feature, "--manifest", manifest, "--root", str(root), "--shard", "s00"]
    assert main([*asked, "--out", str(out), "--faults", str(faults)]) == 0
    return ShardReader(out), read_faults(faults)


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> tuple[ShardReader, list[Fault], dict[str, float]]:
    """Three dialogues of six seconds in NoXi's layout; features, faults, and seconds by the manifest."""
    root = tmp_path_factory.mktemp("odd") / "NoXi"
    sound = noise(SECONDS, 1)
    parts = [
        encoded(root.with_name(f"{rate}.aac"), noise(SECONDS / 2, 2, rate=rate), rate, "aac", "adts")
        for rate in (48000, 24000)
    ]
    for session in ("001", "002", "003"):
        folder = root / "train" / session
        folder.mkdir(parents=True)
        for role in ("expert", "novice"):
            wav(folder / f"{role}.audio.wav", sound)
            (folder / f"{role}.engagement.annotation.csv").write_text(
                "0,5\n" * 25 * SECONDS, encoding="utf-16"
            )
    wav(root / "train/001/expert.audio.wav", sound, 2 * RATE)
    wav(root / "train/001/novice.audio.wav", sound, 0xFFFFFFFF)
    wav(root / "train/002/expert.audio.wav", np.stack([sound, -sound], 1))
    joined(root / "train/002/novice.audio.wav", parts)
    found = discovered(root, "noxi")
    reader, faults = extracted(root, found, "wav2vec2")
    rows = read_manifest(found / "manifest.parquet")
    seconds = {f"{row.recording}/{row.participant}": row.duration_s for row in rows if row.kind == "audio"}
    told = [row.code for row in read_faults(found / "faults.parquet") if row.stream == "annotation"]
    assert told.count("wide_text") == 6 and not {"label_empty", "label_not_a_number"} & set(told)
    return reader, faults, seconds


@pytest.mark.parametrize(
    ("recording", "participant", "code"),
    [
        ("001", "expert", "sound_length"),
        ("001", "novice", "sound_length"),
        ("002", "expert", "channels_cancel"),
        ("002", "novice", "sound_changes"),
        ("003", "expert", ""),
    ],
)
def test_all_sound_is_read_and_told_of(dialogues, recording: str, participant: str, code: str) -> None:
    reader, faults, seconds = dialogues
    track = reader.track(recording, participant)
    assert track.time[-1] == pytest.approx(SECONDS, abs=0.15)
    assert track.valid.all()
    told = [row.code for row in faults if (row.recording, row.participant) == (recording, participant)]
    assert told == ([code] if code else [])
    if code != "sound_changes":
        assert seconds[f"{recording}/{participant}"] == pytest.approx(SECONDS, abs=1e-3)


def test_an_inverted_channel_gives_the_features_of_the_other(dialogues) -> None:
    reader, _, _ = dialogues
    one, plain = (reader.track(recording, "expert").value for recording in ("002", "003"))
    np.testing.assert_allclose(one.astype(float), plain.astype(float), atol=0.02)


def test_an_unclosed_recording_with_another_micro_sign(tmp_path: Path) -> None:
    """DEAP's original edition: records never counted, units in Shift-JIS, ratings saved by a spreadsheet."""
    labels = (*EEG, *(f"EXG{n}" for n in range(1, 9)), "GSR1", "Status")
    sheet = Sheet(labels, (*("uV",) * 40, "nS", "Boolean"), 16)
    status = np.zeros(16 * 90, np.int64)
    status[16 * 10 : 16 * 10 + 4] = 4
    values = np.full((len(status), 41), 100.0)
    values[:, :40] = 500 * np.sin(np.arange(len(status)))[:, None]
    root = tmp_path / "DEAP"
    write_bdf(root / "s01.bdf", sheet, values, status)
    data = bytearray((root / "s01.bdf").read_bytes())
    data[236:244] = b"-1      "
    units = 256 + 96 * len(labels)
    for channel in range(40):
        data[units + 8 * channel : units + 8 * channel + 8] = "\u03bcV".encode("shift_jis").ljust(8)
    (root / "s01.bdf").write_bytes(data[:-100])
    names = "Participant_id;Trial;Experiment_id;Start_time;Valence;Arousal;Dominance;Liking;Familiarity"
    (root / "participant_ratings.csv").write_text(f"{names}\n1;1;7;0;7,71;7,6;x;5;5\n", encoding="utf-16")
    found = discovered(root, "deap", variant="original")
    told = {row.code for row in read_faults(found / "faults.parquet")}
    assert {"unclosed_recording", "wide_text", "ratings_unparsable"} <= told
    eeg, _ = extracted(root, found, "eeg")
    start = 16 * (10 - 3)
    expected = values[start : start + 63 * 16, :32]
    np.testing.assert_allclose(eeg.track("s01_v07", "s01").value, expected, atol=0.06)
    ratings, _ = extracted(root, found, "ratings")
    np.testing.assert_allclose(ratings.track("s01_v07", "s01").value[0, :4], [7.71, 7.6, 0, 5], rtol=1e-6)
