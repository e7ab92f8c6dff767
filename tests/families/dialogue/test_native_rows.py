"""Models of dialogues on native rows answer and learn as on frames that were interpolated first."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from affectssm.families.dialogue.stages.models.cues import GroupEncoder
from affectssm.families.dialogue.stages.models.da_mamba import DAMamba
from affectssm.families.dialogue.stages.models.dat import DAT
from affectssm.settings.dialogues import DAMambaSettings, DATSettings
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.timeline.scaler import Scaler

DIMS = {"voice": 24, "words": 7, "face": 33, "flow": 2}
GROUPS = {"audio": ["voice", "words"], "visual": ["face", "flow"]}
PER_FRAME = {"voice": 0.5, "words": 0.25, "face": 0.25, "flow": 0.6}  # rows a clock frame
SEATS, WINDOWS, LENGTH = 3, 2, 36
DA_MAMBA = {"d_model": 8, "d_state": 2, "expand": 1, "ffn": 1, "blocks": 1, "heads": 2, "dropout": 0.0}
DAT_SIZES = {"d_model": 8, "heads": 2, "dim_head": 4, "dim_head_cross": 4, "dropout": 0.0}


def native() -> FrameBatch:
    """Windows as a loader makes them, float16 rows and all, standardised."""
    torch.manual_seed(0)
    rows, index, phase, valid = {}, {}, {}, {}
    for name, dim in DIMS.items():
        at = PER_FRAME[name] * torch.arange(LENGTH) + torch.rand(SEATS, WINDOWS, 1)
        rows[name] = (3 + 2 * torch.randn(SEATS, WINDOWS, int(at.max()) + 2, dim)).half()
        index[name], phase[name] = at.long(), at % 1
        valid[name] = torch.rand(SEATS, WINDOWS, LENGTH) > 0.1
    scaler = Scaler(
        {name: torch.full((dim,), 3.0) for name, dim in DIMS.items()},
        {name: torch.full((dim,), 2.0) for name, dim in DIMS.items()},
    )
    everywhere = torch.ones(WINDOWS, LENGTH, dtype=torch.bool)
    seated = torch.tensor([[True, True], [True, False]])
    nothing = torch.zeros(WINDOWS, 1)
    batch = NativeBatch(
        rows, index, phase, valid, seated, everywhere, nothing, nothing > 0, torch.arange(WINDOWS)
    )
    return batch.interpolate(scaler)


def first(batch: FrameBatch) -> FrameBatch:
    """The same windows, interpolated first, in float64."""
    people = {
        name: FeatureFrames.at_rows(replace(own, rows=own.rows.double()).frames(), own.valid)
        for name, own in batch.people.items()
    }
    return replace(batch, people=people)


@pytest.mark.parametrize("kind", ["da_mamba", "dat"])
def test_answers_and_gradients_are_those_of_frames_interpolated_first(kind):
    def built() -> DAMamba | DAT:
        torch.manual_seed(1)
        if kind == "dat":
            return DAT(DATSettings(**DAT_SIZES), DIMS, GROUPS)
        return DAMamba(DAMambaSettings(**DA_MAMBA), DIMS, GROUPS)

    model, exact, batch = built(), built().double(), native()
    found, expected = model(batch).prediction, exact(first(batch)).prediction
    torch.testing.assert_close(found, expected.float(), atol=1e-5, rtol=1e-5)
    found.square().sum().backward()
    expected.square().sum().backward()
    for (name, one), other in zip(model.named_parameters(), exact.parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(
                one.grad, other.grad.float(), atol=1e-5, rtol=1e-4, msg=lambda m, name=name: f"{name}: {m}"
            )


def test_a_group_is_the_layer_norms_of_its_cues_and_what_they_take_out():
    torch.manual_seed(0)
    built, batch = GroupEncoder({"face": 33, "words": 7}, 8), native()
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter)
    w = {name: value.double() for name, value in built.state_dict().items()}
    parts = []
    for name in built.cues:
        own = batch.partners[name]
        x = replace(own, rows=own.rows.double()).frames()
        spread = (x.var(-1, correction=0) + 1e-5).sqrt()
        level = torch.asinh(torch.stack([x.mean(-1), spread], -1)) @ w[f"cues.{name}.level.weight"].T
        normed = torch.nn.functional.layer_norm(x, x.shape[-1:]) @ w[f"cues.{name}.weight.weight"].T
        part = torch.nn.functional.gelu(normed + level + w[f"cues.{name}.level.bias"])
        parts.append(torch.where(own.valid.unsqueeze(-1), part, w[f"cues.{name}.missing"]))
    expected = torch.cat(parts, -1) @ w["combine.weight"].T + w["combine.bias"]
    torch.testing.assert_close(built(batch.partners), expected.float(), atol=1e-5, rtol=1e-5)
