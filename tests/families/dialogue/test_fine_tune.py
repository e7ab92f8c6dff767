import pytest
import torch
from safetensors.torch import load_file
from small_task import FRAMES, run_settings, write_task

from affectssm.errors import DataError
from affectssm.families.dialogue.stages import fine_tune as tuning
from affectssm.families.dialogue.stages.data import labelled_sessions
from affectssm.families.dialogue.stages.fine_tune import fine_tune
from affectssm.families.dialogue.stages.predict import predict
from affectssm.families.dialogue.stages.train import fit, train
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.training.loop import Training
from tests.killed import killed_at
from tests.ssm.elsewhere import without_numba

ADAPT = {"base": "da_mamba-multimediate", "base_fold": "main", "adapt_steps": 3, "fold": "loso"}


def settings():
    return run_settings(variant="adapt_mpiigi").model_copy(update=ADAPT)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp("adapt")
    task = write_task(root)
    fit(run_settings(steps=2), *task, root / "runs/da_mamba-multimediate-demo/main/1")
    return task, root / "runs"


def test_each_labelled_session_is_predicted_by_weights_that_have_not_seen_it(base, tmp_path):
    task, runs = base
    out = runs / "da_mamba+adapt_mpiigi-multimediate-demo/loso/1"
    train(settings(), *task, out, {})
    tensors = load_file(out / "checkpoint.safetensors")
    start = load_file(runs / "da_mamba-multimediate-demo/main/1/checkpoint.safetensors")
    name = next(n for n in start if n.startswith("model.") and n.endswith("weight")).removeprefix("model.")
    one, other, before = tensors[f"model.026/{name}"], tensors[f"model.027/{name}"], start[f"model.{name}"]
    assert not torch.equal(one, other) and not torch.equal(one, before)
    predict(settings(), out, *task, tmp_path / "p.parquet", {})
    frame = read_parquet(tmp_path / "p.parquet").to_pandas()
    assert len(frame) == 6 * FRAMES and frame.target.notna().all()
    assert set(zip(frame.corpus, frame.split, frame.recording, strict=True)) == {
        ("mpiigi", "val", "026"),
        ("mpiigi", "val", "027"),
    }


def dying_at(patch, number):
    """The training step of that number, counted over all folds, raises; returns the steps taken in their fold."""
    learn, taken = Training.learn, []

    def dying(self, batch):
        taken.append(self.step)
        if len(taken) == number:
            raise KeyboardInterrupt
        return learn(self, batch)

    patch.setattr(Training, "learn", dying)
    return taken


def test_finished_folds_of_a_killed_run_are_kept(base, monkeypatch):
    task, runs = base
    whole, killed = (
        runs / f"da_mamba+adapt_mpiigi-multimediate{kind}/loso/1" for kind in ("-whole", "-killed")
    )
    for kind in ("-whole", "-killed"):
        (runs / f"da_mamba-multimediate{kind}").symlink_to(runs / "da_mamba-multimediate-demo")
    fine_tune(settings(), *task, whole)
    taken = dying_at(monkeypatch, 5)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fine_tune(settings(), *task, killed)
    fine_tune(settings(), *task, killed)
    assert taken == [0, 1, 2, 0, 1, 0, 1, 2]
    one, other = load_file(whole / "checkpoint.safetensors"), load_file(killed / "checkpoint.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("at_step", "names"), [(5, ["numba", "reference"]), (None, ["numba"])], ids=["second fold", "files"]
)
def test_the_card_of_a_resumed_run_names_the_scan_backends_of_all_its_folds(
    base, monkeypatch, at_step, names
):
    """Also where all folds were done before the kill, and nothing scans any more."""
    task, runs = base
    kind = f"-at-{at_step}"
    (runs / f"da_mamba-multimediate{kind}").symlink_to(runs / "da_mamba-multimediate-demo")
    out = runs / f"da_mamba+adapt_mpiigi-multimediate{kind}/loso/1"
    with monkeypatch.context() as patch:
        dying_at(patch, at_step)
        killed_at(patch, tuning, "write_config", 1)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fine_tune(settings(), *task, out)
    without_numba(monkeypatch)
    fine_tune(settings(), *task, out)
    assert read_card(out / "checkpoint.safetensors")["scan_backends"] == names


def test_a_single_labelled_session_is_refused(base, tmp_path, monkeypatch):
    task, _ = base
    only = labelled_sessions(task[0]).select(lambda target: target.recording == "026")
    monkeypatch.setattr(
        "affectssm.families.dialogue.stages.fine_tune.labelled_sessions", lambda windows: only
    )
    with pytest.raises(DataError, match="two at least"):
        fine_tune(settings(), *task, tmp_path / "x" / "loso" / "1")
