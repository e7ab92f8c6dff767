"""Parts that are computed twice, and products in half precision: what they change of a step, and what they do not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from affectssm.errors import ConfigError
from affectssm.families.clips.catalogue import experiments_of
from affectssm.families.clips.experiments import run_settings
from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.task import recipe_of
from affectssm.families.configuration import load_config
from affectssm.families.dialogue.stages.models.da_mamba import DAMamba
from affectssm.families.dialogue.stages.models.dat import DAT
from affectssm.families.video.stages.models.mamba_va import MambaVA
from affectssm.models.build import segment_model
from affectssm.plan.plan import Plan
from affectssm.settings.dialogues import DAMambaSettings, DATSettings
from affectssm.settings.signal_models import MambaFormerSettings
from affectssm.settings.video import MambaVASettings
from affectssm.training.computing import computed, in_half
from tests.families.clips.small_clips import clips
from tests.families.clips.small_clips import model as clip_model
from tests.families.dialogue import synthetic
from tests.families.video import clips as videos
from tests.models import physio

DROPOUT = 0.4
Step = Callable[[nn.Module], Tensor]


def frames(batch: object) -> Step:
    return lambda model: model(batch).prediction.square().mean()


def dialogue_models() -> tuple[nn.Module, nn.Module]:
    small = {"d_model": 8, "d_state": 2, "expand": 1, "ffn": 2, "blocks": 2, "heads": 2, "dropout": DROPOUT}
    dat = {"d_model": 8, "heads": 2, "dim_head": 4, "dim_head_cross": 4, "dropout": DROPOUT}
    names = synthetic.DIMS, synthetic.GROUPS
    return DAMamba(DAMambaSettings(**small), *names), DAT(DATSettings(**dat), *names)


def mamba_va() -> nn.Module:
    small = {"channels": (12, 8), "kernel": 3, "layers": 2, "d_state": 3, "hidden": 6, "conv_init": "fan_in"}
    return MambaVA(MambaVASettings(**small, dropout=DROPOUT), videos.DIMS, videos.GROUPS)


def mambaformer() -> nn.Module:
    settings = MambaFormerSettings(d_model=8, layers=2, dropout=DROPOUT)
    return segment_model("mambaformer", settings, physio.CHANNELS, physio.RATE, physio.SAMPLES)


def a_dialogue() -> Step:
    return frames(synthetic.dialogue(2, 2, 40, missing=0.2))


def segments(model: nn.Module) -> Tensor:
    return model(physio.segments(4)).logits.square().mean()


def a_clip(model: nn.Module) -> Tensor:
    return model(*clips()).square().mean()


MODELS: dict[str, tuple[Callable[[], nn.Module], Step]] = {
    "da_mamba": (lambda: dialogue_models()[0], a_dialogue()),
    "dat": (lambda: dialogue_models()[1], a_dialogue()),
    "mamba_va": (mamba_va, frames(videos.clip(2, 30))),
    "bimamba_tta": (lambda: physio.small(dropout=DROPOUT), segments),
    "mambaformer": (mambaformer, segments),
    "coupled_mamba": (lambda: clip_model("coupled_mamba", dropout=DROPOUT), a_clip),
    "attention_fusion": (lambda: clip_model("attention_fusion", dropout=DROPOUT), a_clip),
}
HAVE_MORE = ("da_mamba", "dat", "mamba_va", "coupled_mamba", "attention_fusion")


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def step(name: str, level: str) -> tuple[Tensor, list[Tensor], list[Tensor], int]:
    """Loss, gradients and buffers after a step with dropout, and the bytes that were kept for it."""
    build, loss_of = MODELS[name]
    torch.manual_seed(0)
    model = build().train()
    own = {id(p.untyped_storage()) for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t), computed(model, level):
        loss = loss_of(model)
    loss.backward()
    gradients = [torch.zeros(()) if p.grad is None else p.grad for p in model.parameters()]
    return loss, gradients, list(model.buffers()), sum(kept.values())


def test_parts_that_are_computed_twice_change_no_value_and_keep_less(name):
    loss, gradients, buffers, kept = step(name, "none")
    assert any(float(g.abs().max()) > 0 for g in gradients)
    bytes_kept = [kept]
    for level in ("blocks", "all"):
        again = step(name, level)
        torch.testing.assert_close(again[0], loss, rtol=1e-6, atol=0)
        for found, wanted in zip(again[1], gradients, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6)
        for found, wanted in zip(again[2], buffers, strict=True):
            assert torch.equal(found, wanted), "statistics of a batch count once"
        bytes_kept.append(again[3])
    assert bytes_kept[1] < 0.8 * bytes_kept[0]
    assert bytes_kept[2] < bytes_kept[1] if name in HAVE_MORE else bytes_kept[2] == bytes_kept[1]


def test_a_model_is_as_it_was_afterwards(name):
    model = MODELS[name][0]()
    before = [(id(module), dict(module.__dict__)) for module in model.modules()]
    with computed(model, "all"), in_half(model, "cpu"):
        assert "forward" in model.__dict__
    with pytest.raises(RuntimeError, match="on the way"), computed(model, "all"):
        raise RuntimeError("on the way")
    assert [(id(module), dict(module.__dict__)) for module in model.modules()] == before


@pytest.mark.parametrize("level", ["none", "all"])
def test_half_precision_answers_in_single_and_comes_near(name, level):
    build, loss_of = MODELS[name]
    torch.manual_seed(0)
    model = build().eval()
    found = []
    for precision in (nullcontext(), in_half(model, "cpu")):
        model.zero_grad()
        with computed(model, level), precision:
            loss = loss_of(model)
        loss.backward()
        assert loss.dtype == torch.float32
        assert all(p.grad.dtype == torch.float32 for p in model.parameters() if p.grad is not None)
        found.append([loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    assert not torch.equal(found[0][0], found[1][0]), "products are rounded"
    largest = max(float(g.abs().max()) for g in found[0][1:])
    for single, half in zip(*found, strict=True):
        torch.testing.assert_close(half, single, rtol=0.1, atol=0.1 * largest)


def test_a_cpu_refuses_half_precision():
    with (
        pytest.raises(ConfigError, match="bfloat16 on a CPU"),
        computed(nn.Linear(1, 1), precision="bfloat16"),
    ):
        raise AssertionError


def test_what_a_run_is_told_says_how_it_is_computed():
    asked = {"recompute": "blocks", "precision": "bfloat16"}
    names = ("dialogue", "biosignals", "video", "clips")
    plan = Plan({"scale": "tiny", **{name: {"training": asked} for name in names}})
    ways = {"dialogue": ("1",), "biosignals": ("1",), "video": ("fold0", "1"), "clips": ([1111],)}
    for name in names:
        family = plan.families[name]
        told = family.run_settings(next(iter(family.experiments)), *ways[name])
        assert told["training"].items() >= asked.items()


def test_the_recipe_of_clips_says_how_they_are_computed():
    settings = load_config({"clips": {"training": {"recompute": "all"}}})
    (first, *_) = experiments_of("sims_regression", settings)
    recipe = recipe_of(RunSettings.model_validate(run_settings(settings, first, [1])), 10)
    assert (recipe["recompute"], recipe["precision"]) == ("all", "float32")
