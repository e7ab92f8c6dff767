"""Layers that keep little for the backward pass, against torch's layers, and what whole blocks keep."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affectssm.families.dialogue.stages.models.dat import TransformerLayer
from affectssm.families.dialogue.stages.models.hybrid import HybridBlock
from affectssm.models import biased_attention, feed_forward
from affectssm.models.attention import Attention
from affectssm.models.dropout import Dropout
from affectssm.models.feed_forward import FeedForward
from affectssm.settings.dialogues import DAMambaSettings, DATSettings

WIDTH, HEADS = 24, 3


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def found_with(layer: nn.Module, call, *inputs: Tensor) -> dict[str, Tensor]:
    """The answer, and the gradients of inputs and parameters; random numbers begin anew."""
    torch.manual_seed(1)
    inputs = tuple(x.clone().requires_grad_() for x in inputs)
    answer = call(*inputs)
    weights = dict(layer.named_parameters())
    gradients = torch.autograd.grad(answer, [*inputs, *weights.values()], draw(*answer.shape).to(answer))
    return dict(zip(("answer", *map(str, range(len(inputs))), *weights), (answer, *gradients), strict=True))


def assert_alike(found: dict[str, Tensor], expected: dict[str, Tensor], **tolerance: float) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, **tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


def torchs_layers(approximate: str, drop_hidden: bool) -> nn.Sequential:
    inner = [nn.Dropout(0.3)] * drop_hidden
    ends = (nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 40), nn.GELU(approximate))
    return nn.Sequential(*ends, *inner, nn.Linear(40, WIDTH), nn.Dropout(0.3))


@pytest.mark.parametrize(("drop", "x"), [(0.3, draw(50, 7)), (0.0, draw(5, 7)), (0.5, draw(6, 8).T)])
def test_dropout_is_torchs_number_for_number(drop, x):
    lean, plain = Dropout(drop), nn.Dropout(drop)
    assert_alike(found_with(lean, lean, x), found_with(plain, plain, x), rtol=0, atol=0)
    after = torch.get_rng_state()
    torch.manual_seed(1)
    passes = lean.passes(x, x.shape[1])
    assert torch.equal(torch.get_rng_state(), after)
    torch.manual_seed(1)
    assert passes is None or torch.equal(x * passes * lean.scale, plain(x.contiguous()))
    assert lean.eval().passes(x, 7) is None and lean(x) is x


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 7, WIDTH), (9, WIDTH), (0, 7, WIDTH)])
@pytest.mark.parametrize(("approximate", "drop_hidden"), [("none", False), ("tanh", True)])
def test_feed_forward_is_torchs_layers_and_its_input(training, shape, approximate, drop_hidden, monkeypatch):
    torch.manual_seed(0)
    lean = FeedForward(WIDTH, 40, 0.3, approximate, drop_hidden).double().train(training)
    torch.manual_seed(0)
    plain = torchs_layers(approximate, drop_hidden).double().train(training)
    assert lean.state_dict().keys() == plain.state_dict().keys()
    expected = found_with(plain, lambda x: x + plain(x), draw(*shape))
    for part in (1, 400, 2**21):
        monkeypatch.setattr(feed_forward, "PART", part)
        assert_alike(found_with(lean, lean, draw(*shape)), expected)


def plain_attention(layer: Attention, x: Tensor, mask: Tensor | None, context: Tensor | None) -> Tensor:
    """Attention as it is written in a textbook, one query's view of every key; chunks are a mask."""
    length = x.shape[1]
    q = layer.query(x)
    k, v = layer.key_value(x if context is None else context).chunk(2, dim=-1)
    q, k, v = (t.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for t in (q, k, v))
    bias = layer.bias(length, length).repeat(1, 1, k.shape[2] // length)
    if layer.chunk is not None:
        of = torch.arange(length) // layer.chunk
        bias = bias.masked_fill(of[:, None] != of, -torch.inf)
    if mask is not None:
        bias = bias + torch.where(mask, 0.0, -torch.inf)[:, None, None]
    looks = torch.softmax(q @ k.transpose(2, 3) / q.shape[-1] ** 0.5 + bias, dim=-1)
    return layer.out((looks @ v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize(
    ("options", "length", "sequences"),
    [
        ({"chunk": 4}, 8, None),
        ({"chunk": 4}, 9, None),
        ({"chunk": 4, "width": 12}, 9, 1),
        ({"reaction": True}, 6, 3),
        ({}, 1, None),
    ],
)
@pytest.mark.parametrize("masked", [True, False])
def test_attention_is_the_textbooks(options, length, sequences, masked, monkeypatch):
    torch.manual_seed(0)
    layer = Attention(WIDTH, HEADS, **options).double()
    inputs = [draw(5, length, WIDTH)] + ([] if sequences is None else [draw(5, sequences * length, WIDTH)])
    mask = torch.ones(5, (sequences or 1) * length, dtype=torch.bool) if masked else None
    if mask is not None and mask.shape[1] > 1:
        mask[1, 1::4] = mask[2, 2::4] = False  # no chunk is empty

    def plain(x: Tensor, context: Tensor | None = None) -> Tensor:
        return plain_attention(layer, x, mask, context)

    def lean(x: Tensor, context: Tensor | None = None) -> Tensor:
        return layer(x, mask, context)

    expected = found_with(layer, plain, *inputs)
    for part in (1, 600, 2**21):
        monkeypatch.setitem(biased_attention.PART, "cpu", part)
        assert_alike(found_with(layer, lean, *inputs), expected)


def test_a_query_without_any_key_gets_finite_numbers():
    layer = Attention(WIDTH, HEADS, chunk=4)
    x = draw(2, 8, WIDTH, dtype=torch.float32)
    found = found_with(layer, lambda x: layer(x, torch.zeros(2, 8, dtype=torch.bool)), x)
    assert all(value.isfinite().all() for value in found.values())


def test_half_precision_is_torchs_up_to_its_digits():
    torch.manual_seed(0)
    lean, attention = FeedForward(WIDTH, 40, 0.3), Attention(WIDTH, HEADS, chunk=4)
    plain = torchs_layers("none", False)
    plain.load_state_dict(lean.state_dict())
    x = draw(5, 8, WIDTH, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        pairs = [
            (found_with(lean, lean, x), found_with(plain, lambda x: x + plain(x), x)),
            (
                found_with(attention, attention, x),
                found_with(attention, lambda x: plain_attention(attention, x, None, None), x),
            ),
        ]
    for found, expected in pairs:
        assert {name: t.dtype for name, t in found.items()} == {name: t.dtype for name, t in expected.items()}
        for name, value in expected.items():
            assert (found[name] - value).norm() < 0.03 * value.norm(), name


def kept_a_token(layer: nn.Module, call, x: Tensor) -> float:
    """Numbers of four bytes kept for the backward pass, as a multiple of those of x; weights do not count."""
    weights = {p.untyped_storage().data_ptr() for p in layer.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(t: Tensor) -> Tensor:
        if t.untyped_storage().data_ptr() not in weights:
            kept.setdefault(t.untyped_storage().data_ptr(), t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        answer = call(x)
    assert answer.requires_grad
    return sum(t.untyped_storage().nbytes() for t in kept.values()) / x.nbytes


def settings(**changes) -> DAMambaSettings:
    sizes = {"d_model": 48, "d_state": 4, "blocks": 1, "heads": 2, "dropout": 0.1, "expand": 2, "ffn": 4}
    return DAMambaSettings(**sizes | {"chunk": 4} | changes)


def test_a_hybrid_block_keeps_little_beside_its_mixer():
    block = HybridBlock(settings())
    x = draw(64, 40, 48, dtype=torch.float32).requires_grad_()
    mask = torch.ones(64, 40, dtype=torch.bool)
    whole = kept_a_token(block, lambda x: block(x * 1, mask), x)
    of_mixer = kept_a_token(block.mixer, lambda x: block.mixer(x, mask), x)
    # x, normed, queries, keys, values, x again, the hidden layer (4), two masks in bytes, and a share of weights
    assert whole - of_mixer < 11


def test_a_layer_of_dat_keeps_little():
    own = DATSettings(d_model=48, heads=2, dim_head=24, dim_head_cross=24, dropout=0.1, positions=40)
    layer = TransformerLayer(own, 48, 24, 48)
    x = draw(64, 40, 48, dtype=torch.float32).requires_grad_()
    # x, normed, queries, keys, values, mixed, x again, the hidden layer, three masks in bytes
    assert kept_a_token(layer, lambda x: layer(x, torch.ones(64, 40, dtype=torch.bool)), x) < 9.1


@pytest.mark.parametrize("backbone", ["mamba", "transformer"])
def test_a_block_weighs_its_branches(backbone):
    torch.manual_seed(0)
    block = HybridBlock(settings(backbone=backbone)).double().eval()
    nn.init.normal_(block.gate)

    def plain(x: Tensor) -> Tensor:
        normed = block.norm(x)
        y = x + torch.lerp(block.mixer(normed), block.local(normed), torch.sigmoid(block.gate))
        return y + nn.Sequential.forward(block.feed_forward, y)

    x = draw(3, 10, 48)
    assert_alike(found_with(block, block, x), found_with(block, plain, x))
