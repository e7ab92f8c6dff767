"""The mixer of the past against transformers' MambaMixer, and frame by frame against itself."""

from __future__ import annotations

import pytest
import torch

from affectssm.ssm.backends import use_backend
from affectssm.ssm.mamba import BiMamba, Mamba
from affectssm.torchvision_ops import ensure_torchvision_ops

WIDTH, STATES, CONV, RANK = 24, 5, 4, 2


def ours(dtype: torch.dtype, **changes) -> Mamba:
    """A mixer none of whose parameters is zero or one."""
    torch.manual_seed(0)
    built = Mamba(WIDTH, STATES, **{"d_conv": CONV} | changes)
    for parameter in built.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return built.to(dtype)


def theirs(dtype: torch.dtype) -> torch.nn.Module:
    ensure_torchvision_ops()
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    config = MambaConfig(
        hidden_size=WIDTH, state_size=STATES, conv_kernel=CONV, expand=2, time_step_rank=RANK, num_hidden_layers=1
    )  # fmt: skip
    return MambaMixer(config, layer_idx=0).to(dtype)


def as_ours(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Their parameters, or the gradients of them, under our names and in our shapes."""
    names = {
        "conv1d.bias": "conv_bias", "x_proj.weight": "x_proj", "dt_proj.weight": "dt_proj",
        "dt_proj.bias": "dt_bias", "A_log": "A_log", "D": "D",
    }  # fmt: skip
    found = {mine: values[name].unsqueeze(0) for name, mine in names.items()}
    found["conv_weight"] = values["conv1d.weight"].permute(2, 1, 0)
    return found | {name: values[name] for name in ("in_proj.weight", "out_proj.weight")}


def with_our_weights(module: torch.nn.Module, mixer: Mamba) -> None:
    mine = mixer.state_dict()
    with torch.no_grad():
        for name, view in as_ours(dict(module.named_parameters())).items():
            view.copy_(mine[name])


def assert_near(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> None:
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("length", [1, 30])
def test_outputs_and_gradients_are_transformers(backend, dtype, tolerance, length, monkeypatch):
    # A, D and B are rounded to float32 there whatever the number format is
    monkeypatch.setattr(torch.Tensor, "float", lambda self: self)
    mixer, module = ours(dtype), theirs(dtype)
    with_our_weights(module, mixer)
    x = torch.randn(3, length, WIDTH, dtype=dtype)
    outward = torch.randn(3, length, WIDTH, dtype=dtype)

    def run(model: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        source = x.clone().requires_grad_()
        y = model(source)
        y.backward(outward)
        return y, source.grad, {name: p.grad for name, p in model.named_parameters()}

    y_expected, dx_expected, expected = run(module)
    with use_backend(backend):
        y, dx, found = run(mixer)
    assert_near(y, y_expected, tolerance)
    assert_near(dx, dx_expected, tolerance)
    expected = as_ours(expected)
    assert expected.keys() == found.keys()
    for name, gradient in found.items():
        assert_near(gradient, expected[name], tolerance)


@pytest.mark.parametrize(
    ("dtype", "state", "tolerance"),
    [
        (torch.float64, torch.float64, 1e-12),
        (torch.float32, torch.float32, 1e-5),
        (torch.bfloat16, torch.float32, 3e-2),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("d_conv", [1, 4])
def test_frame_by_frame_is_the_whole_sequence(dtype, state, tolerance, masked, d_conv):
    mixer = ours(dtype, d_conv=d_conv)
    x = torch.randn(2, 40, WIDTH, dtype=dtype)
    mask = torch.rand(2, 40) > 0.3 if masked else None
    with torch.no_grad():
        expected, memory = mixer(x, mask), mixer.initial_state(2)
        for t in range(40):
            y, memory = mixer.step(x[:, t], memory, None if mask is None else mask[:, t])
            assert y.dtype == dtype and memory.h.dtype == memory.window.dtype == state
            assert (y - expected[:, t]).abs().max() <= tolerance * expected.abs().max()


def test_a_step_leaves_the_state_it_was_given_alone():
    mixer = ours(torch.float32)
    before = mixer.initial_state(1)
    x = torch.randn(1, WIDTH)
    first, after = mixer.step(x, before)
    second, _ = mixer.step(x, before)
    assert torch.equal(first, second) and not before.h.any() and not before.window.any()
    assert after.h.any() and after.window.any()


def test_a_bidirectional_mixer_refuses_to_go_frame_by_frame():
    mixer = BiMamba(WIDTH, STATES)
    with pytest.raises(ValueError, match="take Mamba"):
        mixer.initial_state(1)
    with pytest.raises(ValueError, match="take Mamba"):
        mixer.step(torch.randn(1, WIDTH), ours(torch.float32).initial_state(1))
