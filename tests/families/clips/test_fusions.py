"""All models of clips: masks, missing modalities, gradients; and what each fusion is."""

from __future__ import annotations

import re

import pytest
import torch

from affectssm.errors import ConfigError
from affectssm.families.clips.stages.models.blocks import pool
from affectssm.families.clips.stages.models.cross_attention import CrossAttention
from affectssm.models.build import clip_model
from tests.families.clips.small_clips import DIMS, EVERY, clips, model

every = pytest.mark.parametrize(("name", "changes"), EVERY)


@every
def test_what_stands_at_masked_steps_counts_for_nothing(name, changes):
    values, masks = clips()
    masks["audio"][0] = False
    built = model(name, **changes)
    expected = built(values, masks)
    for other in (torch.nan, torch.inf, 1e30):
        changed = {n: x.masked_fill(~masks[n].unsqueeze(2), other) for n, x in values.items()}
        assert torch.equal(built(changed, masks), expected)
    for parameter in built.inputs[1].parameters():  # nor does the way in of a modality that is not there
        parameter.data += 1
    found = built(values, masks)
    assert torch.equal(found[0], expected[0])
    assert not torch.equal(found[1], expected[1])


@every
def test_padding_does_not_change_the_answer(name, changes):
    values, masks = clips(dtype=torch.float64)
    built = model(name, **changes).double()
    more = {n: torch.cat([x, torch.full_like(x, 7.0)], dim=1) for n, x in values.items()}
    padded = {n: torch.cat([k, torch.zeros_like(k)], dim=1) for n, k in masks.items()}
    found = built(more, padded)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, built(values, masks))


@every
def test_clips_without_any_step_and_clips_of_others_are_answered_by_themselves(name, changes):
    values, masks = clips()
    built = model(name, outputs=3, **changes)
    expected = built(values, masks)
    for mask in masks.values():
        mask[1] = False
    found = built(values, masks)
    assert found.shape == (3, 3) and found.isfinite().all()
    torch.testing.assert_close(found[[0, 2]], expected[[0, 2]])


@every
def test_gradients_reach_every_parameter(name, changes):
    built = model(name, **changes).train()
    built(*clips()).square().sum().backward()
    assert [n for n, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert all(p.grad.isfinite().all() for p in built.parameters())


@every
@pytest.mark.parametrize("dims", [{"audio": 3}, {"text": 5, "vision": 4}])
def test_fewer_modalities(name, changes, dims):
    values, masks = clips()
    found = model(name, dims, **changes)(values, masks)
    known = [{n: x[n] for n in dims} for x in (values, masks)]
    assert torch.equal(model(name, dims, **changes)(*known), found)
    assert found.isfinite().all() and found.std() > 0


@pytest.mark.parametrize(
    ("name", "changes"), [("average_fusion", {}), ("coupled_mamba", {}), ("attention_fusion", {})]
)
def test_the_order_of_modalities_is_nobodys_concern(name, changes):
    order = ["vision", "text", "audio"]
    one, other = model(name, **changes), model(name, {n: DIMS[n] for n in order}, **changes)
    number = {str(list(DIMS).index(n)): str(i) for i, n in enumerate(order)}
    places = r"(inputs|norms|mixers|encode\.layers\.\d)\.(\d)\."
    moved = {
        re.sub(places, lambda found: f"{found[1]}.{number[found[2]]}.", key): value
        for key, value in one.state_dict().items()
    }
    if "join.weight" in moved:
        moved["join.weight"] = moved["join.weight"][[list(DIMS).index(n) for n in order]]
    other.load_state_dict(moved)
    torch.testing.assert_close(other(*clips()), one(*clips()))


def test_averaging_is_of_the_modalities_that_are_there():
    values, masks = clips()
    masks["audio"][:] = False
    built = model("average_fusion")
    text, _, vision = (pool(x, mask, "mean") for x, mask in zip(*built.encoded(values, masks), strict=True))
    torch.testing.assert_close(built(values, masks), built.head((text + vision) / 2))


def test_pooling_is_over_the_steps_that_are_there():
    x, mask = torch.randn(2, 6, 3), torch.tensor([[1, 0, 1, 1, 0, 0], [0] * 6]).bool()
    for how, expected in (("mean", x[0, mask[0]].mean(0)), ("max", x[0, mask[0]].amax(0))):
        found = pool(x, mask, how)
        torch.testing.assert_close(found[0], expected)
        assert not found[1].any()


def test_fused_attention_equals_plain_attention():
    torch.manual_seed(0)
    fused, plain = CrossAttention(8, 2), CrossAttention(8, 2, fused=False)
    plain.load_state_dict(fused.state_dict())
    mask = torch.rand(3, 7) > 0.4
    mask[1] = False
    x, context = torch.randn(3, 5, 8), torch.randn(3, 7, 8)
    found = []
    for own in (fused, plain):
        y = own(x, context, mask)
        found.append((y, torch.autograd.grad(y.sin().sum(), list(own.parameters()))))
    torch.testing.assert_close(*found)
    assert not found[0][0][1].any()
    bare = torch.softmax(fused._by_head(fused.query(x))[0] @ fused._by_head(fused.key_value(context)[..., :8])[
        0, :, mask[0]
    ].mT / 2, dim=-1)  # fmt: skip
    heard = bare @ fused._by_head(fused.key_value(context)[..., 8:])[0, :, mask[0]]
    torch.testing.assert_close(found[0][0][0], fused.out(heard.transpose(0, 1).flatten(1)))


def test_a_modality_attends_to_the_others_and_not_to_itself():
    values, masks = clips(batch=1)
    masks = {name: torch.ones_like(mask) for name, mask in masks.items()}
    built = model("attention_fusion", layers=1)
    before = built.encoded(values, masks)[0]
    values["text"][:, 4] += 1
    changed = [
        (a - b).abs().amax((0, 2)) > 0 for a, b in zip(before, built.encoded(values, masks)[0], strict=True)
    ]
    assert changed[0].nonzero().flatten().tolist() == [4]
    assert changed[1].all() and changed[2].all()


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ConfigError, match="no model of this name"):
        clip_model("late_fusion", {}, DIMS, 1)
    for dims in ({}, {"text": 0}):
        with pytest.raises(ConfigError, match="at least one, each with a column"):
            clip_model("coupled_mamba", {}, dims, 1)
    with pytest.raises(ValueError, match="heads that divide"):
        clip_model("attention_fusion", {"heads": 3}, DIMS, 1)
