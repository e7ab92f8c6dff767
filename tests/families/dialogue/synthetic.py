"""Dialogue batches out of a random generator, for tests and measurements."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch

DIMS = {"voice": 5, "words": 3, "face": 4, "flow": 2}
GROUPS = {"audio": ["voice", "words"], "visual": ["face", "flow"]}


def dialogue(
    size: int = 3,
    seats: int = 1,
    length: int = 96,
    dims: dict[str, int] = DIMS,
    seed: int = 0,
    missing: float = 0.0,
) -> FrameBatch:
    """Noise in every feature; every seat taken; a share of the feature frames missing."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> dict[str, FeatureFrames]:
        valid = {name: torch.rand(*shape, generator=rng) >= missing for name in dims}
        noise = {name: torch.randn(*shape, dim, generator=rng) for name, dim in dims.items()}
        return {name: FeatureFrames.at_rows(noise[name], valid[name]) for name in dims}

    return FrameBatch(
        people=together(draw(size, length), draw(size, seats, length)),
        partner_present=torch.ones(size, seats, dtype=torch.bool),
        frame_valid=torch.ones(size, length, dtype=torch.bool),
    )


def together(
    target: dict[str, FeatureFrames], partners: dict[str, FeatureFrames]
) -> dict[str, FeatureFrames]:
    """A target (B, ...) and its partners (B, P, ...) as people, copied."""
    return {
        name: FeatureFrames(
            *(
                torch.cat([getattr(own, tensor)[None], getattr(partners[name], tensor).transpose(0, 1)])
                for tensor in vars(own)
            )
        )
        for name, own in target.items()
    }


def seat(batch: FrameBatch, order: list[int]) -> FrameBatch:
    """The same dialogue with its seats taken in another order, or some left out."""
    return replace(
        batch,
        people={
            name: own.each(lambda x: x[[0, *(1 + at for at in order)]]) for name, own in batch.people.items()
        },
        partner_present=batch.partner_present[:, order],
    )


def lagged(size: int, lag: int, seed: int, length: int = 96, slow: int = 1) -> tuple[FrameBatch, Tensor]:
    """A dialogue whose engagement (B, L) is what the partner's voice did ``lag`` frames earlier, among noise.

    The voice is a wave of random phase, of 0.6 to 1.2 s at 100 Hz (times ``slow``), in one direction of the
    feature's space.
    """
    batch = dialogue(size, 1, length, seed=seed)
    rng = torch.Generator().manual_seed(seed + 1)
    phase = 6.28 * torch.rand(size, 1, generator=rng)
    period = slow * (60 + 60 * torch.rand(size, 1, generator=rng))

    def wave(earlier: int) -> Tensor:
        return torch.sin(6.28 * (torch.arange(length) - earlier) / period + phase)

    direction = torch.linspace(-1, 1, DIMS["voice"])
    batch.partners["voice"].rows.mul_(0.3).add_(wave(0)[:, None, :, None] * direction)
    return batch, 0.5 + 0.4 * wave(lag)
