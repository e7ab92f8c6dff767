"""TSception, LGGNet and MambaFormer: one interface with BiMamba-TTA, their layers written out, and that they learn."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from affectssm.errors import ConfigError
from affectssm.models.baselines.lggnet import LGGNet, areas_of
from affectssm.models.baselines.mambaformer import MambaFormer
from affectssm.models.baselines.tsception import TSception
from affectssm.models.bimamba_tta import RELEASED, BiMambaTTA
from affectssm.models.build import segment_model
from affectssm.models.segments import classification_loss
from affectssm.vocabulary.models import SEGMENT_MODELS
from tests.models.physio import CHANNELS, RATE, SAMPLES, planted, segments

SMALL = {
    TSception: {"temporal": 4, "spatial": 4, "hidden": 8, "dropout": 0.0},
    LGGNet: {"temporal": 4, "graph": 6, "dropout": 0.0},
    MambaFormer: {"d_model": 16, "layers": 1, "heads": 2, "d_state": 4, "dropout": 0.0, "token_s": 0.0625},
}
ALL = list(SMALL)


def small(cls, channels=None, rate=RATE, samples=SAMPLES, **changes):
    torch.manual_seed(0)
    return cls(
        cls.Settings(**SMALL[cls] | changes), CHANNELS if channels is None else channels, rate, samples
    )


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("cls", "parameters"), [(TSception, 14_813), (LGGNet, 765_702), (MambaFormer, 141_250)]
)
def test_sizes_in_deaps_configuration(cls, parameters):
    built = cls(cls.Settings(), RELEASED, 128, 512)
    assert count(built) == parameters
    print(cls.__name__, parameters)
    with torch.no_grad():
        assert built(segments(2, RELEASED, 512)).logits.shape == (2, 2)


def test_models_are_built_by_name():
    for name, cls in zip(SEGMENT_MODELS, (BiMambaTTA, TSception, LGGNet, MambaFormer), strict=True):
        built = segment_model(name, {}, {"eeg": 4}, 128, 512, classes=3)
        assert type(built) is cls and built.eval()(segments(2, {"eeg": 4}, 512)).logits.shape == (2, 3)
    with pytest.raises(ConfigError, match=r"vsgt[\s\S]*bimamba_tta, tsception, lggnet, mambaformer"):
        segment_model("vsgt", {}, RELEASED, 128, 512)


def test_the_sizes_are_the_layers_by_hand():
    t = s = 15
    tsception = sum(t * k + t for k in (64, 32, 16)) + 2 * t  # windows, norm
    tsception += (
        s * t * 36 + s + s * t * 16 + s + 2 * s + s * s * 3 + s + 2 * s
    )  # whole, halves, norm, join, norm
    assert tsception + (s + 1) * 32 + 33 * 2 == 14_813
    t, areas, channels = 64, 12, 36
    features = t * (sum((512 - k + 1 - 16) // 4 + 1 for k in (64, 32, 16)) // 2)
    lggnet = sum(t * k + t for k in (64, 32, 16)) + 2 * t + t * t + t + 2 * t
    lggnet += channels * features + channels + areas**2 + 2 * areas + features * 32 + 32 + 2 * areas
    assert lggnet + areas * 32 * 2 + 2 == 765_702


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("channels", [{"eeg": 4}, {"gsr": 1}, {"eeg": 5, "ecg": 3}, CHANNELS])
def test_any_modalities_and_an_order_of_a_batch(cls, channels):
    built, x = small(cls, channels).eval(), segments(3, channels)
    out = built(x)
    assert out.logits.shape == (3, 2) and out.modalities == {}
    assert torch.equal(out.logits, built({name: x[name] for name in reversed(x)}).logits)
    loss = classification_loss(built.train()(x), torch.tensor([0, 1, 1]))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in built.parameters())


@pytest.mark.parametrize("cls", ALL)
def test_too_short_segments_and_no_modality_are_refused(cls):
    with pytest.raises(ConfigError, match="samples"):
        small(cls, samples=1)
    with pytest.raises(ConfigError, match="at 1 Hz"):
        small(cls, rate=1)
    with pytest.raises(ConfigError, match="modalities"):
        small(cls, {})


@pytest.mark.parametrize("cls", [TSception, LGGNet])
def test_the_shortest_segment_that_is_taken_is_answered(cls):
    for samples in range(1, 64):
        try:
            built = small(cls, samples=samples).eval()
        except ConfigError:
            continue
        with torch.no_grad():
            assert built(segments(2, samples=samples)).logits.isfinite().all()
        break
    else:
        pytest.fail("no length is taken")


def test_lggnets_areas_are_the_rows_of_the_head():
    areas = areas_of(RELEASED)
    assert sorted(map(len, areas)) == sorted([2, 2, 5, 4, 3, 2, 4, 5, 2, 3, 2, 2])
    assert [0, 16] in areas and [7, 25] in areas and [13, 14, 31] in areas  # Fp, T, O
    assert areas[-2:] == [[32, 33], [34, 35]]
    assert areas_of(CHANNELS) == [[0, 1, 2], [3, 4, 5], [6, 7], [8]]
    averaging = small(LGGNet).averaging
    assert averaging.shape == (4, 9) and averaging.sum(dim=1).tolist() == pytest.approx([1] * 4)
    assert averaging[2].tolist() == [0, 0, 0, 0, 0, 0, 0.5, 0.5, 0]


def test_lggnets_graph_is_symmetric_and_normalised():
    built = small(LGGNet)
    h = torch.randn(2, 4, 7)
    edges = built.edges(h)
    torch.testing.assert_close(edges, edges.mT)
    raw = torch.relu((h @ h.mT) * (built.adjacency + built.adjacency.T)) + torch.eye(4)
    for i in range(4):
        for j in range(4):
            expected = raw[:, i, j] / (raw[:, i].sum(1) * raw[:, j].sum(1)).sqrt()
            torch.testing.assert_close(edges[:, i, j], expected)


def test_lggnets_first_layers_are_log_power():
    built, x = small(LGGNet), torch.randn(2, 9, SAMPLES)
    conv = built.windows[0]["filters"]  # 16 samples, means over 4 every sample
    h = F.conv2d(x.unsqueeze(1), conv.weight, conv.bias)
    expected = torch.stack([(h[..., i : i + 4] ** 2).mean(-1) for i in range(h.shape[-1] - 3)], -1).log()
    found = built.powers(x)[: expected.shape[-1]].permute(3, 1, 2, 0)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_tsceptions_hemispheres_see_the_eeg_alone_and_each_its_own():
    built = small(TSception)
    assert list(built.halves) == ["eeg"] and built.join[0].kernel_size == (3, 1)
    assert small(TSception, {"eeg": 5, "gsr": 1}).join[0].kernel_size == (1, 1)
    h = torch.randn(20, 4, 6, 1)  # steps, filters, channels, segments
    changed = h.clone()
    changed[:, :, :3] += 1.0
    moved = (built.halves["eeg"](h) != built.halves["eeg"](changed)).any(3).any(1).any(0)
    assert moved.tolist() == [True, False]


def conv(h, layer, stride=1):
    return F.conv2d(h, layer.weight, layer.bias, stride)


def tsception_by_layers(built, x):
    """TSception's layers in torch's own order of memory, segments first and time last."""
    pool = built.mean.pool
    windows = [F.avg_pool2d(F.leaky_relu(conv(x, w[0])), (1, pool)) for w in built.windows]
    h = built.window_norm(torch.cat(windows, 3))
    rows = [conv(h, built.whole[0])]
    first = 0
    for name, channels in built.channels.items():
        if name in built.halves:
            own = h[:, :, first : first + channels]
            rows.append(conv(own, built.halves[name][0], (channels // 2, 1)))
        first += channels
    h = torch.cat([F.avg_pool2d(F.leaky_relu(r), (1, max(1, pool // 4))) for r in rows], 2)
    h = F.leaky_relu(conv(built.space_norm(h), built.join[0]))
    return built.head(built.join_norm(F.avg_pool2d(h, (1, max(1, pool // 2)))).mean((2, 3)))


def lggnet_by_layers(built, x):
    """LGGNet's, likewise."""
    pool, stride = built.mean.pool, built.mean.stride
    powers = [F.avg_pool2d(conv(x, w["filters"]) ** 2, (1, pool), (1, stride)) for w in built.windows]
    h = built.window_norm((torch.cat(powers, 3) + 1e-6).log())
    h = built.mix_norm(F.avg_pool2d(F.leaky_relu(conv(h, built.mix[0])), (1, 2)))
    h = h.transpose(1, 2).flatten(2)
    h = built.averaging @ torch.relu(h * built.local_weight + built.local_bias)
    h = torch.relu(built.edges(h) @ built.graph(built.area_norm(h)))
    return built.head(built.graph_norm(h))


