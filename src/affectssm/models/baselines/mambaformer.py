"""MambaFormer (Xu et al., "Integrating Mamba and Transformer for Long-Short Range Time Series Forecasting", 2024), as a
classifier.

Written from the paper's description (its code carries no licence):

    tokens: a few samples of all channels -> linear                no positions: the first Mamba gives them
    Mamba, added and normed
    layers of: causal attention, added and normed; Mamba, added and normed (in place of a feed-forward layer)
    mean over time -> logits                                        here; the paper forecasts

The text calls what precedes the layers a Mamba block. That it is added to the tokens and normed, as within the layers,
and that dropout follows the attention alone, is so in the released code; the paper's figure was not at hand.

B segments, C channels of all modalities, L samples, d width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from affectssm.models.recompute import BLOCKS
from affectssm.models.segments import (
    SegmentModel,
    SegmentOutput,
    Segments,
    in_samples,
    long_enough,
    side_by_side,
)
from affectssm.settings.signal_models import MambaFormerSettings
from affectssm.ssm.mamba import Mamba


class MambaLayer(nn.Module):
    """A Mamba of the past, added and normed: (B, T, d) -> (B, T, d)."""

    def __init__(self, settings: MambaFormerSettings) -> None:
        super().__init__()
        self.mixer = Mamba(settings.d_model, settings.d_state, settings.d_conv, settings.expand)
        self.norm = nn.LayerNorm(settings.d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.mixer(x))


class Layer(nn.Module):
    """Causal attention, then a Mamba: (B, T, d) -> (B, T, d)."""

    recomputed = BLOCKS

    def __init__(self, settings: MambaFormerSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.heads, self.drop = settings.heads, settings.dropout
        self.query_key_value, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.attention_norm, self.dropout = nn.LayerNorm(d), nn.Dropout(settings.dropout)
        self.mamba = MambaLayer(settings)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.query_key_value(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        drop = self.drop if self.training else 0.0
        heard = functional.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=drop)
        x = self.attention_norm(x + self.dropout(self.out(heard.transpose(1, 2).flatten(2))))
        return self.mamba(x)


class MambaFormer(SegmentModel):
    """The model."""

    Settings = MambaFormerSettings

    def build(self, settings: MambaFormerSettings, rate: float, samples: int, classes: int) -> None:
        token = in_samples("MambaFormer's tokens", settings.token_s, rate)
        long_enough("MambaFormer", samples, token)
        self.tokens = nn.Conv1d(sum(self.channels.values()), settings.d_model, token, stride=token)
        self.first = MambaLayer(settings)
        self.layers = nn.Sequential(*(Layer(settings) for _ in range(settings.layers)))
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(settings.d_model, classes))

    def forward(self, segments: Segments) -> SegmentOutput:
        """Logits of B segments."""
        x = self.tokens(side_by_side(segments, self.channels)).transpose(1, 2)  # (B, T, d)
        return SegmentOutput(self.head(self.layers(self.first(x)).mean(dim=1)))
