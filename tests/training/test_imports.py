"""A job loads what it works with, and no more: each of these libraries costs every job up to two seconds."""

import subprocess
import sys

import pytest

from tests.families.dialogue.small_task import run_settings, write_task

IDLE = (
    "torch._dynamo", "torch._inductor", "torchvision", "transformers", "open_clip", "timm", "pandas", "matplotlib",
    "lightning", "sympy", "cv2", "av",
)  # fmt: skip


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    root = tmp_path_factory.mktemp("imports")
    write_task(root)
    return root


def loaded_by(task, call):
    """The libraries of IDLE that a process has loaded after a call with (settings, windows, features, root)."""
    code = f"""
import sys
from pathlib import Path
root = Path({str(task)!r})
from affectssm.families.dialogue.run_settings import RunSettings
settings = RunSettings.model_validate({run_settings(steps=4).told()!r})
windows, features = root / "windows", sorted((root / "features").iterdir())
{call}
print([name for name in {IDLE} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_training_and_predicting_load_no_idle_library(task):
    run = 'root / "runs" / "1"'
    train = "from affectssm.families.dialogue.stages.train import train"
    predict = "from affectssm.families.dialogue.stages.predict import predict"
    assert loaded_by(task, f"{train}; train(settings, windows, features, {run}, {{}})") == "[]"
    assert (
        loaded_by(task, f'{predict}; predict(settings, {run}, windows, features, root / "p.parquet", {{}})')
        == "[]"
    )


def test_training_on_trials_loads_no_idle_library(task):
    call = """
import numpy, torch
from affectssm.store.faults import write_faults
from affectssm.families.biosignals.stages import train
layer = torch.nn.Linear(2, 2)
optimiser = train.Adam(layer.parameters(), 0.1)
layer(torch.ones(1, 2)).sum().backward()
optimiser.step()
write_faults(root / "faults.parquet", [], {})
"""
    assert loaded_by(task, call) == "[]"
