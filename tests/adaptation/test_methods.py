"""One batch, or two, through every method, against its published formula written out and stepped by hand."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch

from affectssm.adaptation.bim_tta import beta, two_level
from affectssm.adaptation.build import build_method
from affectssm.settings.adaptation import AdaptationSettings, BiMTTASettings
from affectssm.training.optimisers import SGD
from tests.adaptation.by_hand import Twin, assert_same, is_norm, shannon
from tests.models.physio import segments, trained

LN2 = math.log(2)
FUSION = ("fusion.in_proj.weight", "fusion.out_proj.weight")


def batch(seed: int = 0, size: int = 16) -> dict[str, torch.Tensor]:
    return segments(size, seed=seed, dtype=torch.float64)


def settings(**changes) -> AdaptationSettings:
    return AdaptationSettings.model_validate(changes)


def start(name: str, given=None, **extra):
    """A model, its parameters as they were, and the method that holds it."""
    model = trained()
    before = deepcopy(model.state_dict())
    return model, before, build_method(name, model, given or settings(), **extra)


def plain(method, rate: float) -> None:
    """Steps along the gradient in place of Adam's, whose first one tells its sign alone."""
    method.optimiser = SGD(method.collect().values(), rate)


def test_tent_is_the_mean_entropy():
    model, before, method = start("tent")
    twin = Twin(model, is_norm, 1e-3)
    done = method.adapt(batch())
    twin.step(shannon(twin.probabilities(batch())[0]).mean())
    assert_same(model, twin, before)
    assert (done.updates, done.used, done.refused) == (1, 16, 0)
    torch.testing.assert_close(done.after, twin.probabilities(batch())[0].detach())


def test_read_is_confidence_and_balance():
    model, before, method = start("read")
    twin = Twin(model, lambda name: name in FUSION, 1e-4)
    method.adapt(batch())
    p, _ = twin.probabilities(batch())
    sure = p.max(1).values
    summed = p.sum(0).exp() / p.sum(0).exp().sum()
    twin.step((sure * (1 - sure.log() + math.log(math.exp(-1)))).mean() - shannon(summed[None])[0])
    assert_same(model, twin, before)


def is_tlttas(name: str) -> bool:
    return is_norm(name) or name in FUSION or name.endswith("mixer.out_proj.weight")


def weighted(p: torch.Tensor) -> torch.Tensor:
    return shannon(p) / (shannon(p).detach() - 0.4 * LN2).exp()


def with_gaps() -> dict[str, torch.Tensor]:
    """A batch of which segments 0 to 2 have no EEG, 2 to 5 no GSR, and 2 no EOG either."""
    x = batch()
    x["eeg"][:3] = x["gsr"][2:6] = x["eog"][2] = 0
    return x


LACKING = {0: {0}, 1: {0}, 2: {0, 1, 2}, 3: {2}, 4: {2}, 5: {2}}  # segment -> places in (eeg, eog, gsr)


@pytest.mark.parametrize("gaps", [False, True])
def test_2ltta_is_weighted_entropy_within_modalities_and_diversity_of_the_joint_answer(gaps):
    model, before, method = start("tltta")
    twin = Twin(model, is_tlttas, 0.1, momentum=0.0)
    plain(method, 0.1)
    x, lacking = (with_gaps(), LACKING) if gaps else (batch(), {})
    method.adapt(x)
    p, alone = twin.probabilities(x)
    terms = torch.stack([weighted(q) for q in alone], 1)  # (16, 3)
    means = [
        sum(terms[row, m] for m in has) / len(has)
        for row in range(16)
        if (has := {0, 1, 2} - lacking.get(row, set()))
    ]
    assert len(means) == 16 - gaps
    mean = p.mean(0)
    twin.step(sum(means) / len(means) + 0.5 * (mean * mean.log()).sum())
    assert_same(model, twin, before)


def test_2ltta_on_the_joint_entropy_is_a_setting():
    model, before, method = start("tltta", settings(tltta={"entropy_of": "joint"}))
    twin = Twin(model, is_tlttas, 0.1, momentum=0.0)
    plain(method, 0.1)
    method.adapt(with_gaps())
    p, _ = twin.probabilities(with_gaps())
    mean = p.mean(0)
    twin.step(weighted(p).mean() + 0.5 * (mean * mean.log()).sum())
    assert_same(model, twin, before)


