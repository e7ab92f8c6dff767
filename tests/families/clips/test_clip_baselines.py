"""TFN, LMF and MulT: their formulas written out, masks, clips that lack a modality, and that all of them learns."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from affectssm.families.clips.stages.models.blocks import zeroed
from affectssm.families.clips.stages.models.factors import Means, Norm, Text, last_of
from affectssm.families.clips.stages.models.lmf import LMF
from affectssm.families.clips.stages.models.mult import Layer, MulT
from affectssm.families.clips.stages.models.tfn import TFN, outer
from affectssm.models.build import parameter_count
from affectssm.vocabulary.models import CLIP_MODELS, TITLES
from affectssm.vocabulary.targets import load_from

DIMS = {"text": 7, "audio": 5, "vision": 3}
WIDTHS = {"text_hidden": 6, "text_out": 4, "audio_hidden": 3, "vision_hidden": 2}
SMALL = {
    TFN: WIDTHS | {"fusion_hidden": 5},
    LMF: WIDTHS | {"rank": 3},
    MulT: {"d_model": 8, "heads": 2, "layers": 2},
}
ALL = list(SMALL)
SUBSETS = [names for size in (1, 2, 3) for names in itertools.combinations(DIMS, size)]


def built(cls, names=tuple(DIMS), outputs=2, **changes):
    torch.manual_seed(0)
    return cls(cls.Settings(**SMALL[cls] | changes), {name: DIMS[name] for name in names}, outputs)


def clips(names=tuple(DIMS), size=4, length=9):
    """Random values, and masks with gaps that leave a first and a last step."""
    rng = torch.Generator().manual_seed(1)
    values = {name: torch.randn(size, length, DIMS[name], generator=rng) for name in names}
    mask = {name: torch.rand(size, length, generator=rng) < 0.6 for name in names}
    for each in mask.values():
        each[:, 1] = True
    return values, mask


def test_they_are_called_by_name_and_have_the_sizes_of_mmsa():
    dims = {"text": 768, "audio": 74, "vision": 35}
    found = {}
    for name, cls in zip(("tfn", "lmf", "mult"), ALL, strict=True):
        assert load_from(CLIP_MODELS, name, "model") is cls and TITLES[name]
        found[name] = parameter_count(cls(cls.Settings(), dims, 1))
    assert 129 * 17 * 129 * 16 < found["tfn"] < 5.2e6
    factors = 4 * (65 + 17 + 129)
    assert factors < found["lmf"] < 0.6e6 and 0.7e6 < found["mult"] < 1.7e6


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("names", SUBSETS)
def test_any_modalities_are_answered_from(cls, names):
    assert built(cls, names)(*clips(names)).shape == (4, 2)


@pytest.mark.parametrize("cls", ALL)
def test_all_of_it_learns(cls):
    model = built(cls)
    model(*clips())[:, 0].square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None]
    assert not still
    assert all(p.grad.isfinite().all() for p in model.parameters())
    model = built(cls, dropout=0.0) if cls is not MulT else model.eval()
    model.zero_grad()
    model(*clips(size=64)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if not p.grad.abs().max() > 0] == []


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("training", [False, True])
def test_what_stands_at_masked_steps_does_not_matter(cls, training):
    values, mask = clips()
    spoilt = {name: torch.where(mask[name][..., None], x, math.nan) for name, x in values.items()}
    answers = []
    for given in (values, spoilt):
        model = built(cls).train(training)
        torch.manual_seed(2)
        answers.append(model(given, mask))
        answers[-1].sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert torch.equal(*answers)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("training", [False, True])
def test_a_clip_may_lack_some_or_all_modalities(cls, training):
    values, mask = clips()
    mask["audio"][0], mask["text"][1] = False, False
    for each in mask.values():
        each[2] = False
    model = built(cls).train(training)
    found = model(values, mask)
    assert found.isfinite().all()
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    alone = {name: x[:1] for name, x in values.items()}, {name: x[:1] for name, x in mask.items()}
    assert model(*alone).isfinite().all()
    torch.testing.assert_close(model.eval()(*alone), model(values, mask)[:1])


@pytest.mark.parametrize("cls", ALL)
def test_padding_behind_a_clip_changes_nothing(cls):
    values, mask = clips()
    longer = {name: F.pad(x, (0, 0, 0, 4), value=3.0) for name, x in values.items()}
    model = built(cls).eval()
    padded = {name: F.pad(each, (0, 4)) for name, each in mask.items()}
    torch.testing.assert_close(model(longer, padded), model(values, mask))


def test_the_tensor_holds_every_product():
    a, b, c = (torch.randn(2, width) for width in (3, 2, 4))
    found = outer([a, b, c])
    for clip in range(2):
        expected = [float(x * y * z) for x in a[clip] for y in b[clip] for z in c[clip]]
        assert found[clip].tolist() == pytest.approx(expected)
    assert torch.equal(outer([a]), a)


def test_tfn_is_its_head_on_that_tensor():
    model = built(TFN).eval()
    values, mask = clips()
    xs = zeroed(values.values(), mask.values())
    parts = [part(x, mask[name]) for name, x, part in zip(DIMS, xs, model.factors.parts, strict=True)]
    ones = [torch.cat([torch.ones(4, 1), z], 1) for z in parts]
    torch.testing.assert_close(model(values, mask), model.head(outer(ones)))


@pytest.mark.parametrize("names", SUBSETS)
def test_lmf_is_a_linear_layer_whose_weights_are_a_sum_of_products(names):
    model, (values, mask) = built(LMF, names).eval(), clips(names)
    found = model.factors(zeroed(values.values(), mask.values()), list(mask.values()))
    tensor = outer(found)
    weights = list(model.weights)  # (R, W_m, K)
    full = torch.zeros(tensor.shape[1], 2)
    for answer in range(2):
        for at, places in enumerate(itertools.product(*(range(w.shape[1]) for w in weights))):
            full[at, answer] = sum(
                model.mix[0, r] * math.prod(w[r, p, answer] for w, p in zip(weights, places, strict=True))
                for r in range(3)
            )
    torch.testing.assert_close(model(values, mask), tensor @ full.detach() + model.bias)


def test_a_last_step_is_one_that_is_there():
    values, mask = clips()
    x, counts = values["text"], mask["text"]
    counts[3] = False
    for clip in range(3):
        kept = [x[clip, t] for t in range(9) if counts[clip, t]]
        assert torch.equal(last_of(x, counts)[clip], kept[-1])
    assert not last_of(x, counts)[3].any()


def test_text_is_read_step_by_step_without_the_gaps():
    values, mask = clips()
    part = Text(7, 6, 4, 0.0)
    found = part(values["text"], mask["text"])
    for clip in range(4):
        kept = values["text"][clip, mask["text"][clip]]
        torch.testing.assert_close(found[clip], part.out(part.lstm(kept[None])[1][0][0, 0]))


def test_the_norm_is_over_clips_that_have_the_modality():
    x, there = torch.randn(6, 3), torch.tensor([True, False, True, True, False, True])
    norm = Norm(3)
    found = norm(x, there)
    seen = x[there]
    torch.testing.assert_close(
        found[there], (seen - seen.mean(0)) / (seen.var(0, unbiased=False) + norm.eps).sqrt()
    )
    assert not found[~there].any()
    torch.testing.assert_close(norm.running_mean, 0.1 * seen.mean(0))
    kept = norm.running_mean.clone()
    assert norm(x[:1], there[:1]).isfinite().all() and torch.equal(norm.running_mean, kept)
    assert Means(3, 2, 0.0)(x[:, None], torch.zeros(6, 1, dtype=torch.bool)).isfinite().all()


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_a_softmax_over_the_steps_that_count(causal):
    torch.manual_seed(3)
    layer = Layer(4, 2, 0.0)
    x, context = torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    counts = torch.tensor([False, True, True])
    seen = counts.expand(1, 1, 3, 3)
    found = layer(x, context, seen.tril() if causal else seen)
    q, (k, v) = layer.query(layer.norm(x))[0], layer.key_value(layer.norm(context))[0].chunk(2, 1)
    heard = torch.zeros(3, 4)
    for step, head in itertools.product(range(3), range(2)):
        own = slice(2 * head, 2 * head + 2)
        keys = [s for s in range(3) if counts[s] and not (causal and s > step)]
        weights = [math.exp((q[step, own] @ k[s, own]).item() / math.sqrt(2)) for s in keys]
        for weight, s in zip(weights, keys, strict=True):
            heard[step, own] += weight / sum(weights) * v[s, own].detach()
    # the first step of a causal layer has nothing to look at, and hears nothing
    after = x + F.linear(heard, layer.out.weight, layer.out.bias)
    torch.testing.assert_close(found, after + layer.feed(layer.forward_norm(after)))


def test_a_modality_attends_to_the_others_that_are_there():
    """There is a Transformer for every ordered pair, and what any modality says is heard."""
    model, (values, mask) = built(MulT).eval(), clips()
    assert [len(own) for own in model.cross] == [2, 2, 2] and not built(MulT, ("audio",)).cross[0]
    first = model(values, mask)
    for name in DIMS:
        changed = {**values, name: values[name] + mask[name][..., None]}
        assert not torch.allclose(model(changed, mask), first)


def test_heads_must_divide():
    with pytest.raises(ValueError, match="heads that divide"):
        MulT.Settings(d_model=10, heads=4)
