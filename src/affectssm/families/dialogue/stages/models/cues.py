"""From the cues of a participant to one sequence a modality group.

L frames, D_f the dimension of cue f, d the model width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from affectssm.models.recompute import ALL
from affectssm.timeline.feature_frames import FeatureFrames


class CueProjection(nn.Module):
    """Layer norm over a cue's dimensions and a 1x1 convolution to d: ``W LN(x) + V (mean, spread) + b``.

    LN alone would throw away what all dimensions of a cue do together (the motion of a whole face, the loudness of
    an utterance): the mean and the spread it takes out come back as two more inputs. LN has no weights of its own
    (W would absorb them) and is folded through W, ``W LN(x) = (W - the means of its rows) x / spread``, so that the
    wide input is read, never copied.

    Attributes:
        missing: what stands for an invalid frame once the others went through GELU.
    """

    EPS = 1e-5

    def __init__(self, dim: int, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Linear(dim, d_model, bias=False)
        self.level = nn.Linear(2, d_model)
        self.missing = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: FeatureFrames) -> Tensor:
        """x (..., L, D_f) -> (..., L, d), zero where invalid."""
        mean, square = x.moments()
        spread = (square - mean.square()).clamp(min=0).add(self.EPS).sqrt()
        level = torch.stack([torch.asinh(mean), torch.asinh(spread), torch.ones_like(mean)], dim=-1)
        of_level = torch.cat([self.level.weight, self.level.bias.unsqueeze(1)], dim=1)  # (d, 3)
        weight = self.weight.weight - self.weight.weight.mean(dim=1, keepdim=True)
        return x.projected(weight, 1 / spread) + F.linear(level * x.valid.unsqueeze(-1), of_level)


class GroupEncoder(nn.Module):
    """The cues of one modality group through GELU and side by side, then a linear map to d.

    An invalid frame of a cue is replaced by a learned vector: GELU leaves its zeros, and what the linear map makes of
    the vector is added.
    """

    recomputed = ALL

    def __init__(self, dims: Mapping[str, int], d_model: int) -> None:
        super().__init__()
        self.cues = nn.ModuleDict({name: CueProjection(dim, d_model) for name, dim in dims.items()})
        self.combine = nn.Linear(len(dims) * d_model, d_model)

    def forward(self, features: Mapping[str, FeatureFrames]) -> Tensor:
        """features (..., L, D_f) by name -> (..., L, d)."""
        cues = {name: cast(CueProjection, cue) for name, cue in self.cues.items()}
        parts = [cue(features[name]) for name, cue in cues.items()]
        weights = self.combine.weight.chunk(len(cues), dim=1)  # (d, d) each
        absent = torch.stack([~features[name].valid for name in cues], dim=-1)
        of_absent = torch.stack(
            [w @ cue.missing for w, cue in zip(weights, cues.values(), strict=True)], dim=1
        )
        made = _Activated.apply(*parts, *(weight.to(parts[0].dtype) for weight in weights))
        return cast(Tensor, made) + F.linear(absent.to(made.dtype), of_absent, self.combine.bias)


class _Activated(torch.autograd.Function):
    """Sum of W GELU(x) over several x (..., d), then as many W (d, d); GELU is computed again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        ctx.save_for_backward(*given)
        parts, weights = given[: len(given) // 2], given[len(given) // 2 :]
        flat = parts[0].flatten(end_dim=-2)
        made = flat.new_zeros(flat.shape)
        with torch.autocast(flat.device.type, enabled=False):
            for part, weight in zip(parts, weights, strict=True):
                made.addmm_(F.gelu(part.reshape(flat.shape)), weight.T)
        return made.view_as(parts[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        given = ctx.saved_tensors
        of_parts, of_weights = [], []
        flat = grad.flatten(end_dim=-2)
        for part, weight in zip(given[: len(given) // 2], given[len(given) // 2 :], strict=True):
            x = part.reshape(flat.shape)
            of_weights.append(flat.T @ F.gelu(x))
            of_parts.append(torch.ops.aten.gelu_backward(flat @ weight, x).view_as(part))
        return *of_parts, *of_weights
