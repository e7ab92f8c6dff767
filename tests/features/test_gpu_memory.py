"""A GPU that runs out of memory: an extractor goes on with half the batch and the same values; what else is said."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectssm.cli import main
from affectssm.corpora.checksums import fingerprint
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import ConfigError
from affectssm.features.facebox import DIM
from affectssm.features.weights import ready
from affectssm.gpu_memory import halving, out_of_memory
from affectssm.store.boundary import boundary
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, ShardReader, Track
from tests.features.helpers import row
from tests.features.test_bert import ENGLISH, clips
from tests.features.test_clip_face import BOXES, STILL, TIMES
from tests.features.test_flow import moving_video
from tests.media.synthetic import write_media
from tests.media.test_crops import write_crops

CARD = make_card("test", ["affectssm.errors"], {})
SAID = "CUDA out of memory. Tried to allocate 2.00 GiB."
BATCH = 8
# Embeddings are kept in half precision, of 11 bits, and are below 4; sums of a batch of another size go another way,
# which moves the last bit of some.
LAST_BIT = 2e-3
# feature -> its module, the part of the network that sees a batch, its settings
EXTRACTORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "wav2vec2": ("speech", "encoder", {"chunk_s": 0.5, "overlap_s": 0.1}),
    "clip_face": ("clip_face", "", {"fps": 25.0}),
    "mae": ("mae", "embeddings", {}),
    "bert": ("bert", "", {}),
}


class Limited:
    """A network in place of one on a small GPU: it takes no more than so many of a batch at once."""

    def __init__(self, part: str, most: int) -> None:
        self.part, self.most, self.seen = part, most, []

    def ready(self, network: Any, int8: bool) -> tuple[torch.nn.Module, torch.device]:
        found, device = ready(network, int8)
        found.get_submodule(self.part).register_forward_pre_hook(self._enter, with_kwargs=True)
        return found, device

    def _enter(self, part: Any, given: tuple, named: dict) -> None:
        size = len(next(value for value in (*given, *named.values()) if isinstance(value, torch.Tensor)))
        self.seen.append(size)
        if size > self.most:
            raise torch.OutOfMemoryError(SAID)


def write_recordings(folder: Path, feature: str) -> list[StreamRow]:
    """Files of a corpus in which a feature finds something, their manifest and face track; returns their rows."""
    rows = clips(folder, [ENGLISH[0]] * 12) if feature == "bert" else []
    for name in () if rows else ("a", "b"):
        if feature == "wav2vec2":
            kind, path = "audio", folder / f"{name}.wav"
            sound = np.random.default_rng(0).normal(0, 0.1, 16000 * 4).astype(np.float32)
            write_media(path, audio=sound, codec="pcm_f32le")
        elif feature == "mae":
            kind, path = "crops", write_crops(folder / name, list(range(1, 13)))
        else:
            kind, path = "video", moving_video(folder / f"{name}.mp4", STILL)
        size = sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]))
        checksum = fingerprint([path], "sha256")
        rows.append(row(path.name, kind, recording=name, checksum=checksum, bytes=size, frames=12))
    write_manifest(folder / "manifest.parquet", rows, CARD)
    faces = ResumableShard(folder / "faces.h5", CARD)
    boxes = np.zeros((len(BOXES), DIM), np.float32)
    boxes[:, :4] = BOXES
    for one in rows:
        faces.write(
            one.recording, "c", {one.participant: Track(boxes, TIMES, np.ones(len(boxes), bool), 25.0)}
        )
    faces.finish()
    return rows


def extract(folder: Path, feature: str, settings: dict[str, Any], out: str, batch: int = BATCH) -> int:
    """The command; returns its exit status."""
    words = [
        "extract",
        feature,
        "--manifest",
        "manifest.parquet",
        "--shard",
        "s00",
        "--root",
        ".",
        "--out",
        f"{out}.h5",
    ]
    words += ["--faults", f"{out}.faults.parquet", "--settings", json.dumps(settings | {"batch": batch})]
    return main([*words, *(["--faces", "faces.h5"] if feature == "clip_face" else [])])


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two attempts nothing is collected: there is no GPU, and much that tests have made."""
    monkeypatch.setattr("affectssm.gpu_memory._release", lambda: None)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("feature", EXTRACTORS)
def test_an_extractor_goes_on_with_half_the_batch_and_the_same_values(
    feature: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    module, part, settings = EXTRACTORS[feature]
    rows = write_recordings(tmp_path, feature)
    assert extract(tmp_path, feature, settings, "one/of/all/whole") == 0
    network = Limited(part, most=3)
    monkeypatch.setattr(f"affectssm.features.{module}.ready", network.ready)
    with caplog.at_level(logging.WARNING, "affectssm"):
        assert extract(tmp_path, feature, settings, "other/of/all/halved") == 0
    assert network.seen[:3] == [8, 4, 2] and max(network.seen[2:]) == 2
    said = "\n".join(
        record.getMessage() for record in caplog.records if record.name == "affectssm.gpu_memory"
    )
    assert SAID in said and f"features.{feature}.batch: 4" in said and f"features.{feature}.batch: 2" in said
    with (
        ShardReader(tmp_path / "one/of/all/whole.h5") as whole,
        ShardReader(tmp_path / "other/of/all/halved.h5") as halved,
    ):
        assert whole.card["id"] == halved.card["id"]
        for found in rows:
            one, other = (reader.track(found.recording, found.participant) for reader in (whole, halved))
            np.testing.assert_array_equal(one.time, other.time)
            np.testing.assert_array_equal(one.valid, other.valid)
            assert one.value.dtype == np.float16 and np.abs(one.value).max() < 4
            np.testing.assert_allclose(
                one.value.astype(float), other.value.astype(float), rtol=0, atol=LAST_BIT
            )


def test_one_at_a_time_that_does_not_fit_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recordings(tmp_path, "mae")
    network = Limited("embeddings", most=0)
    monkeypatch.setattr("affectssm.features.mae.ready", network.ready)
    assert extract(tmp_path, "mae", {}, "out", batch=2) == 1
    assert network.seen == [2, 1]
    said = capsys.readouterr().err
    assert "affectssm extract: extract mae, with features.mae.batch: 1\n" in said
    assert f"found:    the GPU ran out of memory: {SAID}" in said and "a GPU with more memory" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("kept")
def test_other_words_for_no_memory_halve_too_and_are_no_fault_of_the_file() -> None:
    said = iter(
        [
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        ]
    )
    tried = []

    def run(batch: int) -> None:
        tried.append(batch)
        with boundary("a.mp4"):
            for error in said:
                raise error

    halving("extract x", "features.x.batch", 9, run)
    assert tried == [9, 4, 2, 1]


def test_a_gpu_that_fails_is_named_and_what_is_no_gpu_s_goes_through() -> None:
    with pytest.raises(ConfigError) as failed, out_of_memory("train x"):
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered\nmore")
    assert "failed: CUDA error: uncorrectable ECC error encountered" in failed.value.found
    assert "--exclude" in failed.value.remedy
    with pytest.raises(RuntimeError, match="shapes"), out_of_memory("train x"):
        raise RuntimeError("shapes do not match")
