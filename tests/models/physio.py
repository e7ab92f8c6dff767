"""Bio-signals out of a random generator, and a small model of them, for tests."""

from __future__ import annotations

import torch
from torch import Tensor

from affectssm.models.bimamba_tta import BiMambaTTA
from affectssm.settings.signal_models import BiMambaTTASettings, Widths

CHANNELS = {"eeg": 6, "eog": 2, "gsr": 1}
RATE, SAMPLES = 32, 128
SMALL = {"widths": Widths(eeg=4, eog=4, gsr=2), "d_state": 4, "inter_d_state": 3, "dropout": 0.0}


def segments(
    size: int = 5, channels=None, samples: int = SAMPLES, seed: int = 0, dtype=None
) -> dict[str, Tensor]:
    """Noise."""
    rng = torch.Generator().manual_seed(seed)
    shapes = (CHANNELS if channels is None else channels).items()
    return {name: torch.randn(size, count, samples, generator=rng, dtype=dtype) for name, count in shapes}


def small(
    channels=None, dtype=torch.float32, formulation: str = "auto", seed: int = 0, **changes
) -> BiMambaTTA:
    """A small model none of whose BatchNorms is as fresh ones are."""
    torch.manual_seed(seed)
    settings = BiMambaTTASettings(**SMALL | changes)
    built = BiMambaTTA(
        settings, CHANNELS if channels is None else channels, RATE, SAMPLES, formulation=formulation
    ).to(dtype)
    for name, value in built.state_dict().items():
        if "norm" in name and value.is_floating_point():
            value += 0.5 * torch.rand_like(value)
    return built


def trained(dtype=torch.float64) -> BiMambaTTA:
    """A small model whose answers differ from sample to sample as a trained one's do."""
    built = small(dtype=dtype).eval()
    with torch.no_grad():
        out = built(segments(64, seed=99, dtype=dtype))
        heads = [(built.head, out.logits), *zip(built.heads.values(), out.modalities.values(), strict=True)]
        for head, logits in heads:
            margin = logits[:, 1] - logits[:, 0]
            head[2].weight.mul_(1.5 / margin.std())
            head[2].bias.copy_(1.5 / margin.std() * head[2].bias)
            head[2].bias[0] += 1.5 * margin.mean() / margin.std()
    return built


def planted(size: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Segments whose class is whether the left half of the EEG swings more slowly than the right, and their labels."""
    noise = segments(size, seed=seed)
    rng = torch.Generator().manual_seed(seed + 1)
    labels = torch.randint(0, 2, (size,), generator=rng)
    time = torch.arange(SAMPLES) / RATE
    phase = 6.28 * torch.rand(size, CHANNELS["eeg"], 1, generator=rng)
    left = (torch.arange(CHANNELS["eeg"]) < CHANNELS["eeg"] // 2).expand(size, -1)
    hertz = torch.where(left == labels[:, None].bool(), 8.0, 2.0).unsqueeze(-1)
    noise["eeg"] = 0.3 * noise["eeg"] + torch.sin(6.28 * hertz * time + phase)
    return noise, labels
