"""The line that says what a job computes on, and the end of one that was given a GPU that it cannot use."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from affectssm import device
from affectssm.cli import main
from affectssm.device import Gpu, Unusable
from affectssm.errors import ConfigError
from affectssm.families import OWN
from affectssm.families.configuration import load_config
from affectssm.training.loop import Training
from affectssm.vocabulary.targets import load
from tests.families.dialogue.small_task import run_settings, write_task

CPU_BUILD = torch.version.cuda is None and torch.version.hip is None
SLURM = {"SLURM_JOB_ID": "17", "SLURM_JOB_GPUS": "0", "SLURM_GPUS_ON_NODE": "1", "CUDA_VISIBLE_DEVICES": "0"}
CARD = Gpu("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 20 * 2**30, 1)


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*device.VISIBLE, *device.ALLOCATED):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
    monkeypatch.setattr(torch.version, "cuda", "13.0")


def said(caplog: pytest.LogCaptureFixture) -> str:
    return caplog.records[-1].getMessage()


cpu_build = pytest.mark.skipif(not CPU_BUILD, reason="of a build of torch for the CPU alone")


def refused(said: str) -> None:
    assert "SLURM_JOB_GPUS=0, SLURM_GPUS_ON_NODE=1, CUDA_VISIBLE_DEVICES=0" in said
    assert f"found:    torch {torch.__version__}, a build for the CPU alone" in said
    assert "CUDA_VISIBLE_DEVICES to nothing" in said and "Traceback" not in said


@cpu_build
def test_a_gpu_and_a_cpu_build_of_torch_end_a_job_in_less_than_a_minute(tmp_path: Path) -> None:
    words = ["train", "dialogue", "--windows", "none", "--features", "none", "--out", "run"]
    words += ["--settings", run_settings(steps=4).model_dump_json()]
    done = subprocess.run(
        [sys.executable, "-m", "affectssm.cli", *words],
        env=os.environ | SLURM, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    refused(done.stderr)
    assert not list(tmp_path.iterdir())


@cpu_build
@pytest.mark.parametrize(
    "words",
    [
        ["device"],
        [
            "extract",
            "wav2vec2",
            "--manifest",
            "none",
            "--shard",
            "s00",
            "--root",
            ".",
            "--out",
            "out.h5",
            "--faults",
            "faults.parquet",
        ],
    ],
)
def test_nor_is_anything_read_by_an_extractor(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert main(words) == 1
    refused(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, ""),
        (SLURM, "SLURM_JOB_GPUS=0, SLURM_GPUS_ON_NODE=1, CUDA_VISIBLE_DEVICES=0"),
        ({"SLURM_STEP_GPUS": "2"}, "SLURM_STEP_GPUS=2"),
        ({"CUDA_VISIBLE_DEVICES": "MIG-5c6f"}, "CUDA_VISIBLE_DEVICES=MIG-5c6f"),
        ({"ROCR_VISIBLE_DEVICES": "0"}, "ROCR_VISIBLE_DEVICES=0"),
        (SLURM | {"CUDA_VISIBLE_DEVICES": ""}, ""),
        (SLURM | {"CUDA_VISIBLE_DEVICES": "-1"}, ""),
        ({"SLURM_JOB_ID": "17", "SLURM_GPUS_ON_NODE": "0", "SLURM_JOB_GPUS": ""}, ""),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, ""),  # set by every image with CUDA
    ],
)
def test_what_counts_as_given(variables: dict, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert device.given() == wanted


@pytest.mark.parametrize(
    "raised",
    [
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
        "The NVIDIA driver on your system is too old (found version 12020).",
        "CUDA error: no kernel image is available for execution on the device\nmore of it",
    ],
)
def test_what_is_wrong_with_a_gpu_is_said(raised: str, cuda_build, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Gpu:
        raise RuntimeError(raised)

    monkeypatch.setattr(device, "_try", fails)
    monkeypatch.setattr(device, "driver_version", lambda: "550.54.15")
    monkeypatch.setenv("SLURM_JOB_GPUS", "3")
    with pytest.raises(ConfigError) as error:
        device.begin("train dialogue")
    assert error.value.where == "the GPU of train dialogue (SLURM_JOB_GPUS=3)"
    assert error.value.found == (
        f"{raised.splitlines()[0]} (torch 2.13.0+cu130, CUDA 13.0, driver 550.54.15)"
    )


def test_a_driver_that_hangs_or_dies_is_not_waited_for() -> None:
    assert device.answered(lambda: time.sleep(600), 0.2) == "no answer in 0.2 s"  # type: ignore[arg-type,return-value]
    assert device.answered(lambda: os._exit(3)) == "the process that asked it died"  # type: ignore[arg-type,return-value]
    assert device.answered(lambda: CARD) == CARD


def test_the_line_of_a_gpu(
    cuda_build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "_try", lambda: CARD)
    monkeypatch.setattr(device, "driver_version", lambda: "580.65.06")
    monkeypatch.setenv("SLURM_JOB_GPUS", "3")
    with caplog.at_level(logging.INFO, "affectssm.device"):
        device.begin("train dialogue", threads=2, scans="auto")
    assert re.fullmatch(
        r"train dialogue computes on NVIDIA A100-SXM4-40GB MIG 3g.20gb \(20.0 GiB, torch 2.13.0\+cu130, CUDA "
        r"13.0, driver 580.65.06\), 2 of \d+ processors, scan backend auto",
        said(caplog),
    )


def test_the_line_of_a_cpu_says_why_no_gpu_where_one_is_in_sight(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "usable", lambda: Unusable("torch 1+cpu, a build for the CPU alone"))
    monkeypatch.setattr(device, "CARDS", (Path("/none"),))
    with caplog.at_level(logging.INFO, "affectssm.device"):
        device.begin("extract mae")
        assert re.fullmatch(r"extract mae computes on CPU \([^()].*\), \d+ processors", said(caplog))
        monkeypatch.setattr(device, "CARDS", (Path("/dev/null"),))
        device.begin("extract mae")
        assert "and no GPU (torch 1+cpu, a build for the CPU alone), " in said(caplog)


def test_who_asks_for_the_cpu_gets_it_and_who_asks_for_cuda_needs_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "usable", lambda: Unusable("no driver"))
    with pytest.raises(ConfigError, match="device: cuda"):
        device.begin("memory dialogue", asked="cuda")
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    with caplog.at_level(logging.INFO, "affectssm.device"):
        device.begin("memory dialogue", asked="cpu")
    assert "memory dialogue computes on CPU" in said(caplog)


def test_the_driver_s_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "version"
    monkeypatch.setattr(device, "DRIVER", file)
    assert device.driver_version() == ""
    for line, version in {
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC ...": "550.54.15",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n": "580.65.06",
    }.items():
        file.write_text(line)
        assert device.driver_version() == version


def test_every_step_with_a_network_says_what_to_set_where_memory_is_lacking() -> None:
    config = load_config([])
    for word, target in OWN.items():
        for step in load(f"{target.rpartition('.')[0]}.steps:STEPS"):
            measured = step.name in ("memory", "measure")  # where what does not fit is an entry
            assert bool(step.lighter or step.halves) == (step.network and not measured), (word, step.name)
            for name in re.findall(rf"\b{word}(?:\.\w+)+", " ".join(step.lighter)):
                found = config
                for part in name.split("."):
                    found = getattr(found, part)
            if step.halves:
                assert getattr(config.features, step.halves).batch > 0


def test_a_training_without_memory_names_its_settings_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def learn(training: Training, batch: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nmore")

    monkeypatch.setattr(Training, "learn", learn)
    write_task(tmp_path)
    features = [str(folder) for folder in sorted((tmp_path / "features").iterdir())]
    words = ["train", "dialogue", "--windows", str(tmp_path / "windows"), "--features", *features]
    words += ["--settings", json.dumps(run_settings(steps=4).told()), "--out", str(tmp_path / "run")]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "affectssm train: train dialogue\n" in said and "Traceback" not in said
    assert "the GPU ran out of memory: CUDA out of memory. Tried to allocate 20.00 MiB.\n" in said
    for name in ("recompute: blocks", "precision: bfloat16", "batch"):
        assert f"dialogue.training.{name}" in said
