"""What makes a model of dialogues or of video one of any number of labels, each in a range of its own.

The networks are theirs but for the last linear layer, which has an output a label. What they answer in their own range
(0 to 1, Mamba-VA -1 to 1) is moved into that of each label.

B windows, L frames, C labels.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn, tensor

from affectssm.settings.own_recordings import Ranges


class IntoRanges(nn.Module):
    """Moves answers from a model's range into those of the labels.

    Args:
        ranges: lowest and highest value of each label.
        low, high: of the model's own answers.
    """

    def __init__(self, ranges: Ranges, low: float, high: float) -> None:
        super().__init__()
        lowest, highest = tensor(ranges).T
        scale = (highest - lowest) / (high - low)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", lowest - low * scale, persistent=False)

    def forward(self, answers: Tensor) -> Tensor:
        """(B, L, C), of one label (B, L) as well, -> the same."""
        scale, shift = cast(Tensor, self.scale), cast(Tensor, self.shift)
        if answers.dim() == 2:
            return answers * scale[0] + shift[0]
        return answers * scale + shift


def widen(layers: nn.Sequential, outputs: int) -> None:
    """Put a linear layer with so many outputs in the place of the last one."""
    number, last = [(n, layer) for n, layer in enumerate(layers) if isinstance(layer, nn.Linear)][-1]
    layers[number] = nn.Linear(last.in_features, outputs)
