"""From the cues of a participant to one sequence a modality group.

L frames, D_f the dimension of cue f, d the model width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectssm.models.recompute import ALL


class CueProjection(nn.Module):
    """Layer norm over a cue's dimensions and a 1x1 convolution to d, ``W LN(x) + V (mean, spread) + b``, then GELU.

    LN alone would throw away what all dimensions of a cue do together (the motion of a whole face, the loudness of
    an utterance): the mean and the spread it takes out come back as two more inputs. LN has no weights of its own
    (W would absorb them) and is folded through W, so that the wide input is read, never copied. An invalid frame is
    replaced by a learned vector.
    """

    EPS = 1e-5

    def __init__(self, dim: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Linear(dim, d_model, bias=False)
        self.level = nn.Linear(2, d_model)
        self.missing = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """x (..., L, D_f), valid (..., L) -> (..., L, d)."""
        mean = x.mean(dim=-1, keepdim=True)
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        spread = (norm.square() / x.shape[-1] - mean.square()).clamp(min=0).add(self.EPS).sqrt()
        shape = (self.weight(x) - mean * self.weight.weight.sum(dim=1)) / spread
        level = self.level(torch.asinh(torch.cat([mean, spread], dim=-1)))
        return torch.where(valid.unsqueeze(-1), F.gelu(shape + level), self.missing)


class GroupEncoder(nn.Module):
    """The cues of one modality group side by side, then a linear map to d."""

    recomputed = ALL

    def __init__(self, dims: Mapping[str, int], d_model: int) -> None:
        super().__init__()
        self.cues = nn.ModuleDict({name: CueProjection(dim, d_model) for name, dim in dims.items()})
        self.combine = nn.Linear(len(dims) * d_model, d_model)

    def forward(self, features: Mapping[str, Tensor], valid: Mapping[str, Tensor]) -> Tensor:
        """features (..., L, D_f) and valid (..., L) by name -> (..., L, d)."""
        parts = [project(features[name], valid[name]) for name, project in self.cues.items()]
        return self.combine(torch.cat(parts, dim=-1))