def test_2ltta_without_any_modality_is_diversity_alone():
    model, _, method = start("tltta")
    twin = Twin(model, lambda n: n in FUSION, 0.1, momentum=0.0)
    plain(method, 0.1)
    x = {name: torch.zeros_like(v) for name, v in batch().items()}
    assert method.adapt(x).updates == 1
    mean = twin.probabilities(x)[0].mean(0)
    twin.step(0.5 * (mean * mean.log()).sum())
    for name in twin.names:
        torch.testing.assert_close(model.state_dict()[name], twin.model.state_dict()[name])


ALONE = {
    "tent": (is_norm, lambda p, alone: shannon(p)),
    "read": (
        lambda name: name in FUSION,
        lambda p, alone: p.max() * (1 - p.max().log() - 1) - shannon(p.exp() / p.exp().sum()),
    ),
    "tltta": (is_tlttas, lambda p, alone: sum(map(weighted, alone)) / 3 - 0.5 * shannon(p)),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_batch_of_one_is_learnt_from_by_the_same_formula(name):
    changed, loss = ALONE[name]
    model, before, method = start(name)
    twin = Twin(model, changed, 1e-3, momentum=0.0)
    plain(method, 1e-3)
    done = method.adapt(batch(3, 1))
    twin.step(loss(*twin.probabilities(batch(3, 1))).sum())
    assert (done.updates, done.used) == (1, 1)
    assert_same(model, twin, before)


def test_2ltta_steps_by_adam():
    model, before, method = start("tltta")
    twin = Twin(model, is_tlttas, 1e-4)
    for seed in range(3):
        method.adapt(batch(seed))
        p, alone = twin.probabilities(batch(seed))
        mean = p.mean(0)
        twin.step(sum(weighted(q).mean() for q in alone) / 3 + 0.5 * (mean * mean.log()).sum())
    assert_same(model, twin, before)


def test_eata_is_two_filters_weights_and_fisher_penalty():
    source = [batch(10, 12), batch(11, 12)]
    given = settings(eata={"fisher_batch": 8, "fisher_samples": 20, "learning_rate": 1e-3})
    model, before, method = start("eata", given, source=source)
    twin = Twin(model, is_norm, 1e-3, momentum=0.9)
    anchors = {name: p.detach().clone() for name, p in twin.parameters().items()}

    fisher = dict.fromkeys(twin.names, 0.0)
    pieces = [(0, slice(0, 8)), (0, slice(8, 12)), (1, slice(0, 8))]  # 20 samples, at most 8 at a time
    for number, rows in pieces:
        p, _ = twin.probabilities({name: x[rows] for name, x in source[number].items()})
        for name, g in twin.gradients(-p.max(1).values.log().mean()).items():
            fisher[name] = fisher[name] + g**2 / len(pieces)
    for name in fisher:
        torch.testing.assert_close(method.fisher[name], fisher[name])

    average, counts = None, []
    for seed in range(3):
        done = method.adapt(batch(seed))
        p, _ = twin.probabilities(batch(seed))
        keep = shannon(p) < 0.8 * LN2
        if average is not None:
            cosine = (p * average).sum(1) / (p.norm(dim=1) * average.norm())
            keep = keep & (cosine.abs() < 0.9)
        counts.append(int(keep.sum()))
        assert done.used == counts[-1]
        if not keep.any():
            continue
        chosen = p[keep].detach().mean(0)
        average = chosen if average is None else 0.9 * average + 0.1 * chosen
        entropies = shannon(p[keep])
        penalty = sum(
            (fisher[name] * (q - anchors[name]) ** 2).sum() for name, q in twin.parameters().items()
        )
        twin.step((entropies / (entropies.detach() - 0.8 * LN2).exp()).mean() + 2000 * penalty)
        torch.testing.assert_close(method.average, average)
    assert 0 < counts[0] < 16 and 0 < sum(counts[1:]) < 32 and twin.count > 1
    assert_same(model, twin, before)


def is_surgical(name: str) -> bool:
    return is_norm(name) or ".temporal." in name or name == "fusion.in_proj.weight"


def sharing(p: torch.Tensor, alone) -> torch.Tensor:
    """L_mis of every sample, by the paper's formula for three modalities."""
    a, b, c = alone
    total = 0.0
    for own, one, two in ((a, b, c), (b, a, c), (c, a, b)):
        target = ((one + two) / 2 + p) / 2
        total = total + (own * (own / target).log()).sum(1)
    return total


@pytest.mark.parametrize("mutual", ["sample", "batch"])
@pytest.mark.parametrize("form", ["closed", "recursion"])
def test_bim_tta_is_seven_rounds_of_filter_and_sharing(form, mutual):
    model, before, method = start("bim_tta", settings(bim_tta={"beta_form": form, "mutual_form": mutual}))
    twin = Twin(model, is_surgical, 1e-5, momentum=0.0)
    plain(method, 1e-5)
    x, mu = batch(), (1.0, 0.3, 0.2)  # eeg, eog, gsr
    done = method.adapt(x)

    left, used, beta_t = list(range(16)), 0, 0.2
    for t in range(1, 8):
        beta_t = 0.2 + 0.8 * t / 7 if form == "closed" else beta_t + t / 7 * (1 - beta_t)
        if not left:
            break
        p, alone = twin.probabilities({name: v[left] for name, v in x.items()})
        joint, each = shannon(p), [shannon(q) for q in alone]

        def spread(e):
            return ((e - e.mean()) ** 2).sum() / (len(e) - 1) if len(e) > 1 else 0.0

        upper = joint.mean() + 2 * spread(joint) * beta_t
        lower = sum(m * (e.mean() - 2 * spread(e) * beta_t) for m, e in zip(mu, each, strict=True))
        rich = sum(m * e for m, e in zip(mu, each, strict=True))
        kept = [
            i for i, e, r in zip(left, joint, rich, strict=True) if e <= upper + 1e-15 and r >= lower - 1e-15
        ]
        if not kept:
            continue
        left, used = [i for i in left if i not in kept], used + len(kept)
        p, alone = twin.probabilities({name: v[kept] for name, v in x.items()})
        alpha, shared = (0.4 * LN2 - shannon(p)).exp(), sharing(p, alone)
        if mutual == "sample":
            twin.step((alpha * (shannon(p) + shared)).mean())
        else:
            twin.step((alpha * shannon(p)).mean() + alpha.mean() * shared.mean())
    assert done.updates == twin.count > 1 and done.used == used
    assert_same(model, twin, before)


def test_the_two_forms_of_sharing_are_steps_in_different_directions():
    moved = {}
    for form in ("sample", "batch"):
        model, before, method = start("bim_tta", settings(bim_tta={"mutual_form": form, "iterations": 1}))
        plain(method, 1e-5)
        method.adapt(batch())
        moved[form] = torch.cat([(v - before[k]).flatten() for k, v in model.state_dict().items()])
    assert (moved["sample"] - moved["batch"]).norm() > 0.02 * moved["sample"].norm()


@pytest.mark.parametrize("mutual", ["sample", "batch"])
def test_bim_tta_learns_from_a_batch_of_one_once(mutual):
    """The released code does not: its variance of one sample is NaN."""
    model, before, method = start("bim_tta", settings(bim_tta={"mutual_form": mutual}))
    twin = Twin(model, is_surgical, 1e-5, momentum=0.0)
    plain(method, 1e-5)
    done = method.adapt(batch(3, 1))
    p, alone = twin.probabilities(batch(3, 1))
    twin.step((shannon(p) + sharing(p, alone)).sum() * (0.4 * LN2 - shannon(p)).exp().sum())
    assert (done.updates, done.used) == (1, 1)
    assert_same(model, twin, before)


def test_beta_by_its_two_definitions():
    closed, recursion = BiMTTASettings(), BiMTTASettings(beta_form="recursion")
    # of both definitions: t=1 .314 both, t=2 .429 and .510, t=3 .543 and .720, t=7 1 both
    assert [round(beta(closed, t), 3) for t in (1, 2, 3, 7)] == [0.314, 0.429, 0.543, 1.0]
    assert [round(beta(recursion, t), 3) for t in (1, 2, 3, 7)] == [0.314, 0.51, 0.72, 1.0]


def test_the_filter_takes_the_sure_together_and_unsure_alone_and_a_last_sample_always():
    joint = torch.tensor([0.1, 0.6, 0.1, 0.6])
    alone = [torch.tensor([0.6, 0.6, 0.1, 0.1])]
    assert two_level(joint, alone, [1.0], 0.0).tolist() == [True, False, False, False]
    assert two_level(joint, alone, [1.0], 100.0).all()
    for value in (0.1, 0.6):
        one = torch.tensor([value])
        assert two_level(one, [one, one], [1.0, 0.3], 1.0).tolist() == [True]
