"""Mamba-VA (Liang et al. 2025, sections 3.2 and 3.3): valence and arousal of every frame from features of a video.

    features (B, L, D) -> TCN (B, L, d) -> norm over d -> layers x [x = LN(Mamba(x) + x)] -> Linear d to d
                       -> Linear to hidden -> ReLU -> Linear to 2

Sizes the paper leaves out are its released code's (github FreedomPuppy77/Charon); written from a description of it, for
it carries no licence. The first norm has no weights: the released code applies InstanceNorm1d to (B, L, d), which takes
L for channels and so norms every frame over its d features. Nothing bounds an answer in training; in evaluation it is
clipped to [-1, 1].

Everything looks at the past alone, unless ``bidirectional`` is on, which lets the Mamba layers (not the TCN) see the
future; their backward direction starts at the last frame inside the recording.

``parts`` takes one part alone at the parameters of the whole, so that a difference is the part's and not the size's:

* ``tcn``: TCN -> head. Every level is wider by one factor.
* ``mamba``: Linear D to d -> encoder -> head. A Mamba layer takes the place of every level of the TCN, so there are as
  many as the whole has levels and layers; all of one width d.
* ``frame``: Linear D to d -> head, which answers a frame from its own features alone: the baseline without time. It is
  not widened.

The width of ``tcn`` and of ``mamba``, in steps of a 64th of the whole's, is the one that comes nearest to the whole's
count of parameters.

B windows, L frames, D features, d the width of the Mamba layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affectssm.families.video.stages.models.tcn import TCN
from affectssm.models.build import parameter_count
from affectssm.models.feature_groups import FrameModel, Stacks
from affectssm.models.recompute import BLOCKS, Recomputed
from affectssm.settings.video import MambaVASettings
from affectssm.ssm.mamba import BiMamba
from affectssm.timeline.frame_batch import FrameBatch

TARGETS = ("valence", "arousal")
FINENESS = 64  # steps between the widths of a part alone make up the whole's


@dataclass
class VideoOutput:
    """A model's answer."""

    prediction: Tensor  # (B, L, 2): valence, arousal


class MambaLayer(nn.Module):
    """Post-norm: x = LN(Mamba(x) + x)."""

    recomputed = BLOCKS

    def __init__(self, settings: MambaVASettings, width: int) -> None:
        super().__init__()
        self.mixer = BiMamba(
            width,
            settings.d_state,
            settings.d_conv,
            settings.expand,
            bidirectional=settings.bidirectional,
            init=settings.init,
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, d) and mask (B, L), True where a frame counts -> (B, L, d)."""
        return self.norm(self.mixer(x, mask) + x)


class MambaEncoder(nn.Module):
    """Norm over the features of a frame, Mamba layers, Linear."""

    def __init__(self, settings: MambaVASettings, width: int, layers: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.layers = nn.ModuleList(MambaLayer(settings, width) for _ in range(layers))
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, d) and mask (B, L), True where a frame counts -> (B, L, d)."""
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, mask)
        return self.project(x)


class Network(nn.Module):
    """What of the model is there, at some width of its last level.

    Args:
        settings: sizes and switches; ``parts`` says what is there.
        inputs: D.
        width: channels of the last level, to which the others are in proportion, and d.
    """

    def __init__(self, settings: MambaVASettings, inputs: int, width: int) -> None:
        super().__init__()
        layers = settings.layers
        self.local: nn.Module
        self.encoder: MambaEncoder | None = None
        if settings.parts in ("mamba", "frame"):
            self.local = nn.Linear(inputs, width)
            layers += len(settings.channels)
        else:
            channels = [round(c * width / settings.channels[-1]) for c in settings.channels]
            normal = settings.conv_init == "normal"
            self.local = TCN(inputs, channels, settings.kernel, settings.dropout, normal)
        if settings.parts in ("both", "mamba"):
            self.encoder = MambaEncoder(settings, width, layers)
        self.head = Recomputed(
            nn.Linear(width, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, len(TARGETS))
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, D) and mask (B, L), True where a frame counts -> (B, L, 2)."""
        x = self.local(x)
        if self.encoder is not None:
            x = self.encoder(x, mask)
        return self.head(x)


class MambaVA(FrameModel):
    """The model. The features of all groups are joined along D in their order; an invalid row is zero."""

    Settings = MambaVASettings

    def build(self, settings: MambaVASettings, stacks: Stacks) -> None:
        self.features = [name for group in stacks.values() for name in group]
        inputs = sum(dim for group in stacks.values() for dim in group.values())
        self.bidirectional = settings.bidirectional
        self.network = Network(settings, inputs, width_of(settings, inputs))

    def forward(self, batch: FrameBatch) -> VideoOutput:
        """Valence and arousal of every frame. Frames outside the recording are answered, without meaning."""
        x = torch.cat([batch.target[name].frames() for name in self.features], dim=-1)
        # frames outside come after all others, which the past does not see
        prediction = self.network(x, batch.frame_valid if self.bidirectional else None)
        return VideoOutput(prediction if self.training else prediction.clamp(-1, 1))


def width_of(settings: MambaVASettings, inputs: int) -> int:
    """The model's width d; that of the TCN or Mamba alone comes nearest to the parameters of the whole."""
    own = settings.channels[-1]
    if settings.parts in ("both", "frame"):
        return own

    def count(width: int, parts: str = settings.parts) -> int:
        with torch.device("meta"):
            return parameter_count(Network(settings.model_copy(update={"parts": parts}), inputs, width))

    budget, step = count(own, "both"), max(1, own // FINENESS)
    low, high = 1, 2
    while count(step * high) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(step * middle) < budget else (low, middle)
    return min((step * low, step * high), key=lambda width: abs(count(width) - budget))
