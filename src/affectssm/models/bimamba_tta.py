"""BiMamba-TTA (Jia et al., NeurIPS 2025): a multimodal network of bidirectional Mambas for segments of several signals.

    every modality: three-branch temporal encoder with a BiMamba over time -> (T_i, S); a head of its own
    the encoders' channels one below the other (sum of T_i, S) -> BiMamba over the channels -> head

In the inter-modal BiMamba the sequence runs over channels and the S steps are its width, so the modalities enrich one
another in both directions. Where the paper's text and the released code differ, the code is followed (mean of two
directions inside the block, Mamba's discretisation), except that the released block runs one direction although it
holds the parameters of both: ``bidirectional: false`` is that behaviour, without the dead parameters. The heads give
logits; the released ones give probabilities, on which a cross-entropy would be taken twice.

Other modalities than the released ones are new ones of the same kind; the order in which they are given is the order in
which the inter-modal BiMamba meets them.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from affectssm.models.segments import SegmentModel, SegmentOutput, Segments
from affectssm.models.temporal_encoder import Branch, TemporalEncoder
from affectssm.settings.signal_models import BiMambaTTASettings
from affectssm.ssm.mamba import BiMamba

RELEASED = {"eeg": 32, "eog": 2, "emg": 2}  # channels in the released configuration: 512 samples at 128 Hz


class BiMambaTTA(SegmentModel):
    """The model. An odd number of channels with hemispheres is refused."""

    Settings = BiMambaTTASettings

    def build(self, settings: BiMambaTTASettings, rate: float, samples: int, classes: int) -> None:
        encoders = {
            name: TemporalEncoder(settings, name, count, rate, samples, self.formulation)
            for name, count in self.channels.items()
        }
        self.encoders = nn.ModuleDict(encoders)
        self.heads = nn.ModuleDict(
            {
                name: head(encoder.width * encoder.steps, settings.dropout, classes)
                for name, encoder in encoders.items()
            }
        )
        width, steps = sum(e.width for e in encoders.values()), next(iter(encoders.values())).steps
        self.fusion = BiMamba(
            steps,
            settings.inter_d_state,
            settings.inter_d_conv,
            settings.expand,
            bidirectional=settings.bidirectional,
        )
        self.head = head(width * steps, settings.dropout, classes)

    def forward(self, segments: Segments) -> SegmentOutput:
        """Logits of B segments: their samples (B, C_m, L) by modality -> (B, N), and every modality's own."""
        features = {name: encoder(segments[name]) for name, encoder in self.encoders.items()}  # (B, T_i, S)
        alone = {name: self.heads[name](h) for name, h in features.items()}
        return SegmentOutput(self.head(self.fusion(torch.cat(list(features.values()), dim=1))), alone)

    def roles(self) -> dict[str, list[nn.Module]]:
        """Role -> the modules that an adaptation method may ask for.

        The roles are ``first_conv``, ``intra_out``, ``fusion_in``, ``fusion_out`` and ``modality_heads``.
        """
        encoders = [cast(TemporalEncoder, encoder) for encoder in self.encoders.values()]
        return {
            "first_conv": [cast(Branch, branch).temporal for e in encoders for branch in e.branches],
            "intra_out": [e.mixer.out_proj for e in encoders],
            "fusion_in": [self.fusion.in_proj],
            "fusion_out": [self.fusion.out_proj],
            "modality_heads": list(self.heads.children()),
        }


def head(inputs: int, dropout: float, classes: int) -> nn.Sequential:
    """(B, T, S) -> logits (B, N)."""
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(inputs, classes))
