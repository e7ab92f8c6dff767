"""The Triton kernels: interpreted, against the float64 reference; and compiled for a GPU that is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from affectssm.ssm import triton_backend
from affectssm.ssm.arguments import coupled, selective
from affectssm.ssm.triton_plan import LANES, plan

RUNS = Path(__file__).with_name("triton_runs.py")
SHAPES = [(128, 96, 256, 16), (32, 96, 512, 16), (16, 500, 256, 64), (4, 3000, 256, 8), (1, 7500, 256, 8)]
ODD = [(1, 1, 1, 1), (3, 17, 5, 3), (2, 1000, 7, 36), (2, 130, 40, 200), (9, 31, 1000, 2)]


def in_a_process(task: str, interpret: bool = True):
    """What ``triton_runs.py`` says."""
    environment = os.environ | {"TRITON_INTERPRET": "1" if interpret else "0"}
    done = subprocess.run(
        [sys.executable, RUNS, task], capture_output=True, text=True, env=environment, check=False
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def interpreted():
    """What the interpreted kernels gave."""
    return in_a_process("interpret")


@pytest.mark.parametrize("runs", ["selective", "coupled", "cuts"])
def test_agrees_with_the_reference(interpreted, runs):
    assert interpreted[runs] and not any(interpreted[runs])


def test_an_overflow_is_found_at_the_step_that_the_reference_names(interpreted):
    found, expected, of_the_mean = interpreted["overflow"]
    assert found == expected is not None
    assert of_the_mean is None


def test_every_kernel_compiles_for_a_gpu():
    names = set(in_a_process("compile", interpret=False))
    assert names == {"outputs", "gradients", "add_shares", "ends", "ends_backward", "carry"}


@pytest.mark.parametrize("modalities", [1, 2, 3, 8])
@pytest.mark.parametrize("shape", SHAPES + ODD)
@pytest.mark.parametrize("mix", [False, True])
def test_a_plan_covers_everything_and_keeps_little(shape, modalities, mix):
    batch, length, channels, states = shape
    p = plan(batch, modalities, channels, states, length, 132, mix=mix)
    assert p.NL * p.DL == LANES and states <= p.NV * p.NL < 2 * states + LANES
    assert (
        p.span % p.sub == 0 and p.span % p.ahead == 0 and p.segment % p.span == 0 and p.launch % p.span == 0
    )
    steps = -(-length // p.span) * p.span
    assert p.parallel == (p.segment < steps) and not (mix and p.parallel)
    if length < 96:
        return
    all_states = modalities * length * channels * states  # of one batch element
    kept = -(-length // p.span) * (modalities if mix else 1) * channels * states
    assert kept <= all_states / 16 * (steps / length)
    blocks = -(-channels // p.channels)
    if blocks > 1 and channels % p.channels == 0:
        a_step = 2 * blocks * modalities * states
        assert a_step * min(p.launch, steps) <= all_states / 16 * (steps / length) + a_step * max(
            p.span, p.segment * p.parallel
        )


def test_long_sequences_of_few_channels_are_cut_into_segments():
    assert plan(1, 1, 256, 8, 7500, 132).parallel
    assert not plan(128, 1, 256, 16, 96, 132).parallel
    assert not plan(1, 3, 256, 8, 7500, 132, mix=True).parallel
    assert not plan(1, 3, 256, 8, 7500, 132, checked=True).parallel


def asked(dtype=torch.float32, discretisation="mamba", states=4, groups=1, reverse=False, length=3, stride=1):
    signal = torch.empty_strided((1, groups, length), (1, 1, stride), dtype=dtype, device="meta")
    rates = torch.empty(groups, states, dtype=dtype, device="meta")
    projection = torch.empty(1, groups, states, length, dtype=dtype, device="meta")
    return selective(
        signal, signal, rates, projection, projection, None, None, None, False, reverse, discretisation
    )


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({}, None),
        ({"dtype": torch.float64}, "float64"),
        ({"dtype": torch.bfloat16}, None),
        ({"discretisation": "zoh"}, "discretisation 'zoh'"),
        ({"states": 300}, "256 states"),
        ({"groups": 40, "reverse": (False, True) * 20}, "31 groups"),
        ({"groups": 40, "reverse": True}, None),
        ({"length": 1000, "stride": 2**22}, "32-bit"),
    ],
)
def test_says_what_it_cannot_do(monkeypatch, what, reason):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    found = triton_backend.why_not(asked(**what))
    assert found is None if reason is None else reason in found


def test_takes_all_couplings_of_a_few_modalities(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    for modalities, coupling in ((3, "mean"), (3, "sum"), (3, "none"), (3, "mix"), (9, "mean")):
        signal, projection = torch.ones(modalities, 1, 2, 3), torch.ones(modalities, 1, 4, 3)
        tensors = (signal, signal, -torch.ones(modalities, 2, 4), projection, projection, None, None, None)
        mix = torch.eye(modalities) if coupling == "mix" else None
        reason = triton_backend.why_not(coupled(*tensors, False, False, "mamba", coupling, mix))
        assert (reason is None) == (modalities == 3)


def test_wants_cuda_tensors_a_compiler_and_triton(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.delenv("CC", raising=False)
    assert triton_backend.why_not(asked()) == "the tensors lie on meta, triton runs on CUDA"
    missing = triton_backend._missing.__wrapped__
    assert missing(False) is None
    monkeypatch.setattr(triton_backend.shutil, "which", lambda name: None)
    assert "C compiler" in missing(False)
    monkeypatch.setattr(triton_backend, "trouble_with", lambda module: f"is not installed: {module}")
    assert "not installed" in missing(False)


def test_the_module_imports_no_triton():
    code = "import sys; import affectssm.ssm.triton_backend; sys.exit('triton' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