def assert_alike(found, expected, tolerance):
    for one, two in zip(found, expected, strict=True):
        assert one.shape == two.shape
        assert (one - two).abs().max() <= tolerance * max(1.0, float(two.detach().abs().max()))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("formulation", ["auto", "plain"])
@pytest.mark.parametrize(("cls", "by_layers"), [(TSception, tsception_by_layers), (LGGNet, lggnet_by_layers)])
@pytest.mark.parametrize(
    ("channels", "rate", "samples", "dtype", "tolerance"),
    [
        (RELEASED, 128, 512, torch.float32, 1e-5),
        (RELEASED, 128, 512, torch.float64, 1e-10),
        ({"eeg": 5, "gsr": 1, "eog": 2}, 36, 131, torch.float64, 1e-10),  # whose means do not come out even
    ],
    ids=["single", "double", "uneven"],
)
def test_a_step_is_the_layers_one_by_one(
    cls, by_layers, formulation, training, channels, rate, samples, dtype, tolerance
):
    settings = cls.Settings(**SMALL[cls] | {"pool_s": 0.25} if rate == 36 else SMALL[cls])
    torch.manual_seed(0)
    built = cls(settings, channels, rate, samples, formulation=formulation).to(dtype).train(training)
    other = deepcopy(built)
    x = segments(6, channels, samples, dtype=dtype)
    found = built(x).logits
    expected = by_layers(other, torch.cat([x[name] for name in channels], 1).unsqueeze(1))
    for logits in (found, expected):
        F.cross_entropy(logits, torch.tensor([0, 1, 1, 0, 1, 0])).backward()
    assert_alike([found], [expected], tolerance)
    assert_alike([p.grad for p in built.parameters()], [p.grad for p in other.parameters()], tolerance)
    assert_alike(built.buffers(), other.buffers(), tolerance)


