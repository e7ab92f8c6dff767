"""Peak memory of a training step: what is counted, and what counts as out of memory."""

import json
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from affectssm.corpora.measure import DIMS
from affectssm.errors import DataError
from affectssm.families.configuration import load_config
from affectssm.families.dialogue.catalogue import STREAM_DIMS, memory_settings
from affectssm.families.dialogue.run_settings import MeasuredStep, MemorySettings
from affectssm.families.dialogue.stages import memory
from affectssm.families.dialogue.stages.memory import SERVER, measure
from affectssm.families.dialogue.stages.memory_step import recipe_of
from affectssm.families.dialogue.stages.memory_work import SEATS, build, random_windows
from affectssm.models.build import parameter_count
from affectssm.store.code import reachable
from affectssm.training.step_processes import Steps, read_outcome
from affectssm.vocabulary.stages import memory_modules
from tests.families.dialogue.long_step import begin_a_long_step

ASKED = {"model": "dat", "length": 96}
ONE = {"attention": ["fused"], "variants": {"lengths": []}, "growth": {"lengths": []}}
FACTS = {"model": "dat", "length": 96, "parameters": 7}


def settings(**given):
    return memory_settings(load_config({"dialogue": {"memory": {"device": "cpu", "scale": "tiny"} | given}}))


@pytest.fixture(scope="module")
def server():
    """One process that starts the steps of all tests that are not about its own end."""
    with Steps(SERVER) as steps:
        yield steps


@pytest.fixture
def steps(server):
    def take(model, length, batch, **step):
        return server.take({"settings": settings(batch=batch), "model": model, "length": length, **step})

    return take


@pytest.fixture
def measured_there(server, monkeypatch):
    """Makes a whole measurement start its steps there, too."""
    monkeypatch.setattr(memory, "Steps", lambda module: nullcontext(server))


def recipe(model="da_mamba", length=64, given=None, **step):
    asked = MeasuredStep(model=model, length=length, **step)
    return recipe_of(MemorySettings.model_validate(settings(**given or {})), asked)


def test_the_streams_are_as_the_challenge_distributes_them():
    assert {name: dims[0] for name, dims in DIMS.items()} == STREAM_DIMS
    assert sum(STREAM_DIMS.values()) == 2477


def test_windows_are_those_a_loader_makes():
    frames = random_windows(recipe(length=66), 3).interpolate(None)
    assert frames.length == 66 and frames.size == 3 and frames.seats == SEATS - 1
    assert {name: own.frames().shape[-1] for name, own in frames.target.items()} == STREAM_DIMS
    assert frames.frame_valid.all() and frames.partner_present.all()
    assert all(own.frames().isfinite().all() for own in frames.target.values())


@pytest.mark.skipif(sys.platform != "linux", reason="resident sizes by the kernel's account")
def test_a_step_is_measured_and_grows_with_the_window(steps):
    short, long = (steps("da_mamba", length, batch=4) for length in (64, 192))
    assert len(short["scan_backends"]) == 1
    assert short["kind"] == "cpu" and short["scale"] == "tiny" and short["batch"] == 4
    assert short["parameters"] == parameter_count(build(recipe()))
    assert short["input_bytes"] == 4 * SEATS * 4 * 17 * 2477
    assert short["peak_bytes"] > short["input_bytes"], "the batch is part of it"
    assert 2 < long["peak_bytes"] / short["peak_bytes"] < 6


def test_dats_positions_are_extended_to_the_window_and_counted(steps):
    long, short = steps("dat", 192, batch=2), build(recipe("dat"))
    a_position = sum(
        module.position.shape[1]
        for module in short.modules()
        if getattr(module, "position", None) is not None
    )
    assert (long["positions_of_dat"], settings()["sizes"]["tiny"]["dat"]["positions"]) == (96, 96)
    assert long["parameters"] - parameter_count(short) == (192 - 96) * a_position
    assert long["peak_bytes"] > long["input_bytes"]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on data is the kernel's")
def test_beyond_the_limit_is_an_entry(tmp_path):
    asked = settings(limit_gb=0.002, lengths=[64], **ONE) | {"models": ["dat"]}
    measure(MemorySettings.model_validate(asked), tmp_path / "memory.json")
    found = json.loads((tmp_path / "memory.json").read_text())
    (row,) = found["rows"]
    assert (row["model"], row["attention"]) == ("dat", "fused") and row["parameters"] > 0
    assert row["peak_bytes"] is None and "refused beyond 0.002 GB" in row["why"]
    assert found["card"]["settings"]["limit_gb"] == 0.002


def test_every_row_is_asked_for_once_and_a_gpus_rows_of_a_gpu_alone(tmp_path, monkeypatch):
    given = {
        "lengths": [64, 96], "variants": {"lengths": [96, 128], "recompute": ["none", "blocks", "all"]},
        "growth": {"lengths": [64], "batch": 2},
        "paper": {"lengths": [64], "recompute": ["none", "blocks"]},
    }  # fmt: skip
    told = MemorySettings.model_validate(settings(**given))
    asked = [
        (s.part, s.length, s.recompute, s.precision)
        for s in told.steps()
        if (s.model, s.attention) == ("dat", "plain")
    ]
    ways = [
        (recompute, precision)
        for precision in ("float32", "bfloat16")
        for recompute in ("none", "blocks", "all")
    ]
    assert asked == [
        *(("lengths", length, "none", "float32") for length in (64, 96)),
        *(("variants", 96, *way) for way in ways[1:]),
        *(("variants", 128, *way) for way in ways),
        ("growth", 64, "none", "float32"),
        *(("paper", 64, recompute, "float32") for recompute in ("none", "blocks")),
    ]
    assert {(s.model, s.attention) for s in told.steps()} == {
        ("da_mamba", ""),
        ("dat", "plain"),
        ("dat", "fused"),
    }

    class Steps:
        def take(self, asked):
            return {"kind": self.kind, "why": "no"}

    for kind, precisions in (("cpu", {"float32"}), ("cuda", {"float32", "bfloat16"})):
        Steps.kind = kind
        monkeypatch.setattr(memory, "Steps", lambda module: nullcontext(Steps()))
        measure(told, tmp_path / "memory.json")
        rows = json.loads((tmp_path / "memory.json").read_text())["rows"]
        assert {row["precision"] for row in rows} == precisions


