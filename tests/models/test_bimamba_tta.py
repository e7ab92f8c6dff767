"""BiMamba-TTA: the released configuration, its layers written out, and that it learns."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from affectssm.errors import ConfigError
from affectssm.models.bimamba_tta import RELEASED, BiMambaTTA
from affectssm.models.segments import SegmentOutput, classification_loss
from affectssm.settings.signal_models import BiMambaTTASettings
from tests.models.physio import CHANNELS, RATE, SMALL, planted, segments, small


def released(**changes) -> BiMambaTTA:
    return BiMambaTTA(BiMambaTTASettings(**changes), RELEASED, rate=128, samples=512)


def count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_released_configuration_has_exactly_the_papers_parameters():
    built = released()
    assert count(built) == 22_431  # in the paper, and counted from the released code
    assert count(released(bidirectional=False)) == 18_233
    assert all(encoder.steps == 16 for encoder in built.encoders.values())
    kernels = [conv.kernel_size[1] for conv in built.roles()["first_conv"]]
    assert kernels == [64, 32, 16] * 3
    # the released list of BatchNorms that are adapted
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in built.modules()) == 21


def test_kernels_and_means_scale_with_the_sampling_rate():
    slow, fast = released(), BiMambaTTA(BiMambaTTASettings(), RELEASED, rate=256, samples=1024)
    assert [conv.kernel_size[1] for conv in fast.roles()["first_conv"]] == [128, 64, 32] * 3
    first = sum(conv.weight.numel() for conv in slow.roles()["first_conv"])
    assert count(fast) == count(slow) + first
    with torch.no_grad():
        assert fast(segments(2, RELEASED, 1024)).logits.shape == (2, 2)


@pytest.mark.parametrize("rate", [30, 36, 50])  # kernels of even and odd length, a remainder or none
@pytest.mark.parametrize("samples", [140, 163])
def test_any_rate_and_length_fits(rate, samples):
    built = BiMambaTTA(BiMambaTTASettings(**SMALL), CHANNELS, rate, samples, classes=3)
    out = built(segments(2, samples=samples))
    assert out.logits.shape == (2, 3)
    assert list(out.modalities) == list(CHANNELS)
    assert all(logits.shape == (2, 3) for logits in out.modalities.values())


def released_encoder(x, w, prefix, windows, halves, pool, training):
    """The layers of the released encoder up to its BiMamba, one after the other."""

    def norm(h, name):
        stats = (
            None if training else w[f"{name}.running_mean"],
            None if training else w[f"{name}.running_var"],
        )
        return F.batch_norm(h, *stats, w[f"{name}.weight"], w[f"{name}.bias"], training)

    def separable(h, name, stride=1):
        h = F.conv2d(h, w[f"{name}.0.weight"], w[f"{name}.0.bias"], (stride, 1), groups=h.shape[1])
        return F.leaky_relu(F.conv2d(h, w[f"{name}.1.weight"], w[f"{name}.1.bias"]))

    outputs = []
    for number, window in enumerate(windows):
        at = f"{prefix}.branches.{number}"
        h = F.conv2d(
            x.unsqueeze(1), w[f"{at}.temporal.weight"], w[f"{at}.temporal.bias"], padding=(0, window // 2)
        )
        h = F.avg_pool2d(F.leaky_relu(norm(h, f"{at}.norm")), (1, pool))
        if halves:
            parts = separable(h, f"{at}.spatial.whole"), separable(h, f"{at}.spatial.halves", x.shape[1] // 2)
            h = separable(norm(torch.cat(parts, 2), f"{at}.spatial.norm"), f"{at}.spatial.join")
        else:
            h = F.conv2d(h, w[f"{at}.spatial.weight"], w[f"{at}.spatial.bias"])
        outputs.append(F.leaky_relu(norm(h, f"{at}.spatial_norm")))
    return torch.cat(outputs, -1).squeeze(2)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_answers_are_those_of_the_released_layers(training, bidirectional):
    built, x = small(dtype=torch.float64, bidirectional=bidirectional), segments(dtype=torch.float64)
    w = {name: value.clone() for name, value in built.state_dict().items()}
    found = built.train(training)(x)
    features = []
    for name, encoder in built.encoders.items():
        windows = (RATE // 2, RATE // 4, RATE // 8)
        h = released_encoder(x[name], w, f"encoders.{name}", windows, name == "eeg", RATE // 8, training)
        h = h + encoder.mixer(h.mT).mT
        smooth = f"encoders.{name}.smooth.0"
        h = F.avg_pool1d(F.conv1d(h, w[f"{smooth}.weight"], w[f"{smooth}.bias"], padding=8), 6)
        features.append(h)
        alone = F.linear(h.flatten(1), w[f"heads.{name}.2.weight"], w[f"heads.{name}.2.bias"])
        torch.testing.assert_close(found.modalities[name], alone)
    fused = built.fusion(torch.cat(features, 1)).flatten(1)
    torch.testing.assert_close(found.logits, F.linear(fused, w["head.2.weight"], w["head.2.bias"]))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("changes", [{}, {"smooth_steps": 5, "smooth_pool": 4}])
def test_both_formulations_make_the_same_step_and_draw_the_same_dropout(training, changes):
    x, labels, found = segments(dtype=torch.float64), torch.tensor([0, 1, 1, 0, 1]), []
    for formulation in ("auto", "plain"):
        built = small(dtype=torch.float64, formulation=formulation, dropout=0.5, **changes).train(training)
        torch.manual_seed(1)
        out = built(x)
        classification_loss(out, labels, 0.3).backward()
        values = [out.logits, *out.modalities.values(), *(p.grad for p in built.parameters())]
        found.append([*values, *(b.double() for b in built.buffers())])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12)


def test_every_parameter_learns_and_the_order_of_a_batch_does_not_matter():
    built, x = small(), segments()
    labels = torch.tensor([0, 1, 1, 0, 1])
    out = built(x)
    classification_loss(out, labels, 0.3).backward()
    unused = [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # the batch's own mean takes a bias before a BatchNorm away
    assert all(name.endswith(("temporal.bias", "spatial.bias")) for name in unused)
    built.eval()
    turned = {name: x[name] for name in reversed(x)}
    assert torch.equal(built(x).logits, built(turned).logits)


def test_a_modality_of_zeros_gives_finite_answers_and_gradients():
    built, x = small(), segments()
    for training in (True, False):
        built.train(training)
        out = built(x | {"eog": torch.zeros_like(x["eog"])})
        classification_loss(out, torch.tensor([0, 1, 1, 0, 1]), 0.3).backward()
        assert all(p.grad.isfinite().all() for p in built.parameters())


def test_the_loss_is_the_likelihood_of_all_heads():
    rng = torch.Generator().manual_seed(0)
    joint, one, two = torch.randn(3, 4, 2, generator=rng, dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 0])

    def nll(logits):
        p = logits.exp() / logits.exp().sum(1, keepdim=True)
        return -p[range(4), labels].log().mean()

    out = SegmentOutput(joint, {"a": one, "b": two})
    torch.testing.assert_close(
        classification_loss(out, labels, 0.5), nll(joint) + 0.5 * (nll(one) + nll(two))
    )
    torch.testing.assert_close(classification_loss(SegmentOutput(joint), labels, 0.5), nll(joint))


def test_what_cannot_be_built_is_refused_with_a_reason():
    with pytest.raises(ConfigError, match="7 channels"):
        small({"eeg": 7})
    with pytest.raises(ConfigError, match="at least one"):
        small({})
    with pytest.raises(ConfigError, match="encoder of eeg"):
        BiMambaTTA(BiMambaTTASettings(), RELEASED, rate=128, samples=30)
    with pytest.raises(ConfigError, match="0 samples at 4 Hz"):
        BiMambaTTA(BiMambaTTASettings(), RELEASED, rate=4, samples=60)


def test_learns_what_the_halves_of_the_head_do():
    built = small()
    optimiser = torch.optim.Adam(built.parameters(), lr=1e-2)
    for step in range(30):
        x, labels = planted(24, seed=2 * step)
        optimiser.zero_grad()
        classification_loss(built(x), labels, 0.3).backward()
        optimiser.step()
    x, labels = planted(64, seed=1001)
    with torch.no_grad():
        assert (built.eval()(x).logits.argmax(1) == labels).float().mean() > 0.9