def test_names_and_shapes_of_saved_weights_stay():
    """Checkpoints of earlier versions are read by these names."""
    shapes = {name: tuple(v.shape) for name, v in small(TSception).state_dict().items() if "norm" not in name}
    assert shapes == {
        **{f"windows.{i}.0.weight": (4, 1, 1, k) for i, k in enumerate((16, 8, 4))},
        **{f"windows.{i}.0.bias": (4,) for i in range(3)},
        "whole.0.weight": (4, 4, 9, 1),
        "whole.0.bias": (4,),
        "halves.eeg.0.weight": (4, 4, 3, 1),
        "halves.eeg.0.bias": (4,),
        "join.0.weight": (4, 4, 3, 1),
        "join.0.bias": (4,),
        "head.0.weight": (8, 4),
        "head.0.bias": (8,),
        "head.3.weight": (2, 8),
        "head.3.bias": (2,),
    }
    shapes = {name: tuple(v.shape) for name, v in small(LGGNet).state_dict().items() if "norm" not in name}
    assert shapes == {
        **{f"windows.{i}.filters.weight": (4, 1, 1, k) for i, k in enumerate((16, 8, 4))},
        **{f"windows.{i}.filters.bias": (4,) for i in range(3)},
        "mix.0.weight": (4, 4, 1, 1),
        "mix.0.bias": (4,),
        "local_weight": (9, 4 * 175),
        "local_bias": (9, 1),
        "adjacency": (4, 4),
        "graph.weight": (6, 4 * 175),
        "graph.bias": (6,),
        "head.2.weight": (2, 24),
        "head.2.bias": (2,),
    }


def test_mambaformers_tokens_do_not_see_the_future():
    built, x = small(MambaFormer).eval(), segments(2)
    later = {name: v.clone() for name, v in x.items()}
    later["eeg"][..., 64:] += 1.0

    def tokens(signals):
        joined = torch.cat([signals[name] for name in CHANNELS], 1)
        return built.layers(built.first(built.tokens(joined).mT))

    with torch.no_grad():
        moved = (tokens(x) - tokens(later)).abs().amax((0, 2)) > 1e-6
    assert moved.shape == (64,) and not moved[:32].any() and moved[32:].all()


def test_mambaformers_attention_written_out():
    built, x = small(MambaFormer).eval(), torch.randn(2, 5, 16)
    layer = built.layers[0]
    q, k, v = layer.query_key_value(x).chunk(3, -1)
    heard = []
    for head in (slice(0, 8), slice(8, 16)):
        scores = q[..., head] @ k[..., head].mT / math.sqrt(8)
        scores = scores + torch.full((5, 5), -torch.inf).triu(1)
        heard.append(scores.softmax(-1) @ v[..., head])
    h = layer.attention_norm(x + layer.out(torch.cat(heard, -1)))
    last = layer.mamba
    torch.testing.assert_close(layer(x), last.norm(h + last.mixer(h)), atol=1e-5, rtol=1e-5)


def test_mambaformers_first_mamba_is_added_and_normed_too():
    built, x = small(MambaFormer).eval().double(), torch.randn(2, 5, 16, dtype=torch.float64)
    with torch.no_grad():
        built.first.norm.weight.uniform_(0.5, 2)
        built.first.norm.bias.uniform_(-1, 1)
        added = x + built.first.mixer(x)
        centred = added - added.mean(-1, keepdim=True)
        expected = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        expected = expected * built.first.norm.weight + built.first.norm.bias
        assert (built.first(x) - expected).abs().max() < 1e-6
        assert (built.first(x) - built.first.mixer(x)).abs().max() > 0.1


@pytest.mark.parametrize("cls", ALL)
def test_learns_what_the_halves_of_the_head_do(cls):
    built = small(cls)
    optimiser = torch.optim.Adam(built.parameters(), lr=1e-2)
    for step in range(60):
        x, labels = planted(24, seed=2 * step)
        optimiser.zero_grad()
        classification_loss(built(x), labels).backward()
        optimiser.step()
    x, labels = planted(64, seed=1001)
    with torch.no_grad():
        assert (built.eval()(x).logits.argmax(1) == labels).float().mean() > 0.85