def test_a_step_is_computed_as_its_row_says():
    given = {"growth": {"lengths": [64], "batch": 5}, "batch": 3, "paper": {"lengths": [64], "batch": 7}}
    plain = recipe("dat", given=given, attention="plain", recompute="all")
    assert (plain.model_settings.fused, plain.training.recompute) == (False, "all")
    assert recipe("dat", attention="fused").model_settings.fused
    batches = [
        recipe(given=given, part=part).training.batch for part in ("lengths", "variants", "growth", "paper")
    ]
    assert batches == [3, 3, 5, 7]
    on_paper = recipe(given=given, part="paper")
    assert (on_paper.scale, on_paper.model_settings.d_model, on_paper.device.type) == ("paper", 384, "cpu")


@pytest.mark.skipif(sys.platform != "linux", reason="resident sizes by the kernel's account")
def test_what_is_computed_twice_is_not_kept(steps):
    whole = steps("dat", 192, batch=8, attention="plain")["peak_bytes"]
    blocks = steps("dat", 192, batch=8, attention="plain", recompute="blocks")["peak_bytes"]
    assert blocks < 0.8 * whole


def test_a_process_the_kernel_killed_is_out_of_memory():
    found = read_outcome(ASKED, -signal.SIGKILL, [FACTS], "")
    assert "peak_bytes" not in found and "signal 9" in found["why"] and found["parameters"] == 7


def test_a_library_that_gave_up_is_out_of_memory():
    found = read_outcome(ASKED, -signal.SIGABRT, [FACTS], "terminate called ...\n  what():  std::bad_alloc\n")
    assert "peak_bytes" not in found and found["why"] == "allocation refused"


def test_any_other_end_is_an_error_that_names_the_step():
    with pytest.raises(DataError, match=r"dat at length 96(.|\n)*ModuleNotFoundError"):
        read_outcome(ASKED, 1, [], "Traceback ...\nModuleNotFoundError: no module\n")


def test_a_step_that_fails_ends_alone(steps):
    """The next one is measured as if nothing had been."""
    first = steps("dat", 64, batch=16)
    with pytest.raises(DataError, match="dat at length 0"):
        steps("dat", 0, batch=2)
    again = steps("dat", 64, batch=16)
    assert again["peak_bytes"] == pytest.approx(first["peak_bytes"], rel=0.1)


def test_the_end_of_the_process_that_starts_them_is_no_finding():
    with Steps(SERVER) as steps:
        steps._complaints.write(b"UserWarning: no reason\n")
        steps._complaints.flush()
        steps._server.kill()
        for _ in range(2):
            with pytest.raises(DataError, match=r"dat at length 96(.|\n)*status -9(.|\n)*UserWarning"):
                steps.take(ASKED)


def is_gone(process, seconds=10):
    """Whether a process ends in time; one that nobody has waited for counts as gone."""
    for _ in range(1 + 20 * seconds):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes by the kernel's account")
def test_a_step_under_way_is_not_waited_for():
    with pytest.raises(KeyboardInterrupt), Steps(SERVER) as steps:
        step = begin_a_long_step(steps._server, settings())
        assert not is_gone(step, 0)
        raise KeyboardInterrupt
    assert is_gone(step) and is_gone(steps._server.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="processes by the kernel's account")
def test_a_step_ends_with_the_process_that_asked():
    asking = (
        "import json, os, signal, sys\n"
        "from affectssm.families.dialogue.stages.memory import SERVER\n"
        "from affectssm.training.step_processes import Steps\n"
        "from tests.families.dialogue.long_step import begin_a_long_step\n"
        "with Steps(SERVER) as steps:\n"
        "    step = begin_a_long_step(steps._server, json.loads(sys.argv[1]))\n"
        "    print(step, steps._server.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", asking, json.dumps(settings())]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert all(is_gone(int(process)) for process in run.stdout.split())


def test_a_wrong_setting_is_no_memory_problem(measured_there):
    told = settings(lengths=[64], **ONE)
    told["feature_dims"] = {}
    with pytest.raises(DataError, match="da_mamba at length 64"):
        measure(MemorySettings.model_validate(told), None)


def test_sizes_are_the_users_where_the_scale_is():
    own = {"scale": "demo", "dialogue": {"da_mamba": {"d_model": 48}, "memory": {"scale": "auto"}}}
    sizes = memory_settings(load_config(own))["sizes"]
    assert sizes["demo"]["da_mamba"]["d_model"] == 48
    assert sizes["paper"] == memory_settings(load_config({"scale": "paper"}))["sizes"]["paper"]
    assert sizes["paper"]["training"]["batch"] == 128
    assert "workers" not in sizes["demo"]["training"]


def test_the_measurement_follows_the_models_and_the_scan():
    code = reachable(*memory_modules(["da_mamba", "dat"]))
    assert {
        "affectssm.families.dialogue.stages.models.da_mamba",
        "affectssm.families.dialogue.stages.models.dat",
        "affectssm.ssm.scan",
    } <= code
    assert SERVER in code and "affectssm.training.loop" in code
