"""Small clips of noise and small models of clips."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectssm.models.build import clip_model

DIMS = {"text": 5, "audio": 3, "vision": 4}
SMALL = {"d_model": 8, "layers": 2, "hidden": 16}
COUPLINGS = ("mean", "sum", "mix", "pairwise", "none", "layerwise")
FUSIONS = ("average_fusion", "concat_fusion", "mamba_fusion", "attention_fusion")
EVERY = [
    *(("coupled_mamba", {"coupling": coupling}) for coupling in COUPLINGS),
    ("coupled_mamba", {"pooling": "max", "input": "released"}),
    *((name, {}) for name in FUSIONS),
    ("attention_fusion", {"fused": False}),
]

Batch = tuple[dict[str, Tensor], dict[str, Tensor]]


def clips(batch: int = 3, length: int = 9, dtype: torch.dtype = torch.float32, seed: int = 1) -> Batch:
    """Values and masks; every modality has steps that are not there."""
    rng = torch.Generator().manual_seed(seed)
    values = {name: torch.randn(batch, length, dim, generator=rng).to(dtype) for name, dim in DIMS.items()}
    masks = {name: torch.rand(batch, length, generator=rng) > 0.3 for name in DIMS}
    return values, masks


def model(name: str, dims: dict[str, int] | None = None, outputs: int = 1, **changes) -> nn.Module:
    """A model whose parameters are off their starting values, which hide missing terms."""
    torch.manual_seed(0)
    small = SMALL | ({} if name == "attention_fusion" else {"d_state": 4, "dt_rank": 2})
    built = clip_model(name, small | changes, DIMS if dims is None else dims, outputs)
    for parameter in built.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return built.eval()
