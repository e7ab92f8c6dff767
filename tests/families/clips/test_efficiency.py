"""Memory and time of models of clips: what is measured, what did not fit, and what the table makes of it."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import nullcontext

import pytest

from affectssm.errors import DataError
from affectssm.families.clips.measured_settings import MeasureSettings, measure_settings
from affectssm.families.clips.stages import efficiency
from affectssm.families.clips.stages.efficiency import PHASES, SERVER, measure
from affectssm.families.clips.stages.tables.coupled_efficiency import COLUMNS, METHODS, QUANTITIES
from affectssm.models.build import clip_model, parameter_count
from affectssm.settings.clip_efficiency import EfficiencySettings
from affectssm.settings.fusion_models import AttentionFusionSettings, CoupledMambaSettings
from affectssm.store.atomic import write_json
from affectssm.store.card import make_card
from affectssm.store.code import reachable
from affectssm.tables.build import build_table
from affectssm.training import step_server
from affectssm.training.step_processes import Steps
from affectssm.training.step_server import Room, seconds
from affectssm.vocabulary.stages import efficiency_modules
from tests.pictures import pictures, rendered

__all__ = ["pictures", "rendered"]
SMALL = {"d_model": 8, "layers": 1, "hidden": 4}
TINY = {"lengths": [128], "batch": 4, "repeats": 1, "scan_backend": "reference", "device": "cpu"}
TABLE = {"table": "coupled_efficiency", "edition": "demo", "experiments": [], "titles": {}, "demo": []}


def told(**given):
    coupled = CoupledMambaSettings(**SMALL, d_state=2, dt_rank=1).model_dump()
    attention = AttentionFusionSettings(heads=2).model_dump()
    return measure_settings(EfficiencySettings.model_validate(TINY | given), coupled, attention)


def measured(tmp_path, **given):
    measure(MeasureSettings.model_validate(told(**given)), tmp_path / "measured.json")
    return json.loads((tmp_path / "measured.json").read_text())


@pytest.fixture(scope="module")
def server():
    with Steps(SERVER) as steps:
        yield steps


@pytest.fixture
def measured_there(server, monkeypatch):
    """One process starts the steps of memory and of time, of all tests."""
    monkeypatch.setattr(efficiency, "Steps", lambda *named: nullcontext(server))


def test_the_transformer_is_told_twice_at_the_width_and_depth_of_coupled_mamba():
    models = told()["models"]
    assert list(models) == list(METHODS)
    plain, fused = (models[name]["settings"] for name in ("attention_plain", "attention_fused"))
    assert (plain["d_model"], plain["layers"], plain["heads"]) == (8, 1, 2)
    assert {name for name in plain if plain[name] != fused[name]} == {"fused"}
    assert fused["fused"] and not plain["fused"]


@pytest.mark.skipif(sys.platform != "linux", reason="resident sizes by the kernel's account")
@pytest.mark.usefixtures("measured_there")
def test_every_model_is_measured(tmp_path):
    found = measured(tmp_path)
    rows = found["rows"]
    assert [(row["model"], row["length"]) for row in rows] == [(name, 128) for name in METHODS]
    for row in rows:
        model = told()["models"][row["model"]]
        built = clip_model(model["model"], model["settings"], told()["dims"], 1)
        assert row["parameters"] == parameter_count(built) and row["why"] == ""
        assert row["scan_backends"] == (["reference"] if row["model"] == "coupled_mamba" else [])
        assert all(row[f"{phase}_s"] > 0 for phase in PHASES)
        assert row["training_bytes"] > 4 * 4 * 128 * (768 + 74 + 35), "the batch is a part of it"
    assert found["card"]["settings"]["lengths"] == [128]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on data is the kernel's")
@pytest.mark.usefixtures("measured_there")
def test_what_does_not_fit_is_empty_and_has_no_time(tmp_path):
    found = measured(tmp_path, lengths=[4000], limit_gb=0.001)["rows"]
    assert len(found) == len(METHODS)
    for row in found:
        assert [row[f"{phase}_{what}"] for phase in PHASES for what in ("bytes", "s")] == [None] * 4
        assert "refused beyond 0.001 GB" in row["why"] and row["parameters"] > 0


class Answers:
    """Steps that say what they are given to say."""

    def __init__(self, *said):
        self.said, self.asked = list(said), []

    def take(self, asked):
        self.asked.append(asked)
        return self.said.pop(0)


def test_a_phase_that_does_not_fit_is_not_timed_and_a_killed_one_says_so():
    rows = [
        {"length": n, "inference_bytes": 1, "training_bytes": 2 if n < 30 else None, "why": "no" * (n == 30)}
        for n in (10, 20, 30)
    ]
    killed = Answers({"why": "killed", "scan_backends": [], "10": {"inference_s": 0.1, "training_s": 0.2}})
    found = efficiency._with_times(killed, {"model": "m"}, rows)
    assert killed.asked[0]["times"] == {"10": [*PHASES], "20": [*PHASES], "30": ["inference"]}
    assert (found[0]["training_s"], found[0]["why"]) == (0.2, "")
    assert [row["why"] for row in found[1:]] == ["killed", "no"]
    nothing = [{"length": 10, "inference_bytes": None, "training_bytes": None, "why": "no"}]
    assert efficiency._with_times(Answers(), {}, nothing) == nothing


def test_a_time_is_the_smallest_of_runs_that_end_in_time(monkeypatch):
    class Clock:
        now = 0.0

    lasts = iter([3.0, 1.0, 2.0, 9.0])

    def work():
        Clock.now += next(lasts)

    monkeypatch.setattr(step_server, "_limit", lambda room: None)
    monkeypatch.setattr(step_server.torch, "set_num_threads", lambda threads: None)
    monkeypatch.setattr(step_server.time, "process_time", lambda: Clock.now)
    room = Room(step_server.torch.device("cpu"), 1.0)
    assert seconds(room, work, repeats=2, enough_s=100) == 1.0
    assert seconds(room, work, repeats=5, enough_s=1.5) == 2.0
    assert next(lasts) == 9.0


def row(model, length, memory, time, **more):
    return {
        "model": model, "length": length, "device": "A card", "kind": "cuda", "batch": 32, "d_model": 128,
        "parameters": 1_500_000, "limit_gb": None, "scan_backends": [], "why": "",
        "inference_bytes": memory, "training_bytes": 3 * memory, "inference_s": time, "training_s": 3 * time,
    } | more  # fmt: skip


LENGTHS = (100, 500, 4000)
ROWS = [
    *(row("coupled_mamba", n, 10_000_000 * n, 0.01 * n, scan_backends=["triton"]) for n in LENGTHS),
    *(row("attention_plain", n, 200_000 * n**2, 1e-5 * n**2 + 0.01 * n) for n in LENGTHS),
    row("attention_fused", 100, 1_000_000_000, 1.0),
    row("attention_fused", 500, 5_000_000_000, 20.0, training_bytes=None, training_s=None, why="refused"),
]


def table(tmp_path, rows=ROWS, scale="paper"):
    card = make_card("clips/efficiency", ["affectssm.errors"], {})
    write_json(tmp_path / "m.json", {"rows": rows, "card": card})
    path = build_table(
        "coupled_efficiency", TABLE | {"scale": scale}, [tmp_path / "m.json"], [], [], tmp_path
    )
    return list(csv.DictReader(path.read_text().splitlines())), path.with_suffix(".md").read_text()


def test_the_table_says_what_was_saved_and_whether_the_claims_are_met(tmp_path):
    rows, text = table(tmp_path)
    assert list(rows[0]) == list(COLUMNS)
    claims = [one for one in rows if one["row"] == "claim"]
    assert [(one["source"], one["saved_training_gb"], one["saved_inference_s"]) for one in claims] == [
        ("published", "83.7", ""), ("published", "", "49"),
    ]  # fmt: skip
    saved = {(one["against"], one["length"]): one for one in rows if one["row"] == "saved"}
    assert len(saved) == 5
    plain = saved[METHODS["attention_plain"], "500"]  # 5 GB of 50, 5 s of 7.5
    assert (plain["saved_inference_gb"], plain["saved_inference_s"]) == ("90.0", "33.3")
    assert plain["met"] == (
        "memory of inference (83.7 %) yes; memory of a training step (83.7 %) yes; time of inference (49 %) no"
    )
    assert saved[METHODS["attention_plain"], "4000"]["met"] == ""
    assert saved[METHODS["attention_plain"], "100"]["met"] == "time of inference (49 %) no"
    fused = saved[METHODS["attention_fused"], "500"]
    assert (fused["saved_inference_gb"], fused["saved_training_gb"]) == ("0.0", "")
    assert fused["met"] == "memory of inference (83.7 %) no; time of inference (49 %) yes"
    assert "memory of a training step: one of the two did not fit" in fused["note"]
    assert "claims met" in text and "says nothing" not in text
    assert {one["device"] for one in rows if one["source"] == "measured"} == {"A card"}


def test_what_did_not_fit_is_an_empty_cell_with_a_note(tmp_path):
    rows, _ = table(tmp_path)
    (lost,) = [one for one in rows if "out of memory" in one["note"]]
    assert (lost["method"], lost["inference_gb"], lost["inference_s"]) == (
        METHODS["attention_fused"],
        "5",
        "20",
    )
    assert (lost["training_gb"], lost["training_s"], lost["note"]) == ("", "", "out of memory: refused")
    nothing = dict.fromkeys(f"{phase}_{what}" for phase in PHASES for what in ("bytes", "s"))
    rows, text = table(tmp_path, [one | nothing | {"why": "killed"} for one in ROWS], "demo")
    assert all(not one[name] for one in rows for name in QUANTITIES)
    assert all("demo scale: says nothing" in one["note"] for one in rows if one["row"] == "measured")
    assert "no two lengths fit" in text and "not to be told" in text


def test_growth_is_the_power_of_the_length(tmp_path):
    rows, _ = table(tmp_path)
    own, plain, fused = [one for one in rows if one["row"] == "growth"]
    assert (own["slope_inference_gb"], own["slope_training_s"]) == ("1.00", "1.00")
    assert plain["slope_training_gb"] == "2.00" and 1 < float(plain["slope_inference_s"]) < 2
    assert plain["note"] == "over 100 to 4000 steps"
    assert fused["note"] == "over 100 to 500 steps: memory of inference, time of inference"
    assert fused["slope_inference_gb"] == "1.00" and fused["slope_training_gb"] == ""


@pytest.mark.usefixtures("rendered")
def test_the_figure_has_what_there_is(tmp_path):
    table(tmp_path)
    assert (tmp_path / "coupled_efficiency.png").read_bytes().startswith(b"\x89PNG")


def test_one_measurement_makes_the_table(tmp_path):
    with pytest.raises(DataError, match="affectssm measure"):
        build_table("coupled_efficiency", TABLE | {"scale": "demo"}, [], [], [], tmp_path)
    table(tmp_path, ROWS[:1])
    assert "not measured" in (tmp_path / "coupled_efficiency.md").read_text()


def test_the_measurement_follows_the_models_and_the_processes():
    code = reachable(*efficiency_modules(["coupled_mamba", "attention_fusion"]))
    models = "affectssm.families.clips.stages.models"
    assert {SERVER, "affectssm.training.step_server", f"{models}.coupled_mamba", f"{models}.fusions"} <= code
    assert f"{models}.mult" not in code
