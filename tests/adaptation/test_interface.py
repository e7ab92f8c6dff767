"""What holds for every adaptation method: refusals, reset, BatchNorm statistics, streams."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from affectssm.adaptation.build import build_method
from affectssm.adaptation.monitor import collapse
from affectssm.adaptation.stream import run_stream
from affectssm.errors import ConfigError
from affectssm.models.segments import SegmentOutput
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.vocabulary.methods import METHODS
from tests.models.physio import segments, small, trained

ALL = list(METHODS)
LOOSE = {
    "entropy_margin": 1.0,
    "cosine_margin": 2.0,
    "learning_rate": 0.05,
    "fisher_weight": 0.1,
}  # all counts
STEPPING = [name for name in ALL if name != "none"]


def held(name: str, model: nn.Module | None = None, **changes):
    model = model if model is not None else trained(torch.float32)
    return model, build_method(name, model, AdaptationSettings.model_validate(changes), [segments(8, seed=9)])


class Headless(nn.Module):
    """A model with BatchNorms of one and two dimensions and nothing else a method could ask for."""

    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.one, self.two = (
            (nn.BatchNorm1d(6), nn.BatchNorm2d(1)) if norm else (nn.Identity(), nn.Identity())
        )
        self.score = nn.Linear(6, 2)

    def forward(self, signals) -> SegmentOutput:
        x = self.two(self.one(signals["eeg"]).unsqueeze(1)).squeeze(1)
        return SegmentOutput(self.score(x.square().mean(2)))


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"method cotta[\s\S]*none, tent, eata, read, tltta, bim_tta"):
        held("cotta")


@pytest.mark.parametrize(
    ("name", "missing"), [("read", "fusion_in"), ("tltta", "intra_out"), ("bim_tta", "first_conv")]
)
def test_a_model_without_what_a_method_needs_is_refused(name, missing):
    with pytest.raises(ConfigError, match=f"{name} of Headless[\\s\\S]*0 of {missing}"):
        held(name, Headless())
    if name != "read":
        with pytest.raises(ConfigError, match="0 of norms"):
            held(name, Headless(norm=False))


@pytest.mark.parametrize("name", ["tent", "eata"])
def test_norms_of_one_and_two_dimensions_are_enough_for_tent_and_eata(name):
    _, method = held(name, Headless(), eata=LOOSE)
    assert sorted(method.collect()) == ["one.bias", "one.weight", "two.bias", "two.weight"]
    assert method.adapt(segments()).updates == 1
    with pytest.raises(ConfigError, match="0 of norms"):
        held(name, Headless(norm=False))


def test_one_modality_alone_cannot_share_information():
    with pytest.raises(ConfigError, match=r"1 of modality_heads[\s\S]*at least 2"):
        held("bim_tta", small({"eeg": 4}))


def test_2ltta_needs_heads_of_modalities_only_where_it_takes_their_entropy():
    headless = small()
    others = {role: found for role, found in headless.roles().items() if role != "modality_heads"}
    headless.roles = lambda: others
    with pytest.raises(ConfigError, match=r"tltta of BiMambaTTA[\s\S]*0 of modality_heads"):
        held("tltta", headless)
    assert held("tltta", headless, tltta={"entropy_of": "joint"})[1].adapt(segments()).updates == 1
    assert held("tltta", small({"eeg": 6}))[1].adapt({"eeg": segments()["eeg"]}).updates == 1


def test_eata_without_source_segments_is_refused_and_eta_is_not():
    with pytest.raises(ConfigError, match="Fisher"):
        build_method("eata", small(), AdaptationSettings())
    build_method("eata", small(), AdaptationSettings.model_validate({"eata": {"fisher_weight": 0}}))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bn_stats", ["running", "batch"])
def test_reset_restores_bit_for_bit_and_the_second_run_equals_the_first(name, bn_stats):
    model, method = held(name, bn_stats=bn_stats, eata=LOOSE)
    before = deepcopy(model.state_dict())
    runs = []
    for _ in range(2):
        runs.append([method.adapt(segments(12, seed=seed)) for seed in range(3)])
        changed = [k for k, v in model.state_dict().items() if not torch.equal(v, before[k])]
        if name != "none":
            assert set(changed) - set(method.collect()) <= {k for k in before if "num_batches" in k}
            still = {k for k in set(method.collect()) - set(changed) if not k.endswith("temporal.bias")}
            assert len(still) <= 1  # one step may undo another; batch statistics take a bias away
            assert all(done.updates for done in runs[-1])
        method.reset()
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    for one, two in zip(*runs, strict=True):
        assert torch.equal(one.before, two.before) and torch.equal(one.after, two.after)


@pytest.mark.parametrize("name", ALL)
def test_statistics_are_the_trainings_or_the_batchs(name):
    """With the training's, a sample's answer does not depend on its company."""
    for bn_stats in ("running", "batch"):
        model, _ = held(name, bn_stats=bn_stats)
        with torch.no_grad():
            company, alone = (
                model(segments(8)).logits[:3],
                model({k: v[:3] for k, v in segments(8).items()}).logits,
            )
        assert torch.allclose(company, alone, atol=1e-5) == (bn_stats == "running")


@pytest.mark.parametrize("name", STEPPING)
def test_a_stream_is_online_or_episodic_and_scored_before_or_after(name):
    batches = [segments(10, seed=seed) for seed in range(3)]
    streams = {
        (predict, episodic): run_stream(
            held(name, predict=predict, episodic=episodic, eata=LOOSE)[1], batches
        )
        for predict in ("pre", "post")
        for episodic in (False, True)
    }
    still = run_stream(held("none")[1], batches)
    online, scored_before = streams["post", False], streams["pre", False]
    assert online.probabilities.shape == (30, 2)
    assert online.batches == 3 and online.updates >= 3 and online.used <= 30 and not online.refused
    assert (still.batches, still.updates, still.used) == (3, 0, 0)
    # the first batch is answered by the trained model, later ones by an adapted one, unless it forgets
    torch.testing.assert_close(scored_before.probabilities[:10], still.probabilities[:10])
    assert not torch.equal(scored_before.probabilities[20:], still.probabilities[20:])
    torch.testing.assert_close(streams["pre", True].probabilities, still.probabilities)
    torch.testing.assert_close(streams["post", True].probabilities[:10], online.probabilities[:10])
    assert not torch.equal(streams["post", True].probabilities[20:], online.probabilities[20:])


@pytest.mark.parametrize("name", STEPPING)
@pytest.mark.parametrize("size", [1, 2])
def test_tiny_batches_and_missing_modalities_end_in_finite_answers(name, size):
    model, method = held(name)
    for lost in ("eeg", "eog", "gsr"):
        x = segments(size)
        done = method.adapt(x | {lost: torch.zeros_like(x[lost])})
        assert done.after.isfinite().all()
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", STEPPING)
def test_a_broken_batch_changes_nothing(name):
    model, method = held(name)
    before = deepcopy(model.state_dict())
    done = method.adapt({k: torch.full_like(v, torch.nan) for k, v in segments().items()})
    assert done.updates == done.used == 0
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_an_unsure_batch_makes_no_step():
    _, method = held("eata", eata={"entropy_margin": 1e-6})
    done = method.adapt(segments())
    assert (done.updates, done.used, done.refused) == (0, 0, 0)
    assert torch.equal(done.before, done.after)


def test_an_empty_stream_is_an_error():
    with pytest.raises(ValueError, match="at least one batch"):
        run_stream(held("none")[1], [])


def test_collapse_is_seen_where_it_happens():
    healthy = torch.tensor([[0.8, 0.2], [0.3, 0.7]]).repeat(20, 1)
    late = healthy.clone()
    late[30:] = torch.tensor([0.999, 0.001])
    fine, lost = collapse(healthy), collapse(late)
    assert fine.majority_share == fine.late_majority_share == 0.5 and not fine.collapsed
    assert abs(fine.mean_entropy - 0.5556) < 1e-3
    assert lost.late_majority_share == 1.0 and lost.collapsed and lost.late_mean_entropy < 0.01
    assert lost.majority_share == 25 / 40
    assert collapse(healthy[:1]).majority_share == 1.0


@pytest.mark.parametrize("name", ALL)
def test_a_segment_beyond_what_float32_holds_has_no_answer_and_costs_no_other_one(name):
    signals = segments(8, seed=3)
    loud = {modality: x.clone() for modality, x in signals.items()}
    for x in loud.values():
        x[2] *= 1e12
    _, method = held(name)
    found = run_stream(method, [loud]).probabilities
    assert torch.isfinite(found).all()
    assert found[2].tolist() == [0.5, 0.5]
    others = [row for row in range(8) if row != 2]
    if name == "none":
        assert torch.allclose(found[others], run_stream(method, [signals]).probabilities[others], atol=1e-6)
