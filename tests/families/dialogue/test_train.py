import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_task import FRAMES, RECORDINGS, label, run_settings, write_task

from affectssm.errors import ConfigError
from affectssm.families.dialogue.stages.predict import predict
from affectssm.families.dialogue.stages.train import fit
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.training import frame_run
from affectssm.training.agreement import ccc
from affectssm.training.loop import Training
from tests.killed import killed_at
from tests.ssm.elsewhere import without_numba


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return write_task(tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="module")
def undisturbed(task, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "1"
    fit(run_settings(), *task, out)
    return out


def same_run(one, other):
    first, second = load_file(one / "checkpoint.safetensors"), load_file(other / "checkpoint.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name in ("history.csv", "config.yaml"):
        assert (one / name).read_text() == (other / name).read_text()


def named(path):
    return read_card(path)["scan_backends"]


def killed(task, out, at_step, monkeypatch, **kind):
    """Train until the training step number ``at_step`` raises."""
    learn = Training.learn

    def dying(self, batch):
        if self.step == at_step:
            raise KeyboardInterrupt("killed")
        return learn(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "learn", dying)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(run_settings(**kind), *task, out)


def steps_taken(monkeypatch):
    taken = []
    learn = Training.learn

    def counting(self, batch):
        taken.append(self.step)
        return learn(self, batch)

    monkeypatch.setattr(Training, "learn", counting)
    return taken


def test_a_run_leaves_its_files_and_no_state(undisturbed):
    assert {p.name for p in undisturbed.iterdir()} == {"checkpoint.safetensors", "config.yaml", "history.csv"}
    assert not (undisturbed.parent / ".1.resume").exists()
    rows = list(csv.DictReader((undisturbed / "history.csv").open()))
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8]
    card = read_card(undisturbed / "checkpoint.safetensors")
    assert card["extra"]["seed"] == 1 and set(card["extra"]["features"]) == {
        *run_settings().features, "engagement",
    }  # fmt: skip


@pytest.mark.parametrize("at_step", [2, 5])
def test_a_resumed_run_equals_an_undisturbed_one(task, undisturbed, tmp_path, monkeypatch, at_step):
    out = tmp_path / "1"
    killed(task, out, at_step, monkeypatch)
    assert (tmp_path / ".1.resume/state.pt").is_file() and not out.exists()
    taken = steps_taken(monkeypatch)
    fit(run_settings(), *task, out)
    assert taken == list(range(2 * (at_step // 2), 8)), "finished epochs are not repeated"
    same_run(out, undisturbed)


def test_a_run_killed_before_its_files_were_written_trains_nothing_again(
    task, undisturbed, tmp_path, monkeypatch
):
    out = tmp_path / "1"
    with monkeypatch.context() as patch:
        killed_at(patch, frame_run, "write_config", 1)
        with pytest.raises(KeyboardInterrupt):
            fit(run_settings(), *task, out)
    taken = steps_taken(monkeypatch)
    fit(run_settings(), *task, out)
    assert taken == []
    same_run(out, undisturbed)
    assert named(out / "checkpoint.safetensors") == ["numba"], "they are kept with the state"


def test_state_of_other_settings_or_data_is_dropped(task, tmp_path, monkeypatch):
    out = tmp_path / "1"
    killed(task, out, 4, monkeypatch)
    taken = steps_taken(monkeypatch)
    fit(run_settings(learning_rate=1e-3), *task, out)
    assert taken == list(range(8))
    assert not (tmp_path / ".1.resume").exists()


def middle_gone(whole):
    return whole[: len(whole) // 2] + bytes(1000) + whole[len(whole) // 2 + 1000 :]


@pytest.mark.parametrize(
    "damage", [lambda whole: b"half a file", lambda whole: whole[: len(whole) // 2], middle_gone]
)
def test_a_state_that_is_not_whole_is_dropped(task, undisturbed, tmp_path, monkeypatch, damage):
    out, state = tmp_path / "1", tmp_path / ".1.resume/state.pt"
    killed(task, out, 4, monkeypatch)
    state.write_bytes(damage(state.read_bytes()))
    taken = steps_taken(monkeypatch)
    fit(run_settings(), *task, out)
    assert taken == list(range(8))
    same_run(out, undisturbed)


def test_predictions_cover_every_frame_and_open_no_test_label(task, undisturbed, tmp_path):
    windows, features = task
    predict(run_settings(), undisturbed, windows, features, tmp_path / "p.parquet", {})
    table = read_parquet(tmp_path / "p.parquet")
    wanted = [(c, s, r, seat) for c, s, r, seats, part in RECORDINGS if part != "train" for seat in seats]
    assert table.num_rows == len(wanted) * FRAMES
    frame = table.to_pandas()
    assert frame.prediction.between(0, 1).all() and frame.valid.all()
    labelled = frame[frame.target.notna()]
    assert set(labelled.split) == {"val"}
    own = labelled[
        (labelled.corpus == "mpiigi")
        & (labelled.recording == "026")
        & (labelled.participant == "subjectPos3")
    ]
    np.testing.assert_array_equal(own.target, label("mpiigi", "026", "subjectPos3"))
    card = read_card(tmp_path / "p.parquet")
    assert (card["extra"]["fold"], card["extra"]["seed"]) == ("main", 1)
    assert card["extra"]["run"]["id"] == read_card(undisturbed / "checkpoint.safetensors")["id"]


def test_predictions_of_the_selection_part_are_what_selected(task, undisturbed, tmp_path):
    windows, features = task
    predict(run_settings(), undisturbed, windows, features, tmp_path / "p.parquet", {})
    frame = read_parquet(tmp_path / "p.parquet").to_pandas()
    own = frame[(frame.corpus == "noxi") & (frame.split == "val")]
    best = max(float(row["val_ccc"]) for row in csv.DictReader((undisturbed / "history.csv").open()))
    assert ccc(own.prediction.to_numpy(), own.target.to_numpy()) == pytest.approx(best, abs=1e-6)


def test_holdout_selects_on_a_training_session_and_reports_validation_parts(task, tmp_path):
    windows, features = task
    fit(run_settings(selection="holdout", steps=2), windows, features, tmp_path / "1")
    predict(
        run_settings(selection="holdout", steps=2),
        tmp_path / "1",
        windows,
        features,
        tmp_path / "p.parquet",
        {},
    )
    frame = read_parquet(tmp_path / "p.parquet").to_pandas()
    assert set(zip(frame.corpus, frame.split, strict=True)) == {("noxi", "val"), ("mpiigi", "val")}


def test_learning_finds_the_planted_label_and_shuffled_labels_do_not(task, tmp_path):
    # finds a CCC of 0.97, and of -0.01 in shuffled labels: both limits are far from either
    more = {"steps": 40, "steps_per_epoch": 40, "learning_rate": 2e-2, "batch": 4}
    found = {}
    for variant in ("", "shuffled_labels"):
        fit(run_settings(variant=variant, **more), *task, tmp_path / (variant or "full"))
        history = list(csv.DictReader((tmp_path / (variant or "full") / "history.csv").open()))
        found[variant] = float(history[-1]["val_ccc"])
    assert found[""] > 0.7 > 0.4 > found["shuffled_labels"]


def test_the_card_names_the_scan_backends_of_its_own_run_alone(task, undisturbed, tmp_path):
    assert named(undisturbed / "checkpoint.safetensors") == ["numba"]
    fit(run_settings(scan_backend="reference", steps=2), *task, tmp_path / "1")
    assert named(tmp_path / "1/checkpoint.safetensors") == ["reference"]
    predict(run_settings(), tmp_path / "1", *task, tmp_path / "p.parquet", {})
    assert named(tmp_path / "p.parquet") == ["numba"]


def test_the_card_of_a_resumed_run_names_the_scan_backends_of_all_its_processes(
    task, undisturbed, tmp_path, monkeypatch
):
    out = tmp_path / "1"
    killed(task, out, 4, monkeypatch)
    without_numba(monkeypatch)
    fit(run_settings(), *task, out)
    assert named(out / "checkpoint.safetensors") == ["numba", "reference"]
    assert (
        read_card(out / "checkpoint.safetensors")["id"]
        == read_card(undisturbed / "checkpoint.safetensors")["id"]
    )


def test_a_state_without_names_of_scan_backends_is_gone_on_from(task, tmp_path, monkeypatch):
    out, state = tmp_path / "1", tmp_path / ".1.resume/state.pt"
    killed(task, out, 4, monkeypatch)
    saved = torch.load(state, weights_only=True)
    assert saved.pop("scan_backends") == ["numba"]
    torch.save(saved, state)
    without_numba(monkeypatch)
    taken = steps_taken(monkeypatch)
    fit(run_settings(), *task, out)
    assert taken == list(range(4, 8)) and named(out / "checkpoint.safetensors") == ["reference"]


def test_a_scan_backend_that_cannot_run_is_named_with_the_reason(task, tmp_path):
    with pytest.raises(ConfigError, match=r"'mamba_ssm' cannot run here: .*cpu") as error:
        fit(run_settings(scan_backend="mamba_ssm"), *task, tmp_path / "1")
    assert error.value.where == "dialogue.training.scan_backend" and "auto" in error.value.remedy
    assert not (tmp_path / "1" / "checkpoint.safetensors").exists()
