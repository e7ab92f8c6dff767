"""Mamba-VA: its size, what a frame sees, an encoder by hand, its parts at the whole's budget."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affectssm.errors import ConfigError
from affectssm.families.video.settings import PRESETS
from affectssm.families.video.stages.models.mamba_va import MambaEncoder, MambaVA
from affectssm.models.build import parameter_count
from affectssm.settings.video import MambaVASettings
from affectssm.ssm.backends import use_backend
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.training.losses import ccc_loss
from tests.families.video.clips import DIMS, GROUPS, clip, lagged

SMALL = {
    "channels": (12, 8), "kernel": 3, "dropout": 0.0, "layers": 2, "d_state": 3, "hidden": 6, "conv_init": "fan_in",
}  # fmt: skip
PAPER = PRESETS["paper"]["video"]["mamba_va"]
PARTS = ["both", "tcn", "mamba"]
ALL = [*PARTS, "frame"]


def model(seed: int = 0, **changes) -> MambaVA:
    torch.manual_seed(seed)
    built = MambaVA(MambaVASettings(**SMALL | changes), DIMS, GROUPS).eval()
    for parameter in built.parameters():  # zero and one are special values that could hide a missing term
        parameter.data += 0.05 * torch.randn_like(parameter)
    return built


def answer(built: MambaVA, batch: FrameBatch) -> torch.Tensor:
    with torch.no_grad():
        return built(batch).prediction


def paper(dims: int = 1024, **changes) -> MambaVA:
    with torch.device("meta"):
        return MambaVA(MambaVASettings(**PAPER | changes), {"mae": dims}, {"visual": ["mae"]})


def test_the_papers_scale_has_the_released_codes_parameters():
    network = paper().network
    assert parameter_count(network.local) == pytest.approx(66.2e6, rel=0.005)
    assert parameter_count(network.encoder) == pytest.approx(0.92e6, rel=0.005)
    assert parameter_count(network.head) == 256 * 128 + 128 + 128 * 2 + 2
    assert [layer.mixer.dt_rank for layer in network.encoder.layers] == [16] * 4


@pytest.mark.parametrize("dims", [1024, 768, 2048])
@pytest.mark.parametrize("part", ["tcn", "mamba"])
def test_a_part_alone_has_the_parameters_of_the_whole(part, dims):
    whole, alone = parameter_count(paper(dims)), parameter_count(paper(dims, parts=part))
    assert alone == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize("channels", [(16, 16, 16, 16), (32, 24, 16), (48,), (128, 96, 64, 32)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("part", ["tcn", "mamba"])
def test_small_parts_are_near_it(part, bidirectional, channels):
    counts = [
        parameter_count(paper(32, parts=p, channels=channels, bidirectional=bidirectional, kernel=5))
        for p in ("both", part)
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.06)


def test_parts_hold_what_they_say():
    names = {part: {name.split(".")[1] for name, _ in model(parts=part).named_parameters()} for part in ALL}
    assert names == {
        "both": {"local", "encoder", "head"},
        "tcn": {"local", "head"},
        "mamba": {"local", "encoder", "head"},
        "frame": {"local", "head"},
    }
    alone = model(parts="mamba").network
    assert isinstance(alone.local, torch.nn.Linear) and len(alone.encoder.layers) == 2 + 2
    assert not any("mixer" in name for name, _ in model(parts="tcn").named_modules())


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("init", ["mamba", "charon"])
@pytest.mark.parametrize("part", ALL)
def test_every_parameter_learns(part, init, bidirectional):
    built = model(parts=part, init=init, bidirectional=bidirectional).train()
    built(clip()).prediction.square().sum().backward()
    unused = [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not unused


@pytest.mark.parametrize("length", [1, 2, 37])
def test_answers_two_values_a_frame_within_bounds_unless_it_is_trained(length):
    built, batch = model(), clip(3, length)
    for parameter in built.network.head.parameters():
        parameter.data *= 20
    clipped = answer(built, batch)
    free = answer(built.train(), batch)
    assert clipped.shape == (3, length, 2) and free.abs().max() > 1
    assert torch.equal(clipped, free.clamp(-1, 1))


@pytest.mark.parametrize("part", ALL)
@pytest.mark.parametrize("cut", [0, 11, 39])
def test_a_frame_sees_the_past_alone(part, cut):
    built = model(parts=part)
    before, after = clip(), clip()
    for name in DIMS:
        after.target[name].rows[:, cut + 1 :] += 5.0
    found, expected = answer(built, after), answer(built, before)
    torch.testing.assert_close(found[:, : cut + 1], expected[:, : cut + 1])
    assert cut == 39 or not torch.allclose(found[:, cut + 1 :], expected[:, cut + 1 :])


@pytest.mark.parametrize("part", ALL)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_frames_after_the_recording_change_nothing(part, bidirectional):
    built, batch = model(parts=part, bidirectional=bidirectional), clip(2, 40)
    ends = {0: 25, 1: 33}
    for row, end in ends.items():
        batch.frame_valid[row, end:] = False
        for name in DIMS:
            batch.target[name].rows[row, end:] = 7.0
    found = answer(built, batch)
    assert found.isfinite().all()
    for row, end in ends.items():
        alone = {name: own.rows[row : row + 1, :end] for name, own in batch.target.items()}
        torch.testing.assert_close(found[row : row + 1, :end], answer(built, clip(**alone)))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_frame_by_frame_an_answer_depends_on_its_frame_alone(bidirectional):
    built, batch, at = model(parts="frame", bidirectional=bidirectional), clip(), 17
    other = clip(seed=1)
    for name in DIMS:
        other.target[name].rows[:, at] = batch.target[name].rows[:, at]
    same = torch.isclose(answer(built, batch), answer(built, other)).all(-1)
    assert same[:, at].all() and not same[:, :at].any() and not same[:, at + 1 :].any()
    order = torch.randperm(40)
    shuffled = clip(**{name: own.rows[:, order] for name, own in batch.target.items()})
    torch.testing.assert_close(answer(built, shuffled), answer(built, batch)[:, order])


def test_frame_by_frame_is_as_wide_as_the_whole_and_not_widened():
    network = paper(parts="frame").network
    assert parameter_count(network.local) == 1024 * 256 + 256
    assert parameter_count(network) - parameter_count(network.local) == parameter_count(paper().network.head)


def test_both_directions_let_a_frame_see_the_future():
    built = model(bidirectional=True)
    other = clip()
    other.target["face"].rows[:, 30:] += 5.0
    assert not torch.allclose(answer(built, clip())[:, :30], answer(built, other)[:, :30])


def test_backwards_in_time_is_the_same_encoder_with_its_directions_exchanged():
    torch.manual_seed(0)
    encoder = MambaEncoder(MambaVASettings(**SMALL | {"bidirectional": True}), 8, 2).double()
    exchanged = MambaEncoder(MambaVASettings(**SMALL | {"bidirectional": True}), 8, 2).double()
    turned = {
        "conv_weight": 1, "conv_bias": 0, "x_proj": 0, "dt_proj": 0, "dt_bias": 0, "A_log": 0, "D": 0,
    }  # fmt: skip
    exchanged.load_state_dict({
        name: value.flip(turned[own]) if (own := name.split(".")[-1]) in turned else value
        for name, value in encoder.state_dict().items()
    })  # fmt: skip
    x = torch.randn(2, 21, 8, dtype=torch.float64)
    torch.testing.assert_close(exchanged(x.flip(1)).flip(1), encoder(x))
    assert not torch.allclose(encoder(x.flip(1)).flip(1), encoder(x))


def normed(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    spread = (x.square().mean(-1, keepdim=True) - x.mean(-1, keepdim=True).square() + 1e-5).sqrt()
    return (x - x.mean(-1, keepdim=True)) / spread * scale + shift


def test_an_encoder_is_what_its_definition_says():
    torch.manual_seed(0)
    encoder = MambaEncoder(MambaVASettings(**SMALL), 8, 2).double()
    for parameter in encoder.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    x = torch.randn(2, 15, 8, dtype=torch.float64)
    # as released: InstanceNorm1d meets (B, L, d)
    h = torch.nn.InstanceNorm1d(15)(x)
    for layer in encoder.layers:
        m = layer.mixer
        u, z = (h @ m.in_proj.weight.T).chunk(2, dim=-1)
        kernel = m.conv_weight[:, 0].T.unsqueeze(1)  # (E, 1, W)
        u = F.conv1d(F.pad(u.transpose(1, 2), (3, 0)), kernel, m.conv_bias[0], groups=8).transpose(1, 2)
        u = F.silu(u)
        rank, b, c = (u @ m.x_proj[0].T).split([m.dt_rank, 3, 3], dim=-1)
        step = F.softplus(rank @ m.dt_proj[0].T + m.dt_bias[0])
        state, ys = torch.zeros(2, 8, 3, dtype=torch.float64), []
        for t in range(15):
            decay = torch.exp(-step[:, t, :, None] * m.A_log[0].exp())
            state = decay * state + (step[:, t] * u[:, t])[..., None] * b[:, t, None]
            ys.append((state * c[:, t, None]).sum(-1) + m.D[0] * u[:, t])
        mixed = (torch.stack(ys, dim=1) * F.silu(z)) @ m.out_proj.weight.T
        h = normed(mixed + h, layer.norm.weight, layer.norm.bias)
    expected = h @ encoder.project.weight.T + encoder.project.bias
    for backend in ("auto", "reference"):
        with use_backend(backend):
            torch.testing.assert_close(encoder(x), expected)


@pytest.mark.parametrize(("init", "low", "high"), [("charon", 0.49, 0.51), ("mamba", 0.9, 1.0)])
def test_how_much_of_a_state_is_left_after_a_frame_at_the_start(init, low, high):
    torch.manual_seed(0)
    settings = MambaVASettings(**PAPER, init=init)
    for layer in MambaEncoder(settings, 256, 2).layers:
        m = layer.mixer
        decay = torch.exp(-F.softplus(m.dt_bias[0])[:, None] * m.A_log[0].exp())  # (E, N)
        assert low < decay[:, 0].median() < high
        # S4D-real's states differ, the released code's do not
        assert (decay.std(dim=1).max() < 0.01) == (init == "charon")


@pytest.mark.parametrize("part", PARTS)
def test_learns_what_the_face_showed_a_while_ago(part):
    torch.manual_seed(0)
    settings = MambaVASettings(**SMALL | {"channels": (16, 12, 8), "kernel": 5, "parts": part})
    built = MambaVA(settings, DIMS, GROUPS)
    optimiser = torch.optim.AdamW(built.parameters(), lr=5e-3)

    def losses(batch: FrameBatch, target: torch.Tensor) -> list[torch.Tensor]:
        answer = built(batch).prediction
        return [ccc_loss(answer[..., i], target[..., i], batch.frame_valid) for i in (0, 1)]

    for step in range(40):
        optimiser.zero_grad()
        sum(losses(*lagged(8, 4, 2 * step))).backward()
        optimiser.step()
    built.eval()
    with torch.no_grad():
        assert max(losses(*lagged(16, 4, 1001))) < 0.5


def test_features_are_joined_in_the_order_of_the_groups():
    settings, batch = MambaVASettings(**SMALL), clip()
    torch.manual_seed(0)
    one = MambaVA(settings, DIMS, GROUPS).eval()
    torch.manual_seed(0)
    joined = torch.cat([batch.target["face"].rows, batch.target["voice"].rows], dim=-1)
    other = MambaVA(settings, {"all": 8}, {"visual": ["all"]}).eval()
    assert torch.equal(answer(one, batch), answer(other, clip(all=joined)))
    alone = MambaVA(settings, DIMS, {"visual": ["face"], "audio": []}).eval()
    changed = clip(face=batch.target["face"].rows, voice=batch.target["voice"].rows + 9.0)
    assert torch.equal(answer(alone, batch), answer(alone, changed))


def test_an_unknown_feature_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match="gaze"):
        MambaVA(MambaVASettings(**SMALL), DIMS, {"visual": ["gaze"]})


def test_levels_may_be_alike_and_what_is_no_width_is_refused():
    assert MambaVASettings(**SMALL | {"channels": (16, 16)}).channels == (16, 16)
    with pytest.raises(ValueError, match="channels"):
        MambaVASettings(**SMALL | {"channels": (16, 0)})
    with pytest.raises(ValueError, match="init"):
        MambaVASettings(**SMALL, init="released")
