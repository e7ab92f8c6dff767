"""Coupled Mamba: what a step of one modality hears of the others, and its size."""

from __future__ import annotations

import pytest
import torch

from affectssm.models.build import clip_model, parameter_count
from tests.families.clips.small_clips import COUPLINGS, clips, model

PAPER = {"text": 768, "audio": 74, "vision": 35}


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_text_hears_earlier_sound_if_there_is_coupling(coupling):
    values, masks = clips(batch=1, length=8)
    masks = {name: torch.ones_like(mask) for name, mask in masks.items()}
    built = model("coupled_mamba", coupling=coupling)
    before = built.encoded(values, masks)[0]
    values["audio"][:, 3] += 1
    text, audio, vision = (
        (a - b).abs().amax((0, 2)) > 0 for a, b in zip(before, built.encoded(values, masks)[0], strict=True)
    )
    assert audio.nonzero()[0] == 3
    first = {"none": None, "layerwise": 3}.get(
        coupling, 4
    )  # of states the next step hears, of outputs the same
    for other in (text, vision):
        assert not other.any() if first is None else other.nonzero()[0] == first


def test_without_coupling_masked_steps_might_as_well_be_cut_out():
    values, masks = clips(batch=1, dtype=torch.float64)
    built = model(
        "coupled_mamba", coupling="none", d_conv=1
    ).double()  # a convolution sees zeros in their place
    found = built.encoded(values, masks)[0]
    for m, name in enumerate(masks):
        kept = masks[name][0]
        cut = {n: x[:, kept] for n, x in values.items()}
        full = {n: torch.ones(1, int(kept.sum()), dtype=torch.bool) for n in masks}
        torch.testing.assert_close(found[m][:, kept], built.encoded(cut, full)[0][m])


def test_the_papers_size():
    counts = {
        coupling: parameter_count(clip_model("coupled_mamba", {"coupling": coupling}, PAPER, 1))
        for coupling in COUPLINGS
    }
    d, inner, states, rank = 128, 256, 64, 16
    mixer = (
        3 * d * inner
        + inner * (4 + 1)
        + inner * (rank + 2 * states)
        + inner * (rank + 1)
        + inner * (states + 1)
    )
    inputs = sum(columns * d + d + 2 * d for columns in PAPER.values())
    plain = inputs + 9 * (2 * d + mixer) + 3 + d * 64 + 64 + 64 + 1
    assert counts == {
        "mean": plain,
        "sum": plain,
        "none": plain,
        "mix": plain + 3 * 9,
        "pairwise": plain + 3 * 6 * inner * states,
        "layerwise": plain + 2 * 3 * (2 * d * d + d),
    }
